"""The server that the tests look at, and where the two that it can be differ on purpose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from mlflow import MlflowClient

from rest import Rest

Kind = Literal["greenroom", "mlflow"]
T = TypeVar("T")

MODEL_FIELDS = {
    "name",
    "creation_timestamp",
    "last_updated_timestamp",
    "description",
    "latest_versions",
    "tags",
    "aliases",
}
VERSION_FIELDS = {
    "name",
    "version",
    "creation_timestamp",
    "last_updated_timestamp",
    "current_stage",
    "description",
    "source",
    "run_id",
    "run_link",
    "status",
    "status_message",
    "tags",
    "aliases",
}


@dataclass(frozen=True)
class UnderTest:
    """One running server, an administrator's token for it, and a folder that it may read models from.

    MLflow's own server has no tokens and ignores them.
    """

    kind: Kind
    url: str
    token: str
    artifacts: Path

    def differs(self, because: str, *, mlflow: T, greenroom: T) -> T:
        """What is expected where Greenroom deviates on purpose; `because` says in what and why."""
        assert because
        return mlflow if self.kind == "mlflow" else greenroom

    def client(self) -> MlflowClient:
        """The stock client."""
        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def rest(self, token: str | None = None) -> Rest:
        """The REST, as the administrator or as the holder of a token."""
        return Rest(self.url, self.token if token is None else token)

    def known(self, thing: dict[str, Any], fields: set[str]) -> dict[str, Any]:
        """A thing from an answer without what Greenroom may add to MLflow's fields; MLflow adds nothing."""
        unknown = thing.keys() - fields
        assert not unknown or self.kind == "greenroom", f"unknown fields: {unknown}"
        return {key: value for key, value in thing.items() if key in fields}
