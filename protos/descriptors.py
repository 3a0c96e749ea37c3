"""Writes the descriptor set: the API and all that its errors carry, in one file.

It has what no call can be made or understood without when a server hides its schema: the messages
and services of inventory.v1 with their comments, and google.rpc's status and details.

protoc makes it and not buf, which takes no files from outside the workspace: those of google.rpc
come with googleapis-common-protos.
"""

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_tools import protoc  # type: ignore[import-untyped]

_OURS = Path(__file__).parent
_GOOGLE = Path(error_details_pb2.__file__).parents[2]
_WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
_DETAILS = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def write(path: Path) -> None:
    """Write it. Raises RuntimeError when protoc does not take the protos."""
    ours = sorted(each.relative_to(_OURS).as_posix() for each in _OURS.rglob("*.proto"))
    places = [f"--proto_path={place}" for place in (_OURS, _GOOGLE, _WELL_KNOWN)]
    kinds = ("--include_imports", "--include_source_info")
    arguments = [*places, *kinds, f"--descriptor_set_out={path}", *ours, *_DETAILS]
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError("protoc failed; above it says why")
    path.write_bytes(_without_comments_of_others(path.read_bytes()))


def _without_comments_of_others(descriptors: bytes) -> bytes:
    """Google's comments would make three quarters of the file."""
    files = FileDescriptorSet.FromString(descriptors)
    for file in files.file:
        if not file.name.startswith("inventory_grpc/"):
            file.ClearField("source_code_info")
    return files.SerializeToString(deterministic=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
