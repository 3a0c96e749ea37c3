"""The textbook server: a thread pool, an engine with its defaults, one servicer."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from sqlalchemy import create_engine

from inventory_grpc.v1 import orders_pb2
from tests.benchmarks.textbook.servicer import TextbookOrders

_THREADS: Final = 10
"""What every tutorial has, and within the engine's default of 5 + 10 connections."""


def main() -> None:
    """Serve until SIGTERM; one line with the address says that it is ready."""
    engine = create_engine(os.environ["INVENTORY_DATABASE_URL"])
    server = grpc.server(ThreadPoolExecutor(_THREADS))
    create_order = grpc.unary_unary_rpc_method_handler(
        TextbookOrders(engine).create_order,
        request_deserializer=orders_pb2.CreateOrderRequest.FromString,
        response_serializer=orders_pb2.CreateOrderResponse.SerializeToString,
    )
    # As the generated code does, for one method of the service instead of all.
    server.add_registered_method_handlers(
        "inventory.v1.OrderService", {"CreateOrder": create_order}
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(1))
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
    engine.dispose()


if __name__ == "__main__":
    main()
