"""Formats that runs are exported to; one file each, one `@format` class."""
