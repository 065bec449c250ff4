"""Model versions: numbered, described, tagged, given aliases, copied and deleted as in MLflow."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow import MlflowClient, MlflowException

from rest import Rest
from under_test import UnderTest

SOURCE = "s3://bucket/model"
Fresh = Callable[[], str]


def code_of(work: Callable[[], object]) -> str:
    """The code with which the client is refused."""
    with pytest.raises(MlflowException) as error:
        work()
    return str(error.value.error_code)


def test_a_version_is_given_back_as_it_was_registered(client: MlflowClient, name: str) -> None:
    before = int(time.time() * 1000)
    run_id, run_link, tags = "d" * 32, "https://runs.example.com/1", {"dataset": "2026-11", "empty": ""}
    made = client.create_model_version(name, SOURCE, run_id, tags, run_link, "First.")
    for version in (made, client.get_model_version(name, "1")):
        assert (version.name, version.version, version.source) == (name, "1", SOURCE)
        assert (version.run_id, version.run_link, version.description) == (run_id, run_link, "First.")
        assert version.tags == tags
        assert (version.current_stage, version.status, version.aliases) == ("None", "READY", [])
        assert before - 1000 <= version.creation_timestamp <= int(time.time() * 1000) + 1000
    assert made.last_updated_timestamp == made.creation_timestamp
    assert client.get_model_version_download_uri(name, "1") == SOURCE


def test_what_was_not_given_is_empty(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    version = client.get_model_version(name, "1")
    assert (version.description, version.run_id, version.run_link, version.tags) == ("", "", "", {})


def test_numbers_count_up_and_are_never_used_twice(client: MlflowClient, name: str) -> None:
    assert [client.create_model_version(name, SOURCE).version for _ in range(4)] == ["1", "2", "3", "4"]
    client.delete_model_version(name, "3")
    client.delete_model_version(name, "4")
    assert client.create_model_version(name, SOURCE).version == "5"


def test_versions_that_are_registered_at_once_get_different_numbers(client: MlflowClient, name: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: client.create_model_version(name, SOURCE).version, range(40))
    assert sorted(map(int, made)) == list(range(1, 41))


def test_a_description_can_be_changed_and_left_out(client: MlflowClient, rest: Rest, name: str) -> None:
    client.create_model_version(name, SOURCE, description="Old.")
    assert client.update_model_version(name, "1", "New.").description == "New."
    assert client.update_model_version(name, "1", "").description == ""
    body = rest.patch("model-versions/update", name=name, version="1").ok()
    assert "description" not in body["model_version"]
    assert client.get_model_version(name, "1").description is None


def test_tags_of_a_version_are_set_replaced_and_deleted(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    client.set_model_version_tag(name, "1", "k", "1")
    client.set_model_version_tag(name, "1", "k", "2")
    client.set_model_version_tag(name, "1", "long", "x" * 100_000)
    assert client.get_model_version(name, "1").tags == {"k": "2", "long": "x" * 100_000}
    client.delete_model_version_tag(name, "1", "k")
    client.delete_model_version_tag(name, "1", "k")
    assert set(client.get_model_version(name, "1").tags) == {"long"}
    client.transition_model_version_stage(name, "1", "Staging")
    client.set_model_version_tag(name, key="by", value="stage", stage="Staging")
    assert client.get_model_version(name, "1").tags["by"] == "stage"


def test_an_alias_points_to_one_version_and_can_be_moved(client: MlflowClient, name: str) -> None:
    for _ in range(2):
        client.create_model_version(name, SOURCE)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "Größe-1_b", "1")
    assert client.get_model_version_by_alias(name, "champion").version == "1"
    assert sorted(client.get_model_version(name, "1").aliases) == ["Größe-1_b", "champion"]
    client.set_registered_model_alias(name, "champion", "2")
    assert client.get_model_version_by_alias(name, "champion").version == "2"
    assert client.get_registered_model(name).aliases == {"champion": "2", "Größe-1_b": "1"}
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")
    assert code_of(lambda: client.get_model_version_by_alias(name, "champion")) == "INVALID_PARAMETER_VALUE"


def test_aliases_tell_upper_from_lower_case(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    client.set_registered_model_alias(name, "Champion", "1")
    assert code_of(lambda: client.get_model_version_by_alias(name, "champion")) == "INVALID_PARAMETER_VALUE"


def test_the_alias_latest_is_the_highest_version(client: MlflowClient, name: str) -> None:
    assert code_of(lambda: client.get_model_version_by_alias(name, "latest")) == "RESOURCE_DOES_NOT_EXIST"
    for stage in ("Archived", "Production", "None"):
        client.create_model_version(name, SOURCE)
        client.transition_model_version_stage(name, client.get_latest_versions(name, ["None"])[0].version, stage)
    assert client.get_model_version_by_alias(name, "latest").version == "3"


def test_a_deleted_version_is_gone_with_its_aliases(client: MlflowClient, name: str) -> None:
    for _ in range(2):
        client.create_model_version(name, SOURCE)
    client.set_registered_model_alias(name, "champion", "2")
    client.delete_model_version(name, "2")
    for gone in (
        lambda: client.get_model_version(name, "2"),
        lambda: client.delete_model_version(name, "2"),
        lambda: client.update_model_version(name, "2", "d"),
        lambda: client.transition_model_version_stage(name, "2", "Staging"),
        lambda: client.set_model_version_tag(name, "2", "k", "v"),
        lambda: client.set_registered_model_alias(name, "other", "2"),
        lambda: client.get_model_version_download_uri(name, "2"),
    ):
        assert code_of(gone) == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_registered_model(name).aliases == {}
    assert [v.version for v in client.search_model_versions(f"name = '{name}'")] == ["1"]
    assert [v.version for v in client.get_latest_versions(name)] == ["1"]


def test_a_version_in_production_can_be_deleted(client: MlflowClient, name: str) -> None:
    client.create_model_version(name, SOURCE)
    client.transition_model_version_stage(name, "1", "Production")
    client.delete_model_version(name, "1")
    assert client.get_latest_versions(name) == []


def test_copying_makes_a_version_of_another_model(client: MlflowClient, name: str, fresh: Fresh) -> None:
    client.create_model_version(name, SOURCE, run_id="e" * 32, tags={"k": "v"}, description="Original.")
    client.set_registered_model_alias(name, "champion", "1")
    target = fresh()
    for source in (f"models:/{name}/1", f"models:/{name}@champion"):
        copy = client.copy_model_version(source, target)
        assert (copy.name, copy.source) == (target, f"models:/{name}/1")
        assert (copy.run_id, copy.tags, copy.description) == ("e" * 32, {"k": "v"}, "Original.")
        assert client.get_model_version_download_uri(target, copy.version) == SOURCE
    assert copy.version == "2"


def test_a_copy_of_a_copy_leads_to_the_first_source(client: MlflowClient, name: str, fresh: Fresh) -> None:
    client.create_model_version(name, SOURCE)
    first, second = fresh(), fresh()
    client.copy_model_version(f"models:/{name}/1", first)
    client.copy_model_version(f"models:/{first}/1", second)
    assert client.get_model_version_download_uri(second, "1") == SOURCE


def test_a_source_is_given_back_letter_by_letter(client: MlflowClient, name: str) -> None:
    for source in (
        "s3://bucket//doubled/slash/",
        "s3://bucket/a%20b/ü/model",
        "gs://bucket/x",
        "r2://bucket@account.r2.cloudflarestorage.com/x",
        "b2://bucket@s3.us-west-004.backblazeb2.com/x",
        "abfss://container@account.dfs.core.windows.net/x",
        "https://models.example.com/m.onnx",
    ):
        version = client.create_model_version(name, source).version
        assert client.get_model_version(name, version).source == source
        assert client.get_model_version_download_uri(name, version) == source


def test_the_source_of_a_logged_model_is_kept_for_a_separate_tracking_server(
    under_test: UnderTest, rest: Rest, name: str
) -> None:
    model_id = "m-" + "0" * 32
    answer = rest.post("model-versions/create", name=name, source=f"models:/{model_id}", model_id=model_id)
    expected = under_test.differs("MLflow looks for it in its own store only", mlflow=500, greenroom=200)
    assert answer.status == expected, answer.text
    if under_test.kind == "greenroom":
        uri = rest.get("model-versions/get-download-uri", name=name, version="1").ok()
        assert uri == {"artifact_uri": f"models:/{model_id}"}
