"""Runners: train trials, one kind per file; the protocol is in tuner.search.runner."""
