"""The edge: protobuf to domain and back, form checked once, refusals told as google.rpc.Status.

No business rules and no SQL: what depends on stored data is decided behind it.
"""
