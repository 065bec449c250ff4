"""Stages where nothing is gated: any stage follows any other, as in MLflow, and archiving is asked for by a flag."""

from itertools import product

import pytest
from mlflow import MlflowClient, MlflowException

from rest import Rest
from under_test import UnderTest

SOURCE = "s3://bucket/model"
STAGES = ("None", "Staging", "Production", "Archived")


def stages(client: MlflowClient, name: str) -> dict[str, str]:
    """The stage of every version."""
    return {v.version: str(v.current_stage) for v in client.search_model_versions(f"name = '{name}'")}


def test_any_stage_follows_any_other(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    for before, after in product(STAGES, STAGES):
        client.transition_model_version_stage(name, "1", before)
        moved = client.transition_model_version_stage(name, "1", after)
        assert (moved.version, moved.current_stage) == ("1", after)
        assert client.get_model_version(name, "1").current_stage == after


@pytest.mark.parametrize("spelling", ["production", "PRODUCTION", "pRoDuCtIoN"])
def test_a_stage_may_be_written_in_any_case_and_is_kept_in_one(client: MlflowClient, name: str, spelling: str) -> None:
    client.create_model_version(name, SOURCE)
    assert client.transition_model_version_stage(name, "1", spelling).current_stage == "Production"
    assert [v.version for v in client.get_latest_versions(name, [spelling])] == ["1"]


def test_several_versions_share_a_stage_unless_asked_otherwise(client: MlflowClient, name: str) -> None:
    for number in ("1", "2", "3"):
        client.create_model_version(name, SOURCE)
        client.transition_model_version_stage(name, number, "Production")
    assert stages(client, name) == {"1": "Production", "2": "Production", "3": "Production"}


@pytest.mark.parametrize("stage", ["Staging", "Production"])
def test_archiving_empties_the_stage_for_the_one_that_comes(client: MlflowClient, name: str, stage: str) -> None:
    for number in ("1", "2", "3", "4"):
        client.create_model_version(name, SOURCE)
        client.transition_model_version_stage(name, number, stage if number != "3" else "None")
    moved = client.transition_model_version_stage(name, "4", stage, archive_existing_versions=True)
    assert stages(client, name) == {"1": "Archived", "2": "Archived", "3": "None", "4": stage}
    archived = client.get_model_version(name, "1")
    assert archived.last_updated_timestamp == moved.last_updated_timestamp


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_archiving_towards_a_stage_that_is_not_active_is_refused(
    under_test: UnderTest, client: MlflowClient, rest: Rest, name: str, stage: str
) -> None:
    client.create_model_version(name, SOURCE)
    asked = {"name": name, "version": "1", "stage": stage, "archive_existing_versions": True}
    status, code, text = rest.post("model-versions/transition-stage", **asked).error
    assert (status, code) == under_test.differs(
        "a refusal is no server error, which the client would retry for minutes",
        mlflow=(500, "INTERNAL_ERROR"),
        greenroom=(400, "INVALID_PARAMETER_VALUE"),
    )
    assert text == (
        "Model version transition cannot archive existing model versions because "
        f"'{stage}' is not an Active stage. Valid stages are ['Staging', 'Production']"
    )
    assert stages(client, name) == {"1": "None"}


def test_the_latest_version_of_each_stage_is_found(client: MlflowClient, name: str) -> None:
    for number, stage in enumerate(["Production", "Archived", "Staging", "Staging", "None", "None"], 1):
        client.create_model_version(name, SOURCE)
        client.transition_model_version_stage(name, str(number), stage)
    client.set_registered_model_alias(name, "a", "4")

    def latest(*wanted: str) -> dict[str, str]:
        return {str(v.current_stage): v.version for v in client.get_latest_versions(name, list(wanted))}

    everything = {"Production": "1", "Archived": "2", "Staging": "4", "None": "6"}
    assert latest() == everything
    assert latest("Staging") == {"Staging": "4"}
    assert latest("none", "ARCHIVED") == {"None": "6", "Archived": "2"}
    assert client.get_latest_versions(name, ["Staging"])[0].aliases == ["a"]
    model = client.get_registered_model(name)
    assert {v.current_stage: v.version for v in model.latest_versions} == everything
    assert [v.aliases for v in model.latest_versions] == [[]] * 4


def test_latest_versions_come_by_get_and_by_post(client: MlflowClient, rest: Rest, name: str) -> None:
    path = "registered-models/get-latest-versions"
    assert rest.get(path, name=name).ok() == {}
    client.create_model_version(name, SOURCE)
    client.create_model_version(name, SOURCE)
    client.transition_model_version_stage(name, "1", "Staging")
    for answer in (rest.get(path, name=name, stages=["Staging", "None"]), rest.post(path, name=name)):
        assert sorted(v["version"] for v in answer.ok()["model_versions"]) == ["1", "2"]
    assert [v["version"] for v in rest.get(path, name=name, stages="Staging").ok()["model_versions"]] == ["1"]


def test_an_unknown_stage_is_named_with_the_known_ones(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    text = "Invalid Model Version stage: QA. Value must be one of None, Staging, Production, Archived."
    with pytest.raises(MlflowException, match=text):
        client.transition_model_version_stage(name, "1", "QA")
    with pytest.raises(MlflowException, match=text):
        client.get_latest_versions(name, ["QA"])
