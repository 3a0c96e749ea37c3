"""Writes the reference of the API as Markdown: every service, method, message, field and enum.

All of it comes from the comments of the protos, by way of the descriptor set. Own code,
because what there is makes a website or is a program that the locked environment cannot have.
Markdown is read where the repository is, and its changes beside those of the protos.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

_PACKAGE: Final = ".inventory.v1."
_HEAD: Final = """\
# Reference of inventory.v1

<!-- Made from the protos by `make reference`. Do not edit. -->

Every service, method, message and enum with what the protos say about it. The same as `.proto`:
[`protos/inventory_grpc/v1`](../protos/inventory_grpc/v1). What each refusal means and what to do:
[errors.md](errors.md).
"""
# Places of the parts of a descriptor, which its comments are found by.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_MEMBER, _NESTED, _NESTED_ENUM, _ONEOF = 2, 3, 4, 8

Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the API, and its comments by the place they are at."""

    descriptor: FileDescriptorProto
    comments: dict[Place, str]

    def comment(self, *place: int) -> str:
        """What is said there; each part says something, which `buf lint` sees to."""
        return self.comments[place]


def write(descriptors: Path, path: Path) -> None:
    """Write the reference of the API in the descriptor set."""
    files = FileDescriptorSet.FromString(descriptors.read_bytes()).file
    ours = [_file(each) for each in files if each.name.startswith("inventory_grpc/")]
    ours.sort(key=lambda file: file.descriptor.name)
    parts = [_HEAD, "\n".join(_contents(ours)), *_services(ours), *_types(ours)]
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _file(descriptor: FileDescriptorProto) -> File:
    """The file, its comments without the space that `//` is followed by."""
    places = descriptor.source_code_info.location
    comments = {
        tuple(place.path): re.sub(r"(?m)^ ", "", place.leading_comments).strip() for place in places
    }
    return File(descriptor, comments)


def _contents(files: list[File]) -> Iterator[str]:
    for file in files:
        for service in file.descriptor.service:
            methods = (
                _link(method.name, f"{service.name}.{method.name}") for method in service.method
            )
            yield f"- {_link(service.name)}: {', '.join(methods)}"
    for file in files:
        names = [message.name for message in file.descriptor.message_type]
        names += [enum.name for enum in file.descriptor.enum_type]
        shared = [name for name in names if not name.endswith(("Request", "Response"))]
        yield f"- `{Path(file.descriptor.name).name}`: {', '.join(_link(name) for name in shared)}"


def _services(files: list[File]) -> Iterator[str]:
    for file in files:
        for index, service in enumerate(file.descriptor.service):
            yield f"## {service.name}"
            yield _prose(file.comment(_SERVICE, index))
            yield from _methods(file, index, service)


def _methods(file: File, place: int, service: ServiceDescriptorProto) -> Iterator[str]:
    for index, method in enumerate(service.method):
        yield f"### {service.name}.{method.name}"
        stream = "stream of " if method.server_streaming else ""
        yield f"{_type(method.input_type)} → {stream}{_type(method.output_type)}"
        yield _errors_linked(_prose(file.comment(_SERVICE, place, _MEMBER, index)))


def _types(files: list[File]) -> Iterator[str]:
    for file in files:
        yield f"## {Path(file.descriptor.name).name}"
        for index, message in enumerate(file.descriptor.message_type):
            yield from _message(file, message, message.name, (_MESSAGE, index))
        for index, enum in enumerate(file.descriptor.enum_type):
            yield from _enum(file, enum, enum.name, (_ENUM, index))


def _message(file: File, message: DescriptorProto, name: str, place: Place) -> Iterator[str]:
    yield f"### {name}"
    yield _prose(file.comment(*place))
    if message.field:
        rows = (_field(file, message, index, place) for index in range(len(message.field)))
        yield _table(("Field", "No.", "Type", "What it is"), rows)
    for index, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(file, nested, f"{name}.{nested.name}", (*place, _NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum(file, enum, f"{name}.{enum.name}", (*place, _NESTED_ENUM, index))


def _field(file: File, message: DescriptorProto, index: int, place: Place) -> Iterable[str]:
    field = message.field[index]
    said = _cell(file.comment(*place, _MEMBER, index))
    if field.HasField("oneof_index") and not field.proto3_optional:
        oneof = message.oneof_decl[field.oneof_index]
        about = _cell(file.comment(*place, _ONEOF, field.oneof_index))
        said = f"{said}<br>One of `{oneof.name}`: {about}"
    return f"`{field.name}`", str(field.number), _field_type(message, field), said


def _field_type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    entries = {f".{each.name}": each for each in message.nested_type if each.options.map_entry}
    entry = next((each for end, each in entries.items() if field.type_name.endswith(end)), None)
    if entry is not None:
        key, value = (_field_type(entry, each) for each in entry.field)
        return f"map of {key} to {value}"
    # The names of scalar types are those of the enum's values: TYPE_INT64.
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    kind = _type(field.type_name) if field.type_name else scalar
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {kind}"
    return f"optional {kind}" if field.proto3_optional else kind


def _enum(file: File, enum: EnumDescriptorProto, name: str, place: Place) -> Iterator[str]:
    yield f"### {name}"
    yield _prose(file.comment(*place))
    rows = (
        (
            _value(enum.name, each.name),
            str(each.number),
            _cell(file.comment(*place, _MEMBER, index)),
        )
        for index, each in enumerate(enum.value)
    )
    yield _table(("Value", "No.", "What it means"), rows)


def _value(enum: str, name: str) -> str:
    reason = name.removeprefix("ERROR_REASON_")
    if enum == "ErrorReason" and reason != "UNSPECIFIED":
        return f"[`{name}`](errors.md#{reason.lower()})"
    return f"`{name}`"


def _type(name: str) -> str:
    ours = name.removeprefix(_PACKAGE)
    return f"`{name[1:]}`" if ours == name else _link(ours)


def _link(text: str, heading: str = "") -> str:
    anchor = re.sub(r"[^a-z0-9_]", "", (heading or text).lower())
    return f"[{text}](#{anchor})"


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(comment: str) -> str:
    lines = re.sub(r"\n- ", "<br>- ", _prose(comment)).split("\n")
    return " ".join(lines).replace("|", r"\|")


def _prose(comment: str) -> str:
    """The comment as Markdown: what is no code and no list has no stars that mean anything."""
    parts = re.split(r"(`[^`]*`)", comment)
    return "".join(part if part.startswith("`") else part.replace("*", r"\*") for part in parts)


def _errors_linked(comment: str) -> str:
    """The comment with every reason behind `Errors:` linked, for none is named elsewhere."""
    said, errors, reasons = comment.partition("Errors:")
    linked = re.sub(
        r"\b[A-Z]+_[A-Z_]+\b", lambda name: f"[{name[0]}](errors.md#{name[0].lower()})", reasons
    )
    return f"{said.strip()}\n\n{errors}{linked}" if errors else comment


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
