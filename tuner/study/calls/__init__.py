"""Calls of a user's function: one call and its log; where calls are stepped, here or in workers."""
