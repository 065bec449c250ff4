"""Promotions that race each other through the REST: there is one version in Production at every moment, never two,
and never none once one was there.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest
from mlflow import MlflowClient

from under_test import UnderTest

pytestmark = pytest.mark.greenroom_only
RACERS = 2
VERSIONS = 8
API = "/api/2.0/mlflow/model-versions"


class Line:
    """One kept connection, for one thread."""

    def __init__(self, under_test: UnderTest) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(under_test.url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {under_test.token}", "Content-Type": "application/json"}

    def promote(self, name: str, version: str) -> None:
        """Promotes a version, which archives the others."""
        wish = {"name": name, "version": version, "stage": "Production", "archive_existing_versions": True}
        self._call("POST", f"{API}/transition-stage", json.dumps(wish))

    def in_production(self, name: str) -> list[str]:
        """The versions in Production, all as they were at one moment."""
        query = urlencode({"filter": f"name = '{name}'"})
        found = self._call("GET", f"{API}/search?{query}", None)["model_versions"]
        assert len(found) == VERSIONS
        return [version["version"] for version in found if version["current_stage"] == "Production"]

    def _call(self, method: str, path: str, body: str | None) -> dict[str, list[dict[str, str]]]:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        text = response.read()
        assert response.status == 200, f"{response.status}: {text.decode()}"
        answer: dict[str, list[dict[str, str]]] = json.loads(text)
        return answer


def test_racing_promotions_leave_exactly_one_version_in_production(
    request: pytest.FixtureRequest, under_test: UnderTest, client: MlflowClient, fresh: Callable[[], str]
) -> None:
    rounds = int(request.config.getoption("--race-rounds"))
    name = fresh()
    client.create_registered_model(name)
    for _ in range(VERSIONS):
        client.create_model_version(name, "s3://bucket/model")
    Line(under_test).promote(name, "1")
    over = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        line = Line(under_test)
        while not over.is_set():
            seen.append(len(line.in_production(name)))
            time.sleep(0.005)

    lines = [Line(under_test) for _ in range(RACERS)]
    chooser = random.Random(rounds)
    with ThreadPoolExecutor(RACERS + 1) as pool:
        watcher = pool.submit(watch)
        try:
            for _ in range(rounds):
                racing = chooser.sample(range(1, VERSIONS + 1), RACERS)
                raced = [
                    pool.submit(line.promote, name, str(version)) for line, version in zip(lines, racing, strict=True)
                ]
                for race in raced:
                    race.result()
                (winner,) = lines[0].in_production(name)
                assert int(winner) in racing
        finally:
            over.set()
        watcher.result()
    assert len(seen) > rounds / 10, "the watcher hardly looked"
    assert set(seen) == {1}


def test_the_history_of_a_raced_model_has_every_move_and_an_unbroken_chain(
    under_test: UnderTest, client: MlflowClient, fresh: Callable[[], str]
) -> None:
    name = fresh()
    client.create_registered_model(name)
    for _ in range(VERSIONS):
        client.create_model_version(name, "s3://bucket/model")
    lines = [Line(under_test) for _ in range(VERSIONS)]
    with ThreadPoolExecutor(VERSIONS) as pool:
        list(pool.map(lambda line: line[1].promote(name, str(line[0] + 1)), enumerate(lines)))
    answer = under_test.rest().call("GET", f"models/{name}/history", query={"limit": "1000"}, api="/api/v1").ok()
    promoted = [event for event in answer["events"] if event["to"] and event["to"]["stage"] == "Production"]
    assert sorted(event["version"] for event in promoted) == list(range(1, VERSIONS + 1))
    assert answer["intact"] is True
