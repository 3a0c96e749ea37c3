"""Handlers that only read.

Plain functions, which the guard runs in the reads' threads; those of the calls that come by the
thousand are asynchronous, because calls that arrive together share a query.
"""
