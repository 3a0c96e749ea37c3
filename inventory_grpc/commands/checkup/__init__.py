"""What `inventory-grpc doctor` looks at, one module per place."""
