"""A team's training, with MLflow's own tracking server beside Greenroom: only the two addresses are set."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.datasets import load_diabetes

from servers import PATIENT
from test_gates import denial, eventually, requests_about
from tokens import make_token
from under_test import UnderTest

pytestmark = pytest.mark.greenroom_only
_numbers = count(1)
Train = Callable[[str, float], np.ndarray]


@pytest.fixture
def train(tracking: str, under_test: UnderTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Train:
    """Trains in a process of its own as `dave`, and gives what the model predicted there.

    From now on the environment names the two servers.
    """
    for key, value in (PATIENT | {"MLFLOW_TRACKING_URI": tracking, "MLFLOW_REGISTRY_URI": under_test.url}).items():
        monkeypatch.setenv(key, value)

    def run(name: str, strength: float) -> np.ndarray:
        file = tmp_path / f"{next(_numbers)}.npy"
        token = make_token(under_test, "dave", "registrar")
        command = [sys.executable, str(Path(__file__).with_name("train.py")), name, str(strength), str(file)]
        env = {**os.environ, "MLFLOW_TRACKING_TOKEN": token}
        trained = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert trained.returncode == 0, trained.stderr
        loaded: np.ndarray = np.load(file)
        return loaded

    return run


def test_what_was_trained_is_approved_and_predicts(
    train: Train, under_test: UnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient()
    name, rows = "trained-diabetes", load_diabetes().data[:10]

    def approve(version: str) -> None:
        eventually(lambda: len(requests_about(under_test, name, version)) == 1, "people are asked")
        assert client.get_model_version(name, version).current_stage == "Staging"
        denial(lambda: promote("dave", "registrar", version))
        promote("alice", "approver", version)

    def promote(user: str, role: str, version: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", make_token(under_test, user, role))
        client.transition_model_version_stage(name, version, "Production", archive_existing_versions=True)

    expected = train(name, 1.0)
    first = client.get_model_version(name, "1")
    assert str(first.source).startswith("models:/m-")
    approve("1")
    eventually(lambda: bool(client.get_model_version(name, "1").run_id), "the run of the logged model is known")
    documented = client.get_model_version(name, "1")
    model_id = str(first.source).rpartition("/")[2]
    assert documented.run_id == mlflow.get_logged_model(model_id).source_run_id
    eventually(lambda: "dataset" in client.get_model_version(name, "1").tags, "its data is known")
    assert client.get_model_version(name, "1").tags["dataset"].startswith("diabetes (")
    for uri in (f"models:/{name}/Production", f"models:/{name}/1"):
        assert np.allclose(mlflow.pyfunc.load_model(uri).predict(rows), expected)

    better = train(name, 0.01)
    assert not np.allclose(better, expected)
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{name}/Production").predict(rows), expected)
    approve("2")
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{name}/Production").predict(rows), better)
    client.set_registered_model_alias(name, "before", "1")
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{name}@before").predict(rows), expected)
    assert {v.version: v.current_stage for v in client.search_model_versions(f"name = '{name}'")} == {
        "1": "Archived",
        "2": "Production",
    }
