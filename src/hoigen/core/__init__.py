"""What everything stands on: types, errors, settings, plug-ins by name, what may be run and opened."""
