"""The registry's REST spoken directly, for what MLflow's client does not send or does not show."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import requests

API = "/api/2.0/mlflow"
SETTLE_SECONDS = 30
JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is the JSON, or None where it is none, and the names of the headers are in lower case."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]

    @property
    def error(self) -> tuple[int, str, str]:
        """The status, the error code and the message of a refusal."""
        assert isinstance(self.body, dict), f"{self.status} without a JSON error: {self.text[:300]}"
        return self.status, str(self.body.get("error_code")), str(self.body.get("message"))

    def ok(self) -> Any:
        """The body of a success, which is 200 and nothing else."""
        assert self.status == 200, f"{self.status}: {self.text[:500]}"
        return self.body


class Rest:
    """Calls to one server with one token; safe to use from several threads."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._local = threading.local()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Any = None,
        raw: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        api: str = API,
    ) -> Answer:
        """Sends `body` as JSON, or `raw` as it is; `path` stands below `api`."""
        data = raw if body is None else json.dumps(body)
        sent = {**self.headers, **(JSON_TYPE if headers is None else headers)}
        url = f"{self.url}{api}/{path}"
        response = self._session().request(method, url, params=query, data=data, headers=sent, timeout=120)
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        received = {key.lower(): value for key, value in response.headers.items()}
        return Answer(response.status_code, parsed, response.text, received)

    def get(self, path: str, **query: Any) -> Answer:
        """GET with a query; a list becomes repeated keys."""
        return self.call("GET", path, query=query)

    def post(self, path: str, **body: Any) -> Answer:
        """POST with a JSON object."""
        return self.call("POST", path, body)

    def patch(self, path: str, **body: Any) -> Answer:
        """PATCH with a JSON object."""
        return self.call("PATCH", path, body)

    def delete(self, path: str, **body: Any) -> Answer:
        """DELETE with a JSON object."""
        return self.call("DELETE", path, body)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def settle(rest: Rest, name: str) -> None:
    """Waits until no check of a model's versions is running, which would move their times; MLflow has no checks."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = rest.get("model-versions/search", filter=f"name = '{name}'").ok()["model_versions"]
        if all(version.get("lifecycle_state") != "validating" for version in found):
            return
        assert time.monotonic() < deadline, f"the checks of {name} did not end"
        time.sleep(0.05)
