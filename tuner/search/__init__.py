"""Search: which settings to try next, and which trials continue."""
