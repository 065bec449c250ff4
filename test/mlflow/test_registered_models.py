"""Registered models: made, read, described, renamed and deleted as in MLflow."""

import time
from collections.abc import Callable

import pytest
from mlflow import MlflowClient, MlflowException

from under_test import UnderTest

SOURCE = "s3://bucket/model"
Fresh = Callable[[], str]


def refusal(error: "pytest.ExceptionInfo[MlflowException]") -> tuple[str, str]:
    """The code and the text of a refusal, as the client has them."""
    return error.value.error_code, error.value.message


def test_a_model_is_given_back_as_it_was_registered(client: MlflowClient, fresh: Fresh) -> None:
    name, before = fresh(), int(time.time() * 1000)
    made = client.create_registered_model(name, tags={"team": "forecasting", "empty": ""}, description="Sales.")
    for model in (made, client.get_registered_model(name)):
        assert (model.name, model.description) == (name, "Sales.")
        assert model.tags == {"team": "forecasting", "empty": ""}
        assert (model.latest_versions, model.aliases) == ([], {})
        assert before - 1000 <= model.creation_timestamp <= int(time.time() * 1000) + 1000
        assert model.last_updated_timestamp == model.creation_timestamp


def test_a_model_without_a_description_has_an_empty_one(client: MlflowClient, name: str) -> None:
    assert client.get_registered_model(name).description == ""


def test_a_name_is_taken_once(client: MlflowClient, name: str) -> None:
    with pytest.raises(MlflowException) as error:
        client.create_registered_model(name)
    assert refusal(error)[0] == "RESOURCE_ALREADY_EXISTS"
    assert refusal(error)[1].endswith(f"Registered Model (name={name}) already exists.")


def test_a_description_can_be_changed_and_emptied(client: MlflowClient, name: str) -> None:
    before = client.get_registered_model(name)
    assert client.update_registered_model(name, "New.").description == "New."
    after = client.get_registered_model(name)
    assert after.description == "New."
    assert after.creation_timestamp == before.creation_timestamp
    assert after.last_updated_timestamp >= before.last_updated_timestamp
    assert client.update_registered_model(name, "").description == ""


def test_renaming_carries_versions_tags_and_aliases(client: MlflowClient, name: str, fresh: Fresh) -> None:
    client.create_model_version(name, SOURCE, tags={"k": "v"})
    client.set_registered_model_tag(name, "team", "green")
    client.set_registered_model_alias(name, "champion", "1")
    renamed = fresh()
    client.rename_registered_model(name, renamed)
    model = client.get_registered_model(renamed)
    assert (model.tags, model.aliases) == ({"team": "green"}, {"champion": "1"})
    version = client.get_model_version_by_alias(renamed, "champion")
    assert (version.name, version.tags, version.source) == (renamed, {"k": "v"}, SOURCE)
    with pytest.raises(MlflowException) as error:
        client.get_registered_model(name)
    assert refusal(error)[0] == "RESOURCE_DOES_NOT_EXIST"


def test_a_model_may_be_renamed_to_its_own_name_but_not_to_another_ones(
    client: MlflowClient, name: str, fresh: Fresh
) -> None:
    client.rename_registered_model(name, name)
    taken = fresh()
    client.create_registered_model(taken)
    with pytest.raises(MlflowException) as error:
        client.rename_registered_model(name, taken)
    assert refusal(error)[0] == "RESOURCE_ALREADY_EXISTS"
    assert f"Registered Model (name={taken}) already exists." in refusal(error)[1]


def test_the_message_of_a_rename_onto_a_taken_name_shows_no_sql(
    under_test: UnderTest, client: MlflowClient, name: str, fresh: Fresh
) -> None:
    taken = fresh()
    client.create_registered_model(taken)
    _, _, text = under_test.rest().post("registered-models/rename", name=name, new_name=taken).error
    shows_sql = under_test.differs("MLflow shows the statement and its parameters", mlflow=True, greenroom=False)
    assert ("UPDATE" in text or "[SQL" in text) is shows_sql


def test_a_deleted_model_is_gone_and_its_name_starts_anew(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    client.create_model_version(name, SOURCE)
    client.set_registered_model_tag(name, "k", "v")
    client.set_registered_model_alias(name, "champion", "2")
    client.delete_registered_model(name)
    for gone in (lambda: client.get_registered_model(name), lambda: client.get_model_version(name, "1")):
        with pytest.raises(MlflowException) as error:
            gone()
        assert refusal(error)[0] == "RESOURCE_DOES_NOT_EXIST"
    again = client.create_registered_model(name)
    assert (again.tags, again.aliases, again.latest_versions) == ({}, {}, [])
    assert client.create_model_version(name, SOURCE).version == "1"


def test_the_time_of_the_last_change_follows_what_mlflow_counts_as_one(client: MlflowClient, name: str) -> None:
    def changes(work: Callable[[], object]) -> bool:
        before = client.get_registered_model(name).last_updated_timestamp
        time.sleep(0.003)
        work()
        return bool(client.get_registered_model(name).last_updated_timestamp > before)

    assert changes(lambda: client.create_model_version(name, SOURCE))
    assert changes(lambda: client.transition_model_version_stage(name, "1", "Staging"))
    assert changes(lambda: client.update_registered_model(name, "d"))
    assert not changes(lambda: client.set_registered_model_tag(name, "k", "v"))
    assert not changes(lambda: client.delete_registered_model_tag(name, "k"))
    assert not changes(lambda: client.set_registered_model_alias(name, "a", "1"))
    assert not changes(lambda: client.delete_registered_model_alias(name, "a"))
    assert not changes(lambda: client.set_model_version_tag(name, "1", "k", "v"))
    assert not changes(lambda: client.update_model_version(name, "1", "d"))
    assert changes(lambda: client.delete_model_version(name, "1"))


def test_tags_of_a_model_are_set_replaced_and_deleted(client: MlflowClient, name: str) -> None:
    client.set_registered_model_tag(name, "team", "green")
    client.set_registered_model_tag(name, "team", "blue")
    client.set_registered_model_tag(name, "a/b.c-d e_f", "x" * 5000)
    assert client.get_registered_model(name).tags == {"team": "blue", "a/b.c-d e_f": "x" * 5000}
    client.delete_registered_model_tag(name, "team")
    client.delete_registered_model_tag(name, "team")
    assert set(client.get_registered_model(name).tags) == {"a/b.c-d e_f"}
