"""Scores -> decisions: the cascade, the same in SQL, tables joined, labels, run.yaml."""
