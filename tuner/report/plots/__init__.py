"""Plots: the pictures of a study, one kind a file."""
