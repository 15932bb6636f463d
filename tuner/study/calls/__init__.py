"""Calls of a user's function and their logs, stepped here or in workers."""
