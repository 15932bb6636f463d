"""Plots: the pictures of a study, one kind a file."""

import matplotlib

# The settings of matplotlib that lie in the current folder may be a stranger's.
matplotlib.rcdefaults()
