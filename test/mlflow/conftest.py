"""What all tests share: the server under test, the stock client pointed at it, and fresh names."""

import os
import re
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from mlflow import MlflowClient

from policies import POLICY
from rest import Rest
from servers import ADMIN_TOKEN, free_port, greenroom, mlflow_server
from under_test import Kind, UnderTest

_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of this suite."""
    group = parser.getgroup("registry")
    group.addoption(
        "--server-under-test",
        choices=["greenroom", "mlflow"],
        default="greenroom",
        help="mlflow: run what both servers do against MLflow's own, to see that the tests say what MLflow does",
    )
    group.addoption("--race-rounds", type=int, default=1000, help="rounds of racing promotions")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what only Greenroom has when MLflow's own server is under test."""
    if config.getoption("--server-under-test") != "mlflow":
        return
    only = [item for item in items if item.get_closest_marker("greenroom_only")]
    config.hook.pytest_deselected(items=only)
    items[:] = [item for item in items if item not in only]


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's settings reaches MLflow's client, and a server error shows at once."""
    ours = {
        "MLFLOW_TRACKING_TOKEN": ADMIN_TOKEN,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "HOME": str(tmp_path_factory.mktemp("home")),
    }
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "GREENROOM_"))]:
        del os.environ[name]
    os.environ.update(ours)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def tracking_port() -> int:
    """The port of the tracking server, which Greenroom knows before there is one."""
    return free_port()


@pytest.fixture(scope="session")
def tracking(environment: None, tracking_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a tracking server apart from the registry: MLflow's own, which serves artifacts."""
    with mlflow_server(tmp_path_factory.mktemp("tracking"), tracking_port) as url:
        yield url


@pytest.fixture(scope="session")
def under_test(
    request: pytest.FixtureRequest, environment: None, tracking_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UnderTest]:
    """The server under test: Greenroom, or with `--server-under-test=mlflow` MLflow's own."""
    kind: Kind = request.config.getoption("--server-under-test")
    artifacts = tmp_path_factory.mktemp("artifacts")
    home = tmp_path_factory.mktemp("server")
    tracking = f"http://127.0.0.1:{tracking_port}"
    starting = mlflow_server(home, free_port()) if kind == "mlflow" else greenroom(home, POLICY, artifacts, tracking)
    with starting as url:
        yield UnderTest(kind, url, ADMIN_TOKEN, artifacts)


@pytest.fixture(scope="session")
def client(under_test: UnderTest) -> MlflowClient:
    """The stock client of the server under test."""
    return under_test.client()


@pytest.fixture(scope="session")
def rest(under_test: UnderTest) -> Rest:
    """The REST of the server under test."""
    return under_test.rest()


@pytest.fixture
def fresh(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes names that no other test uses."""
    stem = re.sub(r"\W+", "-", request.node.name)[:60].strip("-")
    return lambda: f"{stem}-{next(_numbers)}"


@pytest.fixture
def name(fresh: Callable[[], str], client: MlflowClient) -> str:
    """The name of a registered model without versions."""
    made = fresh()
    client.create_registered_model(made)
    return made
