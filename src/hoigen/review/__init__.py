"""The app in which people look at clips: a database, a queue that lends work, pages (docs/review.md)."""
