"""`python -m inventory_grpc` is the command `inventory-grpc`."""

from inventory_grpc.cli import main

if __name__ == "__main__":
    main()
