"""Runners: what trains trials, one kind a file; the protocol is in tuner.search.runner."""
