"""Report: everything about a study that people read."""
