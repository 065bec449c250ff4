"""Search of model versions: the filter grammar, the order, and the pages."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from rest import Rest, settle
from under_test import UnderTest

RUNS = {letter: letter * 32 for letter in "abc"}
# (model, source, run id, tags), in the order of registration.
VERSIONS = [
    ("sv-one", "s3://bucket/one/1", RUNS["a"], {"dataset": "2026-01", "kind": "tree"}),
    ("sv-one", "s3://bucket/one/2", RUNS["b"], {"dataset": "2026-02", "kind": "Tree"}),
    ("sv-one", "s3://bucket/one/3", "", {"dataset": "2026-03", "with space": "yes"}),
    ("sv-two", "s3://bucket/two/1", RUNS["a"], {"kind": "tree", "quote": "it's"}),
    ("sv-two", "s3://Bucket/Two/2", RUNS["c"], {}),
]
EVERY = ["one/1", "one/2", "one/3", "two/1", "two/2"]
SV = "name LIKE 'sv-%'"


@pytest.fixture(scope="module", autouse=True)
def versions(client: MlflowClient, rest: Rest) -> Iterator[None]:
    """The versions that are searched, last changed in their order, and nothing of them afterwards."""
    for name in ("sv-one", "sv-two"):
        client.create_registered_model(name)
    for name, source, run_id, tags in VERSIONS:
        client.create_model_version(name, source, run_id, tags)
    client.create_model_version("sv-two", "s3://bucket/deleted")
    client.delete_model_version("sv-two", "3")
    for name in ("sv-one", "sv-two"):
        settle(rest, name)
    for place in EVERY:
        name, version = f"sv-{place}".split("/")
        client.update_model_version(name, version, "Changed last.")
    yield
    for name in ("sv-one", "sv-two"):
        client.delete_registered_model(name)


def search(rest: Rest, text: str, **query: object) -> list[str]:
    """What is found, as <model>/<version> without the prefix."""
    found = rest.get("model-versions/search", filter=text, **query).ok().get("model_versions", [])
    return [f"{version['name'].removeprefix('sv-')}/{version['version']}" for version in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SV, EVERY),
        ("name = 'sv-one'", EVERY[:3]),
        ("name='sv-one'", EVERY[:3]),
        ('name = "sv-two"', EVERY[3:]),
        ("attribute.name = 'sv-two'", EVERY[3:]),
        (f"{SV} AND name != 'sv-one'", EVERY[3:]),
        ("name ILIKE 'SV-T%'", EVERY[3:]),
        (f"run_id = '{RUNS['a']}'", ["one/1", "two/1"]),
        (f"run_id = '{RUNS['a']}' AND name = 'sv-two'", ["two/1"]),
        (f"name = 'sv-one' AND run_id != '{RUNS['a']}'", ["one/2", "one/3"]),
        (f"{SV} AND run_id = ''", ["one/3"]),
        (f"run_id IN ('{RUNS['a']}', '{RUNS['c']}')", ["one/1", "two/1", "two/2"]),
        (f"run_id IN ('{RUNS['b']}')", ["one/2"]),
        (f'run_id IN ("{RUNS["b"]}","{RUNS["c"]}") AND name = "sv-two"', ["two/2"]),
        (f"run_id in ('{RUNS['b']}')", ["one/2"]),
        (f"run_id NOT IN ('{RUNS['a']}', '') AND {SV}", ["one/2", "two/2"]),
        ("name IN ('sv-two', 'sv-nope')", EVERY[3:]),
        (f"name NOT IN ('sv-two') AND {SV}", EVERY[:3]),
        ("run_id LIKE 'aaaa%'", ["one/1", "two/1"]),
        ("source_path = 's3://bucket/one/2'", ["one/2"]),
        ("source_path LIKE 's3://bucket/%' AND name LIKE 'sv-%'", EVERY[:4]),
        (f"source_path ILIKE 's3://bucket/two/%' AND {SV}", EVERY[3:]),
        (f"{SV} AND source_path != 's3://bucket/one/1'", EVERY[1:]),
        ("name = 'sv-one' AND version_number = 2", ["one/2"]),
        ("name = 'sv-one' AND version_number = '2'", ["one/2"]),
        ("name = 'sv-one' AND version_number != 2", ["one/1", "one/3"]),
        ("name = 'sv-one' AND version_number > 1", ["one/2", "one/3"]),
        ("name = 'sv-one' AND version_number >= 2 AND version_number < 3", ["one/2"]),
        ("name = 'sv-one' AND version_number <= 2", ["one/1", "one/2"]),
        ("name = 'sv-one' AND version_number > 3", []),
        ("name = 'sv-one' AND attribute.version_number < 2", ["one/1"]),
        (f"tags.kind = 'tree' AND {SV}", ["one/1", "two/1"]),
        (f"tag.kind ILIKE 'TREE' AND {SV}", ["one/1", "one/2", "two/1"]),
        (f"{SV} AND tags.kind != 'tree'", ["one/2"]),
        ("tags.kind = 'tree' AND tags.dataset = '2026-01'", ["one/1"]),
        ("tags.dataset LIKE '2026-0%' AND name = 'sv-one'", EVERY[:3]),
        ("tags.`with space` = 'yes'", ["one/3"]),
        ('tags.quote = "it\'s"', ["two/1"]),
        (f"{SV} AND tags.nope != 'x'", []),
        (f"{SV} AND tags.`mlflow.prompt.is_prompt` != 'true'", EVERY),
        ("name = 'sv-nope'", []),
        ("source_path = 's3://bucket/deleted'", []),
    ],
)
def test_a_filter_finds_what_it_says(rest: Rest, text: str, found: list[str]) -> None:
    assert sorted(search(rest, text)) == found


def test_the_client_finds_versions(client: MlflowClient) -> None:
    found = client.search_model_versions("name = 'sv-one' AND tags.dataset = '2026-02'")
    assert [(v.version, v.tags["kind"], v.run_id) for v in found] == [("2", "Tree", RUNS["b"])]
    assert len(client.search_model_versions(filter_string=None, max_results=1)) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"),
        ("current_stage = 'Production'", "Invalid attribute key 'current_stage' specified."),
        ("aliases = 'champion'", "Invalid attribute key 'aliases' specified."),
        ("version_number LIKE '1'", ""),
        ("version_number = 'x'", ""),
        ("version_number IN (1, 2)", ""),
        ("version_number IN ('1', '2')", ""),
        ("name > 'a'", "Invalid comparator for attribute: >"),
        ("tags.k > 'a'", "Invalid comparator for tag: >"),
        ("tags.k IN ('a')", ""),
        ("source_path IN ('a')", ""),
        ("run_id IN ()", ""),
        ("run_id IN ('a'", ""),
        ("run_id IN ('a', 5)", ""),
        ("run_id IN 'a'", ""),
        (
            "run_id = s1",
            "Parameter value is either not quoted or unidentified quote types used for string value s1. "
            "Use either single or double quotes.",
        ),
        (
            "attributes.name = 'a'",
            "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')",
        ),
        ("  ", "Invalid filter '  '. Could not be parsed."),
        ("name LIKE", ""),
    ],
)
def test_a_bad_filter_is_refused_and_the_fault_is_named(rest: Rest, text: str, why: str) -> None:
    status, code, message = rest.get("model-versions/search", filter=text).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(why)


def test_versions_come_newest_change_first_unless_asked_otherwise(client: MlflowClient, rest: Rest) -> None:
    assert search(rest, SV) == ["two/2", "two/1", "one/3", "one/2", "one/1"]
    orders = {
        ("name",): ["one/3", "one/2", "one/1", "two/2", "two/1"],
        ("name DESC", "version_number ASC"): ["two/1", "two/2", "one/1", "one/2", "one/3"],
        ("version_number desc", "name"): ["one/3", "one/2", "two/2", "one/1", "two/1"],
        ("attribute.version_number",): ["one/1", "two/1", "one/2", "two/2", "one/3"],
        ("creation_timestamp ASC",): EVERY,
        ("last_updated_timestamp ASC",): EVERY,
    }
    for order, expected in orders.items():
        assert search(rest, SV, order_by=list(order)) == expected, order
    client.set_model_version_tag("sv-one", "1", "touched", "no")
    assert search(rest, SV)[0] == "two/2"
    client.update_model_version("sv-one", "1", "touched")
    assert search(rest, SV)[0] == "one/1"
    client.delete_model_version_tag("sv-one", "1", "touched")


@pytest.mark.parametrize("order", ["nope", "version", "run_id", "name sideways", "", "name,version_number", "tag.k"])
def test_a_bad_order_is_refused(rest: Rest, order: str) -> None:
    status, code, _ = rest.get("model-versions/search", order_by=[order]).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


def test_an_order_that_names_a_field_twice_is_refused(under_test: UnderTest, rest: Rest) -> None:
    answer = rest.get("model-versions/search", order_by=["version_number", "version_number DESC"])
    assert answer.status == under_test.differs("a refusal is no server error", mlflow=500, greenroom=400)
    assert answer.error[2] == "`order_by` contains duplicate fields: ['version_number', 'version_number DESC']"


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages_follow_each_other_without_a_gap(client: MlflowClient, size: int) -> None:
    found: list[str] = []
    token: str | None = None
    while token or not found:
        order = ["name ASC", "version_number ASC"]
        page = client.search_model_versions(SV, max_results=size, order_by=order, page_token=token)
        assert 1 <= len(page) <= size
        found += [f"{v.name.removeprefix('sv-')}/{v.version}" for v in page]
        token = page.token
        assert (not token) == (len(found) == len(EVERY)), "the last page and no other has no token"
    assert found == EVERY


@pytest.mark.parametrize(
    "query",
    [
        {"max_results": "0"},
        {"max_results": "-1"},
        {"max_results": "200001"},
        {"max_results": "x"},
        {"page_token": "nope"},
    ],
)
def test_a_bad_page_token_or_size_is_refused(rest: Rest, query: dict[str, str]) -> None:
    status, code, _ = rest.get("model-versions/search", **query).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_page_of_the_greatest_size_is_answered(rest: Rest) -> None:
    assert sorted(search(rest, SV, max_results=200_000)) == EVERY
