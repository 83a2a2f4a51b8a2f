"""Who runs the tasks: supervised processes on this machine."""
