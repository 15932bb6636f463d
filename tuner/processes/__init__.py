"""Processes: work beside a study, the lock on it, and how children start."""
