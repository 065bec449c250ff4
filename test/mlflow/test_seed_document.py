"""Everything that the document about the registry (model-registry.md) shows in Python and on the command line works
as it is printed, in the order in which it is printed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import Ridge

from rest import Rest
from servers import PATIENT, ROOT
from test_gates import eventually
from tokens import make_token
from under_test import UnderTest

pytestmark = pytest.mark.greenroom_only
CLIENT = ROOT / "clients" / "python"
DOCUMENT = Path(__file__).with_name("model-registry.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|bash)\n(.*?)```", DOCUMENT, re.DOTALL)
NAME = "rossmann-ensemble"
HOLDOUT = pd.read_csv(ROOT / "examples" / "rossmann" / "holdout.csv")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs commands as somebody, in the folder of the client."""

    def __init__(self, under_test: UnderTest, tracking: str) -> None:
        self._under_test = under_test
        self._where = PATIENT | {"MLFLOW_TRACKING_URI": tracking, "MLFLOW_REGISTRY_URI": under_test.url}
        self.author, self.approver = ("dave", "registrar"), ("alice", "approver")

    def environment(self, user: tuple[str, str]) -> dict[str, str]:
        """What MLflow's client is told by the environment."""
        return {**self._where, "MLFLOW_TRACKING_TOKEN": make_token(self._under_test, *user)}

    def run(self, command: str, user: tuple[str, str]) -> Ended:
        """Runs a command line; `python` is the one that runs these tests."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        env = {**os.environ, **self.environment(user), "PATH": path}
        ran = subprocess.run(["bash", "-c", command], cwd=CLIENT, env=env, capture_output=True, text=True, check=False)
        return Ended(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture(scope="module")
def terminal(under_test: UnderTest, tracking: str) -> Terminal:
    """A terminal beside the two servers."""
    return Terminal(under_test, tracking)


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> Iterator[None]:
    """This process is the approver, and finds the client's modules as PYTHONPATH=clients/python makes it."""
    for name, value in terminal.environment(terminal.approver).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(CLIENT))
    yield


def register(strength: float) -> str:
    """Logs and registers a version; gives its number."""
    features, target = HOLDOUT.drop(columns="Sales"), HOLDOUT["Sales"]
    with mlflow.start_run():
        model = Ridge(alpha=strength).fit(features, target)
        logged = mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
    return str(mlflow.register_model(logged.model_uri, NAME).version)


def test_the_document_has_what_is_run_here() -> None:
    languages = [language for language, _ in BLOCKS]
    assert (languages.count("python"), languages.count("bash")) == (6, 2)
    assert "load_model" in BLOCKS[0][1]


def test_the_document_works_as_printed(
    terminal: Terminal,
    under_test: UnderTest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_user: None,
) -> None:
    client = MlflowClient()

    def register_as_author(strength: float) -> None:
        with monkeypatch.context() as author:
            for key, value in terminal.environment(terminal.author).items():
                author.setenv(key, value)
            version = register(strength)
        url = f"models/{NAME}/versions/{version}"
        look = under_test.rest().call
        eventually(lambda: look("GET", url, api="/api/v1").ok()["state"] == "awaitingApproval", "people are asked")

    register_as_author(1.0)
    client.transition_model_version_stage(NAME, "1", "Production")
    register_as_author(10.0)
    register_as_author(100.0)
    eventually(lambda: bool(client.get_model_version(NAME, "3").run_id), "the run of the logged model is known")
    run_id = client.get_model_version(NAME, "3").run_id

    # As in one session: a name stays known to what comes later in the document.
    names: dict[str, Any] = {"X_test": HOLDOUT.drop(columns="Sales").head(20)}
    printed: list[str] = []
    capsys.readouterr()
    for language, text in BLOCKS:
        if language == "bash":
            for line in text.splitlines():
                if line and not line.startswith("#"):
                    ended = terminal.run(line, terminal.approver)
                    assert (ended.code, ended.err.strip()) == (0, ""), line
                    printed.append(ended.out)
            continue
        exec(compile(text, "model-registry.md", "exec"), names)
        printed.append(capsys.readouterr().out)
        if "predictions" in names:
            predictions = names.pop("predictions")
            assert predictions.shape == (20,) and np.isfinite(predictions).all()

    by_stage, by_version, validated, promoted, promoted_3, promote, version, details, models = printed
    assert by_stage == by_version == promote == ""
    assert validated == f"{NAME} version 3 is in Staging.\n"
    assert promoted == promoted_3 == f"{NAME} version 3 is in Production.\n"
    assert version == "Production version: 3\n"
    assert details.splitlines() == [
        "Stage: Production",
        f"Run ID: {run_id}",
        "Version 3: Production",
        "Version 2: Staging",
        "Version 1: Archived",
    ]
    assert NAME in models.splitlines()


@pytest.mark.parametrize("name", ["it's", 'said "so"', 'it\'s "so"', "it's _so\""])
def test_a_model_is_told_with_its_versions_whatever_quotes_are_in_its_name(
    rest: Rest, as_user: None, name: str
) -> None:
    from models.model_registry import get_model_info

    rest.post("registered-models/create", name=name).ok()
    for _ in range(2):
        rest.post("model-versions/create", name=name, source="s3://bucket/model").ok()
    assert [version["version"] for version in get_model_info(name)["versions"]] == ["2", "1"]


def test_the_script_tells_who_may_not_decide_where_to_ask(terminal: Terminal, as_user: None) -> None:
    client = MlflowClient()
    command = "python src/models/validate_model.py --promote-to-production --version 2"
    ended = terminal.run(command, terminal.author)
    assert (ended.code, ended.out) == (3, "")
    assert "Traceback" not in ended.err and "approv" in ended.err.lower()
    assert client.get_model_version(NAME, "2").current_stage == "Staging"


def test_the_script_tells_why_a_version_stays_in_none(
    terminal: Terminal, under_test: UnderTest, client: MlflowClient
) -> None:
    client.create_registered_model("gated-broken")
    client.create_model_version("gated-broken", (under_test.artifacts / "nowhere.bin").as_uri())
    ended = terminal.run("python src/models/validate_model.py --model gated-broken", terminal.author)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("gated-broken version 1 stays in None.")
    assert "artifact" in ended.err and "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ("--model no-such-model", 1, "Registered Model with name"),
        ("--version 99", 1, "not found"),
        ("--promote-to-production --version 99", 1, "not found"),
        ("--nonsense", 2, "usage:"),
    ],
)
def test_the_script_called_in_vain_says_why(terminal: Terminal, options: str, code: int, says: str) -> None:
    ended = terminal.run(f"python src/models/validate_model.py {options}", terminal.approver)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err and "Traceback" not in ended.err


def test_the_script_wants_to_know_where_the_registry_is(terminal: Terminal) -> None:
    command = "env -u MLFLOW_REGISTRY_URI -u MLFLOW_TRACKING_URI python src/models/validate_model.py"
    ended = terminal.run(command, terminal.approver)
    assert ended.code == 2
    assert "set MLFLOW_REGISTRY_URI" in ended.err
