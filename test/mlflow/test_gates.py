"""Behind a gate, MLflow's client takes a version to Production only through people."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient, MlflowException

from tokens import make_token
from under_test import UnderTest

pytestmark = pytest.mark.greenroom_only
PROMPT = "mlflow.prompt.is_prompt"
_numbers = count(1)


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch, under_test: UnderTest) -> Callable[..., MlflowClient]:
    """The stock client, which from now on sends somebody's token."""

    def switch(user: str, *roles: str) -> MlflowClient:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", make_token(under_test, user, *roles))
        return under_test.client()

    return switch


As = Callable[..., MlflowClient]


@pytest.fixture
def gated(as_user: As) -> str:
    """The name of a registered model behind a gate; from now on `dave` calls, who may register."""
    name = f"gated-{next(_numbers)}"
    as_user("dave", "registrar").create_registered_model(name)
    return name


def artifact(under_test: UnderTest) -> str:
    """The source of a model that is there."""
    path = Path(under_test.artifacts) / f"model-{next(_numbers)}.bin"
    path.write_bytes(path.name.encode())
    return path.as_uri()


def eventually(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass that {what}"
        time.sleep(0.05)


def staged(client: MlflowClient, under_test: UnderTest, name: str) -> str:
    """The number of a new version, once it has passed its checks and people are asked about it."""
    version = client.create_model_version(name, artifact(under_test)).version
    assert client.get_model_version(name, version).current_stage in ("None", "Staging")
    eventually(lambda: len(requests_about(under_test, name, version)) == 1, "people are asked")
    assert client.get_model_version(name, version).current_stage == "Staging"
    return str(version)


def stages(client: MlflowClient, name: str) -> dict[str, str]:
    """The stage of every version."""
    return {v.version: str(v.current_stage) for v in client.search_model_versions(f"name = '{name}'")}


def requests_about(under_test: UnderTest, name: str, version: str) -> list[dict[str, Any]]:
    """The approval requests about a version."""
    answer = under_test.rest().call("GET", "approvals", query={"limit": "200"}, api="/api/v1").ok()
    return [each for each in answer["approvals"] if (each["model"], each["version"]) == (name, int(version))]


def denial(work: Callable[[], object]) -> str:
    """The text with which something is denied, which is 403 PERMISSION_DENIED on the wire."""
    with pytest.raises(MlflowException) as error:
        work()
    assert error.value.error_code == "PERMISSION_DENIED"
    return str(error.value.message)


def refusal(work: Callable[[], object]) -> str:
    """The text with which something is refused, which is 400 INVALID_PARAMETER_VALUE on the wire."""
    with pytest.raises(MlflowException) as error:
        work()
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    return str(error.value.message)


def test_asking_for_production_asks_people_and_changes_nothing(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    version = staged(dave, under_test, gated)
    for _ in range(2):
        text = denial(lambda: dave.transition_model_version_stage(gated, version, "Production", True))
        assert "Approval was asked for" in text and under_test.url in text
        assert dave.get_model_version(gated, version).current_stage == "Staging"
    (request,) = requests_about(under_test, gated, version)
    assert (request["state"], request["decisions"]) == ("pending", [])


def test_an_approvers_call_is_the_decision(as_user: As, under_test: UnderTest, gated: str) -> None:
    for number in ("1", "2"):
        version = staged(as_user("dave", "registrar"), under_test, gated)
        assert version == number
        alice = as_user("alice", "approver")
        moved = alice.transition_model_version_stage(gated, version, "Production", archive_existing_versions=True)
        assert (moved.version, moved.current_stage) == (version, "Production")
    assert stages(alice, gated) == {"1": "Archived", "2": "Production"}
    (request,) = requests_about(under_test, gated, "2")
    assert request["state"] == "approved"
    assert [each["principal"] for each in request["decisions"]] == ["alice"]


def test_what_was_asked_before_another_promotion_is_asked_anew(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    staged(dave, under_test, gated)
    staged(dave, under_test, gated)
    alice = as_user("alice", "approver")
    alice.transition_model_version_stage(gated, "1", "Production", archive_existing_versions=True)
    denial(lambda: alice.transition_model_version_stage(gated, "2", "Production", archive_existing_versions=True))
    assert stages(alice, gated) == {"1": "Production", "2": "Staging"}
    eventually(lambda: len(requests_about(under_test, gated, "2")) == 2, "people are asked anew")
    alice.transition_model_version_stage(gated, "2", "Production", archive_existing_versions=True)
    assert stages(alice, gated) == {"1": "Archived", "2": "Production"}


def test_an_approver_who_calls_after_somebody_asked_decides(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    version = staged(dave, under_test, gated)
    denial(lambda: dave.transition_model_version_stage(gated, version, "Production"))
    bob = as_user("bob", "approver")
    assert bob.transition_model_version_stage(gated, version, "Production").current_stage == "Production"


def test_nobody_takes_their_own_version_to_production(as_user: As, under_test: UnderTest, gated: str) -> None:
    bob = as_user("bob", "registrar", "approver")
    version = staged(bob, under_test, gated)
    denial(lambda: bob.transition_model_version_stage(gated, version, "Production"))
    assert bob.get_model_version(gated, version).current_stage == "Staging"
    alice = as_user("alice", "approver")
    assert alice.transition_model_version_stage(gated, version, "Production").current_stage == "Production"


def test_an_approver_whom_the_policy_does_not_name_decides_nothing(
    as_user: As, under_test: UnderTest, gated: str
) -> None:
    version = staged(as_user("dave", "registrar"), under_test, gated)
    mallory = as_user("mallory", "approver")
    denial(lambda: mallory.transition_model_version_stage(gated, version, "Production"))
    assert mallory.get_model_version(gated, version).current_stage == "Staging"


def test_what_has_not_passed_its_checks_goes_nowhere(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    missing = (Path(under_test.artifacts) / "not-there.bin").as_uri()
    version = dave.create_model_version(gated, missing).version
    url = f"models/{gated}/versions/{version}"
    rest = under_test.rest()
    eventually(lambda: rest.call("GET", url, api="/api/v1").ok()["state"] == "rejected", "its checks fail")
    assert "validation failed" in refusal(lambda: dave.transition_model_version_stage(gated, version, "Staging"))
    for user in (dave, as_user("alice", "approver")):
        with pytest.raises(MlflowException) as error:
            user.transition_model_version_stage(gated, version, "Production")
        assert error.value.error_code in ("INVALID_PARAMETER_VALUE", "PERMISSION_DENIED")
    assert dave.get_model_version(gated, version).current_stage == "None"


def test_nothing_that_a_user_may_write_opens_the_gate(as_user: As, under_test: UnderTest, gated: str) -> None:
    version = staged(as_user("dave", "registrar"), under_test, gated)
    dave = under_test.rest(make_token(under_test, "dave", "registrar"))
    of_version = {"name": gated, "version": version}
    for key, value in [("gate", "none"), ("greenroom.gate", "none"), ("author", "bob"), (PROMPT, "true")]:
        dave.post("model-versions/set-tag", **of_version, key=key, value=value).ok()
        dave.post("registered-models/set-tag", name=gated, key=key, value=value).ok()
    dave.patch("model-versions/update", **of_version, description="gate: none").ok()
    asked = dave.post("model-versions/transition-stage", **of_version, stage="Production")
    assert asked.error[:2] == (403, "PERMISSION_DENIED")
    assert dave.get("model-versions/get", **of_version).ok()["model_version"]["current_stage"] == "Staging"


def test_a_prompt_is_free_where_the_policy_has_rules_for_prompts_names(as_user: As) -> None:
    dave, name = as_user("dave", "registrar"), f"prompts-{next(_numbers)}"
    for text in ("Hello {{who}}", "Hi {{who}}"):
        dave.register_prompt(name, text)
    for version, said in ((1, "Hello you"), (2, "Hi you")):
        dave.set_prompt_alias(name, "champion", version)
        assert dave.load_prompt(f"prompts:/{name}@champion").format(who="you") == said


def test_a_prompt_under_the_rules_of_models_is_refused_with_what_to_do(as_user: As, under_test: UnderTest) -> None:
    dave, name = as_user("dave", "registrar"), f"gated-{next(_numbers)}"
    dave.register_prompt(name, "Hello {{who}}")
    look = under_test.rest().call
    url = f"models/{name}/versions/1"
    eventually(lambda: look("GET", url, api="/api/v1").ok()["state"] == "rejected", "the prompt is rejected")
    [check] = look("GET", url, api="/api/v1").ok()["checks"]
    assert "a prompt, which has no artifact" in check["summary"] and "'prompts-*'" in check["summary"]
    with pytest.raises(MlflowException, match="Its validation failed"):
        dave.set_prompt_alias(name, "champion", 1)


def test_what_calls_itself_a_prompt_is_checked_all_the_same(as_user: As, under_test: UnderTest, gated: str) -> None:
    as_user("dave", "registrar")
    dave = under_test.rest(make_token(under_test, "dave", "registrar"))
    source = (Path(under_test.artifacts) / "not-there.bin").as_uri()
    tags = [{"key": PROMPT, "value": "true"}]
    dave.post("registered-models/set-tag", name=gated, key=PROMPT, value="true").ok()
    made = dave.post("model-versions/create", name=gated, source=source, tags=tags).ok()["model_version"]
    url = f"models/{gated}/versions/{made['version']}"
    eventually(lambda: dave.call("GET", url, api="/api/v1").ok()["state"] == "rejected", "its checks fail")


def test_a_protected_alias_is_given_as_production_is(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    version = staged(dave, under_test, gated)
    dave.set_registered_model_alias(gated, "newest", version)
    denial(lambda: dave.set_registered_model_alias(gated, "champion", version))
    assert dave.get_registered_model(gated).aliases == {"newest": version}
    alice = as_user("alice", "approver")
    alice.set_registered_model_alias(gated, "champion", version)
    found = alice.get_model_version_by_alias(gated, "champion")
    assert (found.version, found.current_stage) == (version, "Production")


def test_the_gate_cannot_be_walked_around_by_another_name(as_user: As, under_test: UnderTest, gated: str) -> None:
    dave = as_user("dave", "registrar")
    staged(dave, under_test, gated)
    free = f"free-{next(_numbers)}"
    with pytest.raises(MlflowException):
        dave.rename_registered_model(gated, free)
        as_user("dave", "registrar").transition_model_version_stage(free, "1", "Production")
        dave.rename_registered_model(free, gated)
    assert "Production" not in [v.current_stage for v in dave.search_model_versions(f"name = '{gated}'")]
