"""A gRPC service that owns products, stock and orders for other backends."""
