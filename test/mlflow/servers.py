"""Starts the real servers that the suite talks to, each with files of its own, and ends them again."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEASH = Path(__file__).with_name("leash.py")
NODE = ROOT / "node_modules" / ".bin" / "node"
ADMIN_TOKEN = "the-admin-token-of-the-mlflow-suite"
# MLflow's server now and then drops a connection that was kept.
PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
READY_SECONDS = 120
STOP_SECONDS = 30
POLL_SECONDS = 0.05


@contextmanager
def greenroom(home: Path, policy: str, artifacts: Path, tracking: str) -> Iterator[str]:
    """A Greenroom with workers and an embedded PostgreSQL, under a policy in YAML; gives its URL.

    It reads models from the folder `artifacts` and from the tracking server.
    """
    policy_file = home / "greenroom.yaml"
    policy_file.write_text(policy, encoding="utf-8")
    env = {
        "PORT": str(free_port()),  # known beforehand, so that the links in what it says are right
        "GREENROOM_HOME": str(home / "state"),
        "GREENROOM_POLICY": str(policy_file),
        "GREENROOM_ADMIN_TOKEN": ADMIN_TOKEN,
        "GREENROOM_ARTIFACT_ROOTS": str(artifacts),
        "MLFLOW_TRACKING_URI": tracking,
        "GREENROOM_ENCRYPTION_KEY": "5e" * 32,
        # The receiver of webhooks listens on this machine.
        "WEBHOOK_ALLOWED_SCHEMES": "https,http",
        "WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "true",
    }
    command = [str(NODE), str(ROOT / "src" / "cli" / "main.ts"), "serve", "--with-workers"]
    with running(command, env, home / "greenroom.log", find_greeting) as url:
        yield url


@contextmanager
def mlflow_server(home: Path, port: int) -> Iterator[str]:
    """MLflow's own server on SQLite, which serves artifacts too; gives its URL."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--serve-artifacts", "--artifacts-destination", str(home / "artifacts")]
    env = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES": "https,r2,b2,abfss",
        # The receiver of webhooks listens on this machine, and a webhook is seen at once.
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    }
    with running(command, env, home / "mlflow.log", lambda _: url if answers(f"{url}/health") else None) as ready:
        yield ready


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path, find_url: Callable[[str], str | None]) -> Iterator[str]:
    """Runs a server with nothing of our environment but `env`, and gives the URL once there is one."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "NODE_OPTIONS") if name in os.environ}
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, str(LEASH), *command],
            env={**inherited, **env},
            cwd=log.parent,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield wait_for_url(child, log, find_url)
    finally:
        child.communicate(timeout=STOP_SECONDS)  # closes its standard input, which ends it


def wait_for_url(child: "subprocess.Popen[bytes]", log: Path, find_url: Callable[[str], str | None]) -> str:
    """Waits until a server is ready; says what it logged when it is not."""
    deadline = time.monotonic() + READY_SECONDS
    while (url := find_url(read_log(log))) is None:
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with {child.returncode}:\n{read_log(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server was not ready in {READY_SECONDS} s:\n{read_log(log)}")
        time.sleep(POLL_SECONDS)
    return url


def find_greeting(log: str) -> str | None:
    """The URL that Greenroom's log names once it listens."""
    found = re.search(r"Greenroom listens at (http://[\w.:\[\]]+\w)", log)
    return found and found[1]


def read_log(log: Path) -> str:
    """What a server has logged so far."""
    return log.read_text(encoding="utf-8", errors="replace")


def answers(url: str) -> bool:
    """Tells whether a URL answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
