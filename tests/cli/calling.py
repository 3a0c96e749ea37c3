"""Calls the command line within the test's own process, as a pipe sees it."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import yaml
from typer.testing import CliRunner

from inventory_grpc.cli import app


@dataclass(frozen=True)
class Said:
    """What a command wrote and how it ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def yaml(self) -> Any:
        return yaml.safe_load(self.out)

    @property
    def csv(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


@dataclass(frozen=True)
class Cli:
    """`inventory-grpc` with a target."""

    target: str

    def run(self, *words: object, stdin: str = "") -> Said:
        """Whatever comes of it."""
        env = {"INVENTORY_CLIENT_TARGET": self.target}
        done = CliRunner().invoke(app, [str(each) for each in words], input=stdin, env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def ok(self, *words: object) -> Said:
        """It has to succeed."""
        said = self.run(*words)
        assert said.status == 0, said.err
        return said

    def json(self, *words: object) -> Any:
        """What it answers as JSON."""
        return self.ok(*words, "--output", "json").json
