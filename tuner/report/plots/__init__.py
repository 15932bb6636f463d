"""Plots: the pictures of a study, one kind per file."""

import matplotlib

# A matplotlibrc in the current folder may be somebody else's.
matplotlib.rcdefaults()
