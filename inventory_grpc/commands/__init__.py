"""The commands of `inventory-grpc`: one module each, imported when it is called."""
