"""Metrics as Prometheus reads them."""

import urllib.request
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.server.harness import Server, poll_until


def metrics_address(server: Server, number: int = 0) -> str:
    """HOST:PORT of its nth process, as its log has it."""
    poll_until(lambda: len(server.events("metrics_served")) > number)
    return str(server.events("metrics_served")[number]["listen"])


def page(address: str) -> str:
    """What is told there now."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def families(text: str) -> list[Metric]:
    """What the page is made of."""
    return list(text_string_to_metric_families(text))


class Page:
    """One look at the metrics of a server."""

    def __init__(self, text: str) -> None:
        self.families = families(text)

    def __getitem__(self, name: str) -> "dict[frozenset[tuple[str, str]], float]":
        return {
            frozenset(sample.labels.items()): sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name
        }

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample of that name with those labels, whatever others it has."""
        found = [value for of, value in self[name].items() if labels.items() <= dict(of).items()]
        assert len(found) == 1, f"{len(found)} samples of {name} with {labels}"
        return found[0]

    def names(self) -> Iterator[str]:
        for family in self.families:
            yield from {sample.name for sample in family.samples}


def look(server: Server, number: int = 0) -> Page:
    """At its nth process."""
    return Page(page(metrics_address(server, number)))
