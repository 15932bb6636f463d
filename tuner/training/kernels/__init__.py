"""Kernels: what is compiled. Model passes, the step, and the compiler of rules."""

from numba.core import config

# The settings of numba that lie in the current folder may be a stranger's: forget those that it has
# read, and read none when it compiles.
config._config_fname = ""
config.reload_config()
