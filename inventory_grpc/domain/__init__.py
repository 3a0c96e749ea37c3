"""What a stock service is about: plain data, legal transitions, pure decisions, typed refusals.

Standard library only: nothing in here knows protobuf, SQL, a clock or a source of randomness.
"""
