"""The numeric core: how a population of models learns (numpy and numba only)."""
