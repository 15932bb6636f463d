"""Report: what people read of a study."""
