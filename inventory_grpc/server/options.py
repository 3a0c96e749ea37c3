"""The channel arguments of the server, each with why it is not gRPC's default."""

from inventory_grpc.settings import Settings

Options = list[tuple[str, int]]

_METADATA_BYTES_MORE = 4 * 1024
_SEND_BYTES_MAX = 64 * 1024 * 1024
_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
_PING_INTERVAL_MS_MIN = 10_000
_PING_STRIKES_MAX = 2
_PENDING_MAX = 100_000
_FOR_EVER_MS = 2**31 - 1


def server_options(settings: Settings, *, share_port: bool) -> Options:
    """What `grpc.aio.server` is made with."""
    return [
        # On by default, and then a second server takes the same port without a word.
        ("grpc.so_reuseport", int(share_port)),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        # Answers bound themselves, all but those of INDEPENDENT batches, whose rows are done by
        # then: gRPC would refuse to send what the caller has to be told, and clients that expect
        # much can take more than the 4 MiB of their default.
        ("grpc.max_send_message_length", _SEND_BYTES_MAX),
        # Between the two, gRPC refuses some calls at random: one limit, always the same answer.
        # It goes only for peers that have acknowledged it, so the limit that goes for everybody is
        # our own, of `rpc.registry`. This one is somewhat higher, because it counts what gRPC keeps
        # for itself, too, and cuts off what is beyond: what is left has to be above ours.
        ("grpc.max_metadata_size", settings.metadata_bytes_max + _METADATA_BYTES_MORE),
        ("grpc.absolute_max_metadata_size", settings.metadata_bytes_max + _METADATA_BYTES_MORE),
        # Bounds what one connection can cost; clients queue what is more.
        ("grpc.max_concurrent_streams", settings.streams_max),
        # On by default, it counts streams that are over for the client and not yet freed here, and
        # refuses new ones: of 1,000 calls at once on one connection half failed. Without it, 2.4
        # million resets in 8 s cost 10 MiB and delayed the loop by 40 ms, the same as with it.
        ("grpc.http.overload_protection", 0),
        # Calls that gRPC has read and Python has not. Beyond these gRPC cancels calls without a
        # reason, so they have to be out of reach of a burst that Python can still refuse properly.
        ("grpc.server.max_pending_requests", _PENDING_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING_MAX),
        # Finds clients that vanished without a word, behind a balancer for example.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # Clients may do the same, on idle connections too, but not more often than this.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS_MIN),
        # On by default: then every call and socket is counted, although nobody looks.
        ("grpc.enable_channelz", int(settings.channelz_listen is not None)),
        # One more, and the connection is cut: every ping has to be answered.
        ("grpc.http2.max_ping_strikes", _PING_STRIKES_MAX),
        *_connection_options(settings),
    ]


def _connection_options(settings: Settings) -> Options:
    return [
        # Each costs memory and a descriptor, of which a stranger could otherwise take all.
        ("grpc.max_allowed_incoming_connections", settings.connections_max),
        # TLS, and then the first frame of HTTP/2; no door is passed before that is done.
        ("grpc.server_handshake_timeout_ms", _milliseconds(settings.handshake_seconds_max)),
        # gRPC asks the client to connect again and finishes its calls; callers notice nothing.
        ("grpc.max_connection_age_ms", _limit_ms(settings.connection_age_seconds_max)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(settings.connection_grace_seconds)),
        ("grpc.max_connection_idle_ms", _limit_ms(settings.connection_idle_seconds_max)),
    ]


def _limit_ms(seconds: float) -> int:
    return _milliseconds(seconds) if seconds else _FOR_EVER_MS


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1_000)
