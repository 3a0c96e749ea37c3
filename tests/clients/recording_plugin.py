"""A protoc plugin that writes down what it was asked for: one JSON file named by its argument."""

import json
import sys

from google.protobuf.compiler import plugin_pb2


def main() -> None:
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    packages = {file.name: file.options.go_package for file in request.proto_file}
    seen = {
        "files": {name: packages[name] for name in request.file_to_generate},
        "options": request.parameter,
    }
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    response.file.add(name=f"{sys.argv[1]}.json", content=json.dumps(seen))
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
