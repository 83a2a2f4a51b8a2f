"""What lies on the disk: a run's folder, its tables, its list of videos."""
