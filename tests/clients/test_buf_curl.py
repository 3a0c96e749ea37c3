"""`buf curl`, which learns the methods and the types of the details from reflection."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.clients.hold_journey import check_hold, travel_with_hold
from tests.clients.journey import BIN, Json, Refused, check, messages, run, travel, unpadded
from tests.clients.watch_journey import check_watch, travel_and_watch
from tests.server.harness import Server

_BUF = str(BIN / "buf")
_CURL = (_BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge")
_REFLECTION = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def test_buf_curl_orders_holds_and_is_refused_in_detail(server: Server, tmp_path: Path) -> None:
    call = partial(_call, server, tmp_path)
    check(travel(call))
    check_hold(travel_with_hold(call))


def test_buf_curl_follows_the_changes(server: Server, tmp_path: Path) -> None:
    check_watch(travel_and_watch(partial(_call, server, tmp_path)))


def _call(server: Server, directory: Path, method: str, request: Json) -> Sequence[Json]:
    address = f"http://{server.target}/inventory.v1.{method}"
    done = run(*_CURL, "-d", json.dumps(request), address)
    if done.returncode == 0:
        return list(messages(done.stdout))
    error = json.loads(done.stderr)
    details = (
        _decoded(server, directory, each["type"], unpadded(each["value"]))
        for each in error["details"]
    )
    raise Refused(error["code"].upper(), tuple(details))


def _decoded(server: Server, directory: Path, message: str, value: bytes) -> Json:
    """Buf prints a detail's bytes and decodes them in a second step."""
    image = directory / f"{message}.binpb"
    image.write_bytes(_described(server, message))
    flags = ("--type", message, "--from", "-#format=binpb", "--to", "-#format=json")
    done = run(_BUF, "convert", str(image), *flags, given=value)
    assert done.returncode == 0, done.stderr.decode()
    return {"@type": f"type.googleapis.com/{message}", **json.loads(done.stdout)}


def _described(server: Server, message: str) -> bytes:
    """The message's file and all that it imports, as the server describes them."""
    question = json.dumps({"fileContainingSymbol": message})
    done = run(*_CURL, "-d", question, f"http://{server.target}/{_REFLECTION}")
    assert done.returncode == 0, done.stderr.decode()
    files = json.loads(done.stdout)["fileDescriptorResponse"]["fileDescriptorProto"]
    described = FileDescriptorSet()
    for file in files:
        described.file.add().MergeFromString(unpadded(file.rstrip("=")))
    return described.SerializeToString()
