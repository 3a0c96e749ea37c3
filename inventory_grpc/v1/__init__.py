"""Generated from ``protos/inventory_grpc/v1`` by ``make proto``; do not edit."""
