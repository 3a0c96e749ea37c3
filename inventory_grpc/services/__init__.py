"""Use cases: one transaction each, no protobuf."""
