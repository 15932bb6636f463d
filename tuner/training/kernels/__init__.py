"""Kernels: compiled code. Model passes, the step, and the compiler of rules."""

from numba.core import config

# Numba reads settings from a file in the current folder, which is not trusted. Forget what it has
# read, and make it read none when it compiles.
config._config_fname = ""
config.reload_config()
