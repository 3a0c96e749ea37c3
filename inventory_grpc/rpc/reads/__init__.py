"""Handlers that only read: plain functions, which the guard runs in the reads' threads."""
