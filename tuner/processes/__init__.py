"""Processes that run beside a study, and the lock on it."""
