"""Kernels: what is compiled. Model passes, the step, and the compiler of rules."""
