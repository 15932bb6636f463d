"""Calls of a user function and their logs, stepped in this process or in workers."""
