"""Who calls: a token as MLflow's client sends it, and what its roles allow."""

from collections.abc import Callable

import pytest
from mlflow import MlflowClient, MlflowException

from tokens import make_token
from under_test import UnderTest

pytestmark = pytest.mark.greenroom_only
SOURCE = "s3://bucket/model"


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch, under_test: UnderTest) -> Callable[..., MlflowClient]:
    """A client that sends what the environment says now, and nothing else."""

    def make(**env: str) -> MlflowClient:
        for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        return under_test.client()

    return make


def code_of(work: Callable[[], object]) -> str:
    """The code with which the client is refused."""
    with pytest.raises(MlflowException) as error:
        work()
    return str(error.value.error_code)


def test_a_token_is_sent_as_bearer(as_user: Callable[..., MlflowClient], under_test: UnderTest, name: str) -> None:
    token = make_token(under_test, "carol", "viewer")
    assert as_user(MLFLOW_TRACKING_TOKEN=token).get_registered_model(name).name == name


def test_a_token_is_taken_as_the_password_of_any_user(
    as_user: Callable[..., MlflowClient], under_test: UnderTest, name: str
) -> None:
    token = make_token(under_test, "carol", "viewer")
    for user in ("carol", "somebody", "größe"):
        client = as_user(MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=token)
        assert client.get_registered_model(name).name == name


def test_without_a_good_token_nothing_is_told(as_user: Callable[..., MlflowClient], name: str) -> None:
    for env in (
        {},
        {"MLFLOW_TRACKING_TOKEN": "no-token-of-this-server"},
        {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "wrong"},
    ):
        client = as_user(**env)
        for work in (
            lambda client=client: client.get_registered_model(name),
            lambda client=client: client.get_registered_model("no-such-model"),
            lambda client=client: client.create_registered_model("never-made"),
        ):
            assert code_of(work) == "UNAUTHENTICATED"


def test_a_viewer_reads_and_changes_nothing(
    as_user: Callable[..., MlflowClient], client: MlflowClient, under_test: UnderTest, name: str
) -> None:
    client.create_model_version(name, SOURCE)
    viewer = as_user(MLFLOW_TRACKING_TOKEN=make_token(under_test, "carol", "viewer"))
    assert viewer.get_model_version(name, "1").source == SOURCE
    assert [v.version for v in viewer.search_model_versions(f"name = '{name}'")] == ["1"]
    for work in (
        lambda: viewer.create_registered_model("never-made"),
        lambda: viewer.create_model_version(name, SOURCE),
        lambda: viewer.update_model_version(name, "1", "d"),
        lambda: viewer.set_model_version_tag(name, "1", "k", "v"),
        lambda: viewer.set_registered_model_tag(name, "k", "v"),
        lambda: viewer.set_registered_model_alias(name, "a", "1"),
        lambda: viewer.transition_model_version_stage(name, "1", "Production"),
        lambda: viewer.delete_model_version(name, "1"),
        lambda: viewer.delete_registered_model(name),
        lambda: viewer.rename_registered_model(name, "renamed"),
    ):
        assert code_of(work) == "PERMISSION_DENIED"
    version = client.get_model_version(name, "1")
    assert (version.current_stage, version.tags, version.aliases) == ("None", {}, [])


def test_a_registrar_registers(as_user: Callable[..., MlflowClient], under_test: UnderTest, name: str) -> None:
    registrar = as_user(MLFLOW_TRACKING_TOKEN=make_token(under_test, "dave", "registrar"))
    assert registrar.create_model_version(name, SOURCE, tags={"k": "v"}).version == "1"
    registrar.set_registered_model_alias(name, "newest", "1")
    assert registrar.get_model_version_by_alias(name, "newest").version == "1"


def test_only_an_administrator_manages_webhooks(as_user: Callable[..., MlflowClient], under_test: UnderTest) -> None:
    registrar = as_user(MLFLOW_TRACKING_TOKEN=make_token(under_test, "dave", "registrar"))
    assert code_of(registrar.list_webhooks) == "PERMISSION_DENIED"
