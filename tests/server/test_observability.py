"""The dashboard and the alerts that are shipped: Prometheus takes them, and whatever they ask for
is told by a server."""

import json
import re
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.conftest import Postgres, _made
from tests.server.harness import Server, poll_until, running
from tests.server.pki import Authority
from tests.server.prometheus import promtool, tool
from tests.server.scraping import Page, metrics_address, page

_SHIPPED: Final = files("inventory_grpc") / "observability"
_DOCS: Final = Path(__file__).parents[2] / "docs"
_ALERTS: Final[str] = (_SHIPPED / "alerts.yml").read_text()
_DASHBOARD: Final[dict[str, Any]] = json.loads((_SHIPPED / "dashboard.json").read_text())
_RULES: Final[list[dict[str, Any]]] = yaml.safe_load(_ALERTS)["groups"][0]["rules"]

_SELECTOR = re.compile(r"\b((?:inventory|grpc_server|process)_[a-z_]+)(?:\{([^}]*)\})?(?!\w)")
_LABEL = re.compile(r"(\w+)\s*[=!]~?")
_OF_PROMETHEUS: Final = {"job", "instance"}
"""Labels that a scrape adds."""


@pytest.fixture(scope="module")
def served(
    postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that has everything there are metrics of."""
    directory = tmp_path_factory.mktemp("observability")
    certificate, key = Authority().server().written(directory)
    flags = (
        *("--no-migrate", "--metrics-listen", "127.0.0.1:0"),
        *("--tls-certificate-file", str(certificate), "--tls-key-file", str(key)),
    )
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(directory / "log", *flags, database_url=database.url) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def told(served: Server) -> Page:
    return Page(page(metrics_address(served)))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_expressions() -> list[str]:
    """As Grafana sends them."""
    raw = [target["expr"] for panel in panels() for target in panel["targets"]]
    chosen = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*"}
    for name, value in chosen.items():
        raw = [expression.replace(name, value) for expression in raw]
    return raw


def alert_expressions() -> list[str]:
    return [rule["expr"] for rule in _RULES]


# -- the page --------------------------------------------------------------------------------------


def test_promtool_has_nothing_to_say_against_the_page(served: Server) -> None:
    assert promtool("check", "metrics", given=page(metrics_address(served))) == ""


@pytest.mark.parametrize("expression", [*dashboard_expressions(), *alert_expressions()])
def test_everything_asked_for_is_on_the_page(expression: str, told: Page) -> None:
    selectors = _SELECTOR.findall(expression)
    assert selectors
    for name, matchers in selectors:
        samples = told[name]
        assert samples, f"{name} is not told"
        labels = {label for sample in samples for label, _ in sample} | _OF_PROMETHEUS
        assert set(_LABEL.findall(matchers)) <= labels, f"{name} has no such labels: {matchers}"


def test_everything_of_the_inventory_on_the_page_is_asked_for(told: Page) -> None:
    """What nobody looks at is not worth telling."""
    asked = " ".join([*dashboard_expressions(), *alert_expressions()])
    own = {family.name for family in told.families if family.name.startswith("inventory_")}
    assert [name for name in sorted(own) if name not in asked] == []


# -- the dashboard ---------------------------------------------------------------------------------


def test_every_metric_that_the_docs_name_is_on_the_page(told: Page) -> None:
    text = (_DOCS / "observing.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:inventory|grpc_server)_[a-z_]+)[`{]", text))
    families = {family.name for family in told.families}
    assert len(named) > 15
    assert named - families - set(told.names()) == set()


def test_grafana_can_place_every_panel() -> None:
    places = [(panel["id"], panel["gridPos"]) for panel in _DASHBOARD["panels"]]
    assert len({number for number, _ in places}) == len(places)
    for _, place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for (one, here), (other, there) in combinations(places, 2):
        apart = (
            here["x"] + here["w"] <= there["x"]
            or there["x"] + there["w"] <= here["x"]
            or here["y"] + here["h"] <= there["y"]
            or there["y"] + there["h"] <= here["y"]
        )
        assert apart, f"panels {one} and {other} overlap"


def test_the_dashboard_asks_whatever_prometheus_it_is_given() -> None:
    names = {variable["name"] for variable in _DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "job", "instance"}
    assert (_DASHBOARD["id"], _DASHBOARD["uid"]) == (None, "inventory-grpc")
    for panel in panels():
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:{number}", "expr": expression}
        for number, expression in enumerate(dashboard_expressions())
    ]
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(path))


# -- the alerts ------------------------------------------------------------------------------------


def test_promtool_takes_the_alerts(tmp_path: Path) -> None:
    assert f"{len(_RULES)} rules found" in promtool("check", "rules", str(alerts_in(tmp_path)))


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in _RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "action"}


CALLS: Final = (
    'grpc_server_handled_total{{job="shop", grpc_service="inventory.v1.OrderService", '
    'grpc_code="{}"}}'
)
FIRING: Final = {
    "InventoryGone": {},
    "InventoryCallsFail": {CALLS.format("OK"): "0+100x60", CALLS.format("INTERNAL"): "0+2x60"},
    "InventoryNobodySweeps": {'inventory_hold_sweeper_leads{job="shop"}': "0x60"},
    "InventorySweeperBehind": {'inventory_holds_due{job="shop"}': "500x60"},
    "InventoryStreamStuck": {
        'inventory_stream_looked_timestamp_seconds{job="shop"}': "0x60",
        'inventory_database_up{job="shop", database="primary"}': "1x60",
    },
    "InventoryCertificateEnds": {
        'inventory_certificate_expiry_timestamp_seconds{job="shop"}': "500000x120"
    },
    "InventoryFilesRunOut": {
        'process_open_fds{job="shop", instance="a"}': "90x60",
        'process_max_fds{job="shop", instance="a"}': "100x60",
        'inventory_build_info{job="shop", instance="a"}': "1x60",
    },
}
QUIET: Final = {
    "InventoryGone": {'inventory_build_info{job="shop"}': "1x60"},
    "InventoryCallsFail": {
        CALLS.format("OK"): "0+100x60",
        CALLS.format("FAILED_PRECONDITION"): "0+90x60",
    },
    "InventoryNobodySweeps": {
        'inventory_hold_sweeper_leads{job="shop", instance="a"}': "0x60",
        'inventory_hold_sweeper_leads{job="shop", instance="b"}': "1x60",
    },
    "InventoryStreamStuck": {
        # A database that is away has an alert of its own.
        'inventory_stream_looked_timestamp_seconds{job="shop"}': "0x60",
        'inventory_database_up{job="shop", database="primary"}': "0x60",
    },
    "InventoryCertificateEnds": {
        'inventory_certificate_expiry_timestamp_seconds{job="shop"}': "5000000x120"
    },
}


@pytest.mark.parametrize(("fires", "cases"), [(True, FIRING), (False, QUIET)])
def test_alerts_fire_when_they_should(
    fires: bool, cases: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    tests = [_alert_test(name, series, fires) for name, series in cases.items()]
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(alerts_in(tmp_path))], "tests": tests}))
    promtool("test", "rules", str(path))


def _alert_test(name: str, series: dict[str, str], fires: bool) -> dict[str, Any]:
    """After an hour of one value a minute. What it counts is whether, not what it says."""
    return {
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                "eval_time": "59m" if "Certificate" not in name else "110m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def alerts_in(directory: Path) -> Path:
    path = directory / "alerts.yml"
    path.write_text(_ALERTS)
    return path


# -- a real Prometheus -----------------------------------------------------------------------------


class Prometheus:
    """One that scrapes a server every second."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310
            told = json.load(answer)
        assert told["status"] == "success"
        return told["data"]

    def values(self, expression: str) -> list[float]:
        return [float(each["value"][1]) for each in self.ask("query", query=expression)["result"]]

    def answers(self) -> bool:
        try:
            return self.values("up") == [1]
        except OSError:
            return False


@contextmanager
def prometheus(target: str, directory: Path) -> Iterator[Prometheus]:
    scrape = {"job_name": "shop", "static_configs": [{"targets": [target]}]}
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = directory / "prometheus.yml"
    rules = [str(alerts_in(directory))]
    config.write_text(
        yaml.safe_dump({"global": every, "rule_files": rules, "scrape_configs": [scrape]})
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        *(tool("prometheus"), f"--config.file={config}", f"--web.listen-address={listen}"),
        f"--storage.tsdb.path={directory / 'data'}",
    ]
    with (
        (directory / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stderr=log) as process,
    ):
        try:
            yield Prometheus(f"http://{listen}")
        finally:
            process.terminate()


def test_a_real_prometheus_scrapes_and_evaluates_everything(served: Server, tmp_path: Path) -> None:
    with prometheus(metrics_address(served), tmp_path) as real:
        poll_until(real.answers, seconds_max=30)
        poll_until(lambda: len(real.ask("rules")["groups"]) == 1)
        poll_until(
            lambda: all(rule["health"] == "ok" for rule in real.ask("rules")["groups"][0]["rules"])
        )
        assert real.values("count(grpc_server_started_total)")[0] > 30
        assert real.values("inventory_database_up") == [1]
        for expression in dashboard_expressions():
            real.values(expression)
