"""The wire below the client: fields, types, ways to send a request, and what is no route."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient

from rest import Rest, settle
from under_test import MODEL_FIELDS, VERSION_FIELDS, UnderTest

Fresh = Callable[[], str]
JSON = {"Content-Type": "application/json"}


def test_a_bare_model_has_three_fields(under_test: UnderTest, rest: Rest, fresh: Fresh) -> None:
    name = fresh()
    made = rest.post("registered-models/create", name=name).ok()
    assert made.keys() == {"registered_model"}
    model = under_test.known(made["registered_model"], MODEL_FIELDS)
    now = model["creation_timestamp"]
    assert type(now) is int
    assert model == {"name": name, "creation_timestamp": now, "last_updated_timestamp": now}
    assert (
        under_test.known(rest.get("registered-models/get", name=name).ok()["registered_model"], MODEL_FIELDS) == model
    )


def times(version: dict[str, Any]) -> dict[str, int]:
    """The time that moves when Greenroom has checked a version; MLflow checks none."""
    return {"last_updated_timestamp": version["last_updated_timestamp"]}


def test_a_bare_version_has_all_of_its_texts(under_test: UnderTest, rest: Rest, name: str) -> None:
    made = rest.post("model-versions/create", name=name, source="s3://b/p").ok()
    assert made.keys() == {"model_version"}
    version = under_test.known(made["model_version"], VERSION_FIELDS)
    now = version["creation_timestamp"]
    assert type(now) is int
    expected = {
        "name": name,
        "version": "1",
        "creation_timestamp": now,
        "last_updated_timestamp": now,
        "current_stage": "None",
        "description": "",
        "source": "s3://b/p",
        "run_id": "",
        "status": "READY",
        "run_link": "",
    }
    assert version == expected
    settle(rest, name)
    got = rest.get("model-versions/get", name=name, version="1").ok()["model_version"]
    assert under_test.known(got, VERSION_FIELDS) == expected | times(got)
    model = rest.get("registered-models/get", name=name).ok()["registered_model"]
    assert [under_test.known(v, VERSION_FIELDS) for v in model["latest_versions"]] == [expected | times(got)]


def test_full_things_have_their_lists(under_test: UnderTest, rest: Rest, name: str) -> None:
    tags = [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]
    rest.post("model-versions/create", name=name, source="s3://b/p", tags=tags).ok()
    for tag in tags:
        assert rest.post("registered-models/set-tag", name=name, **tag).ok() == {}
    assert rest.post("registered-models/alias", name=name, alias="champion", version="1").ok() == {}
    version = rest.get("model-versions/get", name=name, version="1").ok()["model_version"]
    assert sorted(version["tags"], key=lambda tag: tag["key"]) == tags
    assert version["aliases"] == ["champion"]
    model = rest.get("registered-models/get", name=name).ok()["registered_model"]
    assert sorted(model["tags"], key=lambda tag: tag["key"]) == tags
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    assert "aliases" not in model["latest_versions"][0]
    found = rest.get("model-versions/search", filter=f"name = '{name}'").ok()["model_versions"][0]
    assert found.get("aliases") == under_test.differs(
        "users asked for the aliases in search results", mlflow=None, greenroom=["champion"]
    )


def test_of_two_tags_with_one_key_the_last_counts(rest: Rest, fresh: Fresh) -> None:
    tags = [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]
    name = fresh()
    assert rest.post("registered-models/create", name=name, tags=tags).ok()["registered_model"]["tags"] == tags[1:]
    made = rest.post("model-versions/create", name=name, source="s3://b/p", tags=tags).ok()
    assert made["model_version"]["tags"] == tags[1:]


def test_a_tag_without_a_value_has_an_empty_one(rest: Rest, name: str) -> None:
    rest.post("registered-models/set-tag", name=name, key="k").ok()
    assert rest.get("registered-models/get", name=name).ok()["registered_model"]["tags"] == [{"key": "k", "value": ""}]


def test_an_update_without_a_description_empties_that_of_a_model(rest: Rest, fresh: Fresh) -> None:
    name = fresh()
    rest.post("registered-models/create", name=name, description="d").ok()
    assert "description" not in rest.patch("registered-models/update", name=name).ok()["registered_model"]


def test_success_is_json_with_status_200_that_no_browser_guesses_about(rest: Rest, name: str) -> None:
    answer = rest.post("model-versions/create", name=name, source="s3://b/p")
    answer.ok()
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_browser_prefix_leads_to_the_same(rest: Rest, name: str) -> None:
    ajax = rest.call("GET", "registered-models/get", query={"name": name}, api="/ajax-api/2.0/mlflow")
    assert ajax.ok() == rest.get("registered-models/get", name=name).ok()


def test_a_content_type_is_needed_for_post_only(rest: Rest, name: str) -> None:
    def create(headers: dict[str, str]) -> tuple[int, str, str]:
        return rest.call("POST", "registered-models/create", raw=json.dumps({"name": name}), headers=headers).error

    refused = (400, "INVALID_PARAMETER_VALUE")
    assert create({}) == (*refused, "Bad Request. Content-Type header is missing.")
    wrong = "Bad Request. Content-Type must be one of ['application/json']."
    assert create({"Content-Type": "text/plain"}) == (*refused, wrong)
    assert create({"Content-Type": "application/json; charset=utf-8"})[1] == "RESOURCE_ALREADY_EXISTS"
    body = json.dumps({"name": name, "description": "d"})
    rest.call("PATCH", "registered-models/update", raw=body, headers={}).ok()
    rest.call("DELETE", "registered-models/delete", raw=body, headers={}).ok()


def test_a_body_that_is_json_twice_is_understood(rest: Rest, fresh: Fresh) -> None:
    raw = json.dumps(json.dumps({"name": fresh()}))
    rest.call("POST", "registered-models/create", raw=raw, headers=JSON).ok()


@pytest.mark.parametrize("raw", ["", "{nope", "null", "{}", '{"name": null}', '{"name": ""}'])
def test_a_body_without_a_name_misses_it(rest: Rest, raw: str) -> None:
    missing = (
        "Missing value for required parameter 'name'. See the API docs for more information about request parameters."
    )
    answer = rest.call("POST", "registered-models/create", raw=raw, headers=JSON)
    assert answer.error == (400, "INVALID_PARAMETER_VALUE", missing)


@pytest.mark.parametrize("raw", ["[1]", "5", "true", '"text"'])
def test_a_body_that_is_no_object_is_refused(under_test: UnderTest, rest: Rest, raw: str) -> None:
    answer = rest.call("POST", "registered-models/create", raw=raw, headers=JSON)
    assert answer.status == under_test.differs("bad input is no server error", mlflow=500, greenroom=400)


def test_unknown_fields_are_ignored(rest: Rest, fresh: Fresh) -> None:
    rest.post("registered-models/create", name=fresh(), colour="blue", deployment_job_id="1").ok()


def test_a_get_without_a_query_reads_its_body(rest: Rest, name: str) -> None:
    assert rest.call("GET", "registered-models/get", {"name": name}).ok()["registered_model"]["name"] == name


def test_a_delete_does_not_read_its_query(rest: Rest, client: MlflowClient, name: str) -> None:
    status, code, _ = rest.call("DELETE", "registered-models/delete", query={"name": name}).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    client.get_registered_model(name)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "registered-models/list", 404),
        ("GET", "nothing/here", 404),
        ("POST", "model-versions/search", 405),
        ("GET", "registered-models/create", 405),
        ("DELETE", "model-versions/get", 405),
    ],
)
def test_what_is_no_route_is_told_apart_from_a_wrong_method(rest: Rest, method: str, path: str, status: int) -> None:
    assert rest.call(method, path, {}).status == status


def test_the_preview_routes_of_old_are_gone(rest: Rest) -> None:
    assert rest.call("GET", "registered-models/search", api="/api/2.0/preview/mlflow").status == 404


def test_a_probe_needs_no_token(under_test: UnderTest) -> None:
    stranger = Rest(under_test.url, None)
    assert stranger.call("GET", "health", api="").text.strip().strip('"') == "OK"
    assert stranger.call("GET", "version", api="").text.strip()[:2] in ("3.", "2.")


def test_a_prefix_and_a_slash_at_the_end_of_the_address_do_not_matter(under_test: UnderTest, name: str) -> None:
    client = MlflowClient(tracking_uri=f"{under_test.url}/", registry_uri=f"{under_test.url}/")
    assert client.get_registered_model(name).name == name
