"""The channel arguments of the server, each with why it is not gRPC's default."""

from inventory_grpc.settings import Settings

Options = list[tuple[str, int]]

_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
_PING_INTERVAL_MS_MIN = 10_000
_HANDSHAKE_MS_MAX = 20_000


def server_options(settings: Settings, *, share_port: bool) -> Options:
    """What `grpc.aio.server` is made with."""
    return [
        # On by default, and then a second server takes the same port without a word.
        ("grpc.so_reuseport", int(share_port)),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        # Between the two, gRPC refuses some calls at random: one limit, always the same answer.
        ("grpc.max_metadata_size", settings.metadata_bytes_max),
        ("grpc.absolute_max_metadata_size", settings.metadata_bytes_max),
        # Bounds what one connection can cost by opening and resetting streams.
        ("grpc.max_concurrent_streams", settings.streams_max),
        # Calls that gRPC has read and Python has not: ours to refuse, with a reason.
        ("grpc.server.max_pending_requests", 2 * settings.in_flight_max),
        ("grpc.server.max_pending_requests_hard_limit", 4 * settings.in_flight_max),
        # Finds clients that vanished without a word, behind a balancer for example.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # Clients may do the same, on idle connections too, but not more often than this.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS_MIN),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS_MAX),
    ]
