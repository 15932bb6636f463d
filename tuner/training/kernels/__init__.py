"""Kernels: what is compiled. Model passes, the step, and the compiler of rules."""

from tuner.files import elsewhere

with elsewhere():  # it reads .numba_config.yaml, which may be a stranger's
    from numba.core import config

# It would read that file again whenever it compiles.
config._config_fname = ""
