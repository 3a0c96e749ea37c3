"""Mutating handlers: parse, one call into the write path, reply."""
