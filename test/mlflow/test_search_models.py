"""Search of registered models: the filter grammar, the order, and the pages."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient, MlflowException

from rest import Rest
from under_test import UnderTest

PROMPT = "mlflow.prompt.is_prompt"
# What is registered, in the order of registration; every name begins with "sm-".
MODELS = {
    "sm-beta": {"team": "red", "tier": "1"},
    "sm-Alpha": {"team": "blue", "tier": "2", "with space": "a b", "dotted.key": "x"},
    "sm-alpha": {"team": "Red", "quote": "it's", "double": 'say "hi"'},
    "sm-it's": {"tier": "10", "with/slash": "y", "with-dash": "z"},
    "sm-under_score": {"void": "", "percent": "50%"},
    "sm-underXscore": {"percent": "50x", "unicode": "größe Ω 😀"},
    "sm-prompt": {PROMPT: "true", "team": "red"},
}


@pytest.fixture(scope="module", autouse=True)
def models(rest: Rest) -> Iterator[None]:
    """The models that are searched, and nothing of them afterwards; the client makes no prompts this way."""
    for name, tags in MODELS.items():
        written = [{"key": key, "value": value} for key, value in tags.items()]
        rest.post("registered-models/create", name=name, tags=written).ok()
    yield
    for name in MODELS:
        rest.delete("registered-models/delete", name=name).ok()


def search(rest: Rest, text: str, **query: object) -> list[str]:
    """The names of what is found, without the prefix."""
    found = rest.get("registered-models/search", filter=text, **query).ok().get("registered_models", [])
    return [model["name"].removeprefix("sm-") for model in found]


EVERY = ["Alpha", "alpha", "beta", "it's", "underXscore", "under_score"]  # by code point
SM = "name LIKE 'sm-%'"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SM, EVERY),
        ("name = 'sm-beta'", ["beta"]),
        ("name='sm-beta'", ["beta"]),
        ('name = "sm-beta"', ["beta"]),
        ("attribute.name = 'sm-beta'", ["beta"]),
        ("`name` = 'sm-beta'", None),
        ("name = 'SM-BETA'", []),
        ("name IN ('sm-beta', \"sm-it's\", 'sm-nope')", ["beta", "it's"]),
        (f"{SM} AND name not in ('sm-beta')", [name for name in EVERY if name != "beta"]),
        ('name = "sm-it\'s"', ["it's"]),
        (f"{SM} AND name != 'sm-beta'", [name for name in EVERY if name != "beta"]),
        ("name LIKE 'sm-al%'", ["alpha"]),
        ("name ILIKE 'SM-AL%'", ["Alpha", "alpha"]),
        ("name like 'sm-al%' and name Like '%pha'", ["alpha"]),
        ("name LIKE 'sm-under_score'", ["under_score", "underXscore"]),
        ("name LIKE 'sm-b%t%'", ["beta"]),
        ("name LIKE 'sm-'", []),
        ("tags.team = 'red'", ["beta"]),
        ("tag.team = 'red'", ["beta"]),
        ("tag.team ILIKE 'RED'", ["alpha", "beta"]),
        (f"{SM} AND tags.team != 'red'", ["Alpha", "alpha"]),
        (f"{SM} AND tags.nope != 'x'", []),
        ("tags.team = 'red' AND tags.tier = '1'", ["beta"]),
        ("tags.team = 'red' AND tags.tier = '2'", []),
        ("tags.team LIKE 'r%' AND tags.team LIKE '%d'", ["beta"]),
        ("tags.team = 'red' AND tags.team = 'blue'", []),
        ("tags.`with space` = 'a b'", ["Alpha"]),
        ("tags.\"with space\" = 'a b'", ["Alpha"]),
        ("tags.`dotted.key` = 'x'", ["Alpha"]),
        ("tags.dotted.key = 'x'", ["Alpha"]),
        ("tags.`with/slash` = 'y'", ["it's"]),
        ("tags.`with-dash` = 'z'", ["it's"]),
        ('tags.quote = "it\'s"', ["alpha"]),
        ("tags.double = 'say \"hi\"'", ["alpha"]),
        ("tags.void = ''", ["under_score"]),
        ("tags.percent LIKE '50_'", ["under_score", "underXscore"]),
        ("tags.unicode = 'größe Ω 😀'", ["underXscore"]),
        ("tags.unicode LIKE '%Ω%'", ["underXscore"]),
        ("tags.tier = '1'", ["beta"]),
        (f"{SM} AND tags.`{PROMPT}` != 'true'", EVERY),
        (f"{SM} AND tags.`{PROMPT}` = 'false'", EVERY),
        (f"{SM} AND tags.`{PROMPT}` = 'true'", ["prompt"]),
        (f"{SM} AND tag.`{PROMPT}` != 'false'", ["prompt"]),
        (f"tags.team = 'red' AND tags.`{PROMPT}` = 'true'", ["prompt"]),
    ],
)
def test_a_filter_finds_what_it_says(rest: Rest, text: str, found: list[str] | None) -> None:
    if found is None:
        assert rest.get("registered-models/search", filter=text).status == 400
    else:
        assert search(rest, text) == sorted(found, key=str.encode)


def test_no_filter_finds_every_ordinary_model(rest: Rest) -> None:
    for query in ({}, {"filter": ""}):
        body = rest.get("registered-models/search", max_results=1000, **query).ok()
        names = [model["name"] for model in body["registered_models"]]
        assert set(MODELS) - {"sm-prompt"} <= set(names)
        assert "sm-prompt" not in names


def test_the_client_finds_models_with_and_without_a_filter(client: MlflowClient) -> None:
    assert [model.name for model in client.search_registered_models("tags.team = 'red'")] == ["sm-beta"]
    assert set(MODELS) - {"sm-prompt"} <= {m.name for m in client.search_registered_models(max_results=1000)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"),
        ("description = 'x'", "Invalid attribute key 'description' specified. Valid keys are '{'name'}'"),
        ("name > 'a'", "Invalid comparator for attribute: >"),
        ("tags.team > 'a'", "Invalid comparator for tag: >"),
        ("name = beta", "Parameter value is either not quoted or unidentified quote types"),
        (
            "attributes.name = 'a'",
            "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')",
        ),
        ("   ", "Invalid filter '   '. Could not be parsed."),
        ("name = 5", ""),
        ("tags.team = 5", ""),
        ("name", ""),
        ("name =", ""),
        ("= 'a'", ""),
        ("(name = 'a')", ""),
        ("NOT name = 'a'", ""),
        ("name = 'a'; DROP TABLE registered_models", ""),
        ("name = 'unfinished", ""),
        ("name = 'a' UNION SELECT 1", ""),
    ],
)
def test_a_bad_filter_is_refused_and_the_fault_is_named(rest: Rest, text: str, why: str) -> None:
    status, code, message = rest.get("registered-models/search", filter=text).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(why)


@pytest.mark.parametrize("query", [{"filter": "name IS NULL"}, {"page_token": "§"}])
def test_what_mlflow_stumbles_over_is_refused(under_test: UnderTest, rest: Rest, query: dict[str, str]) -> None:
    status = rest.get("registered-models/search", **query).status
    assert status == under_test.differs("bad input is no server error", mlflow=500, greenroom=400)


def test_models_come_by_name_unless_asked_otherwise(rest: Rest) -> None:
    for order in (["name"], ["name ASC"], ["name asc"], None):
        assert search(rest, SM, order_by=order) == EVERY
    assert search(rest, SM, order_by=["name DESC"]) == EVERY[::-1]
    registered = [name.removeprefix("sm-") for name in MODELS if name != "sm-prompt"]
    for key in ("timestamp", "last_updated_timestamp"):
        assert search(rest, SM, order_by=[f"{key} ASC"]) == registered
        assert search(rest, SM, order_by=[f"{key} DESC", "name"]) == registered[::-1]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ("nope", "Invalid order by key 'nope' specified."),
        ("name sideways", "Invalid ordering key in order_by clause 'name sideways'."),
        ("creation_timestamp", "Invalid order by key 'creation_timestamp' specified."),
        ("", ""),
        ("name, timestamp", ""),
        ("name ASC DESC", ""),
    ],
)
def test_a_bad_order_is_refused(rest: Rest, order: str, why: str) -> None:
    status, code, message = rest.get("registered-models/search", order_by=[order]).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(why)


def test_an_order_that_names_a_field_twice_is_refused(under_test: UnderTest, rest: Rest) -> None:
    status, code, message = rest.get("registered-models/search", order_by=["name", "name DESC"]).error
    assert (status, code) == under_test.differs(
        "a refusal is no server error",
        mlflow=(500, "INTERNAL_ERROR"),
        greenroom=(400, "INVALID_PARAMETER_VALUE"),
    )
    assert message == "`order_by` contains duplicate fields: ['name', 'name DESC']"


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_pages_follow_each_other_without_a_gap(client: MlflowClient, size: int) -> None:
    names: list[str] = []
    token: str | None = None
    while token or not names:
        page = client.search_registered_models(SM, max_results=size, page_token=token)
        assert 1 <= len(page) <= size
        names += [model.name.removeprefix("sm-") for model in page]
        token = page.token
        assert (not token) == (len(names) == len(EVERY)), "the last page and no other has no token"
    assert names == EVERY


def test_a_bad_page_token_or_size_is_refused(rest: Rest, client: MlflowClient) -> None:
    for query in ({"page_token": "nope"}, {"page_token": "bm9wZQ=="}, {"max_results": "1001"}, {"max_results": "x"}):
        status, code, _ = rest.get("registered-models/search", **query).error
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    with pytest.raises(MlflowException):
        client.search_registered_models(max_results=100_000)
