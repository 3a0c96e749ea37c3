"""Ordinary reads, one module per noun; each function runs one statement.

Pages are keyset pages: rows behind a position in the order of an index, so that page 10,000 costs
what page 1 costs and rows inserted meanwhile make none repeat or vanish.
"""
