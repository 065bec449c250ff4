"""The registry in five functions, on top of MLflow's own client.

MLFLOW_REGISTRY_URI says where Greenroom is, MLFLOW_TRACKING_TOKEN who calls. Whatever the server refuses is raised
as an MlflowException, whose `message` says what to do. What MLflow says against stages at every call is not repeated.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import TypedDict, TypeVar, overload

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.pyfunc import PyFuncModel
from mlflow.store.entities import PagedList

_T = TypeVar("_T")


class VersionInfo(TypedDict):
    """One version with what it was made from."""

    version: str
    current_stage: str
    run_id: str | None
    description: str | None
    tags: dict[str, str]


class ModelInfo(TypedDict):
    """A model with its versions, newest first, each with its `version` and its `stage`."""

    name: str
    description: str | None
    versions: list[dict[str, str]]


def load_model(model_name: str, stage: str = "Production") -> PyFuncModel:
    """The newest version in a stage, or the version whose number stands in place of the stage, ready to predict."""
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        model: PyFuncModel = mlflow.pyfunc.load_model(f"models:/{model_name}/{stage}")
    return model


def promote_model(
    model_name: str, version: str, stage: str = "Production", archive_existing: bool = True
) -> ModelVersion:
    """Moves a version to a stage; `archive_existing` archives what was in Staging or Production in the same moment.

    Behind a gate nothing moves without people: they are asked, and an MlflowException with the `error_code`
    PERMISSION_DENIED says so, unless the caller is an approver, whose call is the decision.
    """
    # The server archives only for a version that goes to one of the two.
    archives = archive_existing and stage.lower() in ("staging", "production")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        moved: ModelVersion = _client().transition_model_version_stage(model_name, version, stage, archives)
    return moved


def get_model_version(model_name: str, stage: str = "Production") -> str | None:
    """The number of the newest version in a stage; None when no version is there."""
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        found = _client().get_latest_versions(model_name, [stage])
    return str(found[0].version) if found else None


@overload
def get_model_info(model_name: str, version: str) -> VersionInfo: ...
@overload
def get_model_info(model_name: str, version: None = None) -> ModelInfo: ...
def get_model_info(model_name: str, version: str | None = None) -> VersionInfo | ModelInfo:
    """One version of a model, or the model with all of its versions."""
    client = _client()
    if version is not None:
        one = client.get_model_version(model_name, version)
        return {
            "version": str(one.version),
            "current_stage": str(one.current_stage),
            "run_id": one.run_id or None,
            "description": one.description or None,
            "tags": one.tags,
        }
    model = client.get_registered_model(model_name)
    # MLflow's filters have two kinds of quotes, and no escape. In a name with both, one stands for any letter.
    quote = '"' if "'" in model_name else "'"
    wanted = f"name {'LIKE' if quote in model_name else '='} {quote}{model_name.replace(quote, '_')}{quote}"
    found = _every(lambda at: client.search_model_versions(wanted, order_by=["version_number DESC"], page_token=at))
    return {
        "name": model.name,
        "description": model.description or None,
        "versions": [{"version": str(v.version), "stage": str(v.current_stage)} for v in found if v.name == model.name],
    }


def list_registered_models() -> list[str]:
    """The names of the registered models, in their order."""
    return [model.name for model in _every(lambda token: _client().search_registered_models(page_token=token))]


def _client() -> mlflow.MlflowClient:
    # Without a tracking server given, MLflow would make a database for one in the working directory.
    return mlflow.MlflowClient(tracking_uri=mlflow.get_registry_uri())


def _every(page_after: Callable[[str | None], PagedList[_T]]) -> Iterator[_T]:
    page = page_after(None)
    yield from page
    while page.token:
        page = page_after(page.token)
        yield from page
