"""Input that is odd but not wrong comes back as it was sent, or is refused; it is never a server error."""

from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient

from rest import Rest
from under_test import UnderTest

SOURCE = "s3://bucket/model"
Fresh = Callable[[], str]

TEXTS = {
    "emoji": "🦊 with 👩‍👩‍👧‍👦 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "combining characters": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "composed and not": "é e\u0301",
    "right to left": "\u202emodel\u202c العربية",
    "invisible": "a\u200bb\u00adc\ufeffd",
    "a name of JavaScript": "__proto__",
    "another": "constructor",
    "quotes": 'it\'s "quoted" `so` \\ and %s ${x} {{y}}',
    "SQL": "'; DROP TABLE registered_model; --",
    "HTML": "<script>alert(1)</script>&amp;",
    "lines": "one\ntwo\r\nthree\ttab",
    "spaces around": "  inside  ",
    "no number": "NaN",
    "big": "9" * 200,
}


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    """The tags of a thing from an answer."""
    return {tag["key"]: tag["value"] for tag in thing.get("tags", [])}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_comes_back_from_where_texts_go(rest: Rest, client: MlflowClient, fresh: Fresh, text: str) -> None:
    name = fresh()
    client.create_registered_model(name, tags={"k": text}, description=text)
    client.create_model_version(name, SOURCE, run_link=text, tags={"k": text}, description=text)
    model, version = client.get_registered_model(name), client.get_model_version(name, "1")
    assert (model.description, model.tags) == (text, {"k": text})
    assert (version.description, version.tags, version.run_link) == (text, {"k": text}, text)
    quote = '"' if "'" in text else "'"
    if quote not in text and "\n" not in text:
        found = rest.get("model-versions/search", filter=f"name = '{name}' AND tags.k = {quote}{text}{quote}").ok()
        assert [v["version"] for v in found["model_versions"]] == ["1"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_name_without_a_slash_or_colon_is_a_name_or_is_refused(rest: Rest, text: str) -> None:
    name = text.replace("/", "").replace(":", "")[:100]
    made = rest.post("registered-models/create", name=name)
    if made.status == 400:
        assert made.body["error_code"] == "INVALID_PARAMETER_VALUE"
        return
    assert made.ok()["registered_model"]["name"] == name
    assert rest.get("registered-models/get", name=name).ok()["registered_model"]["name"] == name
    assert rest.post("model-versions/create", name=name, source=SOURCE).ok()["model_version"]["name"] == name
    rest.delete("registered-models/delete", name=name).ok()


@pytest.mark.parametrize(
    "key", ["__proto__", "constructor", "toString", "größe", "e\u0301te", "１２", "a b", "a:b", "a/b"]
)
def test_a_tag_may_have_any_key_of_letters(rest: Rest, name: str, key: str) -> None:
    answer = rest.post("registered-models/set-tag", name=name, key=key, value="v")
    if key == "e\u0301te":  # a combining character is no letter
        assert answer.status == 400
        return
    answer.ok()
    assert tags_of(rest.get("registered-models/get", name=name).ok()["registered_model"]) == {key: "v"}
    found = rest.get("registered-models/search", filter=f"name = '{name}' AND tags.`{key}` = 'v'").ok()
    assert len(found["registered_models"]) == 1


def test_keys_that_differ_only_in_case_or_composition_are_different(rest: Rest, name: str) -> None:
    tags = {"key": "1", "Key": "2", "KEY": "3", "é": "4"}
    for key, value in tags.items():
        rest.post("registered-models/set-tag", name=name, key=key, value=value).ok()
    assert tags_of(rest.get("registered-models/get", name=name).ok()["registered_model"]) == tags


def test_names_that_differ_only_in_composition_are_different(client: MlflowClient, fresh: Fresh) -> None:
    stem = fresh()
    for spelling in ("é", "e\u0301"):
        client.create_registered_model(f"{stem}-{spelling}", description=spelling)
    assert client.get_registered_model(f"{stem}-é").description == "é"
    assert client.get_registered_model(f"{stem}-e\u0301").description == "e\u0301"


@pytest.mark.parametrize("how_many", [1_000, 10_000])
def test_a_great_many_tags_come_back(rest: Rest, fresh: Fresh, how_many: int) -> None:
    name = fresh()
    tags = {f"key-{number}": f"value {number}" for number in range(how_many)}
    written = [{"key": key, "value": value} for key, value in tags.items()]
    made = rest.post("registered-models/create", name=name, tags=written)
    if made.status == 400 and how_many == 10_000:
        assert made.body["error_code"] == "INVALID_PARAMETER_VALUE"
        return
    assert tags_of(made.ok()["registered_model"]) == tags
    rest.post("model-versions/create", name=name, source=SOURCE, tags=written).ok()
    assert tags_of(rest.get("model-versions/get", name=name, version="1").ok()["model_version"]) == tags
    found = rest.get("model-versions/search", filter=f"name = '{name}' AND tags.`key-999` = 'value 999'").ok()
    assert len(found["model_versions"]) == 1


@pytest.mark.parametrize("version", [" 1 ", "+1", "01", "１", "1\n", "0_1"])
def test_another_spelling_of_a_number_is_that_version_or_is_refused(rest: Rest, name: str, version: str) -> None:
    rest.post("model-versions/create", name=name, source=SOURCE).ok()
    for answer in (
        rest.get("model-versions/get", name=name, version=version),
        rest.post("model-versions/transition-stage", name=name, version=version, stage="Staging"),
    ):
        if answer.status == 400:
            assert answer.body["error_code"] == "INVALID_PARAMETER_VALUE"
        else:
            assert answer.ok()["model_version"]["version"] == "1"


@pytest.mark.parametrize("version", ["9" * 400, "9" * 19, "-" + "9" * 400, str(2**63), str(2**31)])
def test_a_number_beyond_all_versions_is_none_of_them(
    under_test: UnderTest, rest: Rest, name: str, version: str
) -> None:
    rest.post("model-versions/create", name=name, source=SOURCE).ok()
    least = under_test.differs("bad input is no server error", mlflow=600, greenroom=500)
    for answer in (
        rest.get("model-versions/get", name=name, version=version),
        rest.get("model-versions/get-download-uri", name=name, version=version),
        rest.patch("model-versions/update", name=name, version=version, description="d"),
        rest.post("model-versions/transition-stage", name=name, version=version, stage="Staging"),
        rest.post("model-versions/set-tag", name=name, version=version, key="k", value="v"),
        rest.post("registered-models/alias", name=name, alias="a", version=version),
        rest.delete("model-versions/delete", name=name, version=version),
        rest.get("model-versions/search", filter=f"name = '{name}' AND version_number = {version}"),
    ):
        assert answer.status < least, answer.text
        assert answer.status in (400, 404, 500) or not answer.body.get("model_versions")
    assert rest.get("model-versions/get", name=name, version="1").ok()["model_version"]["current_stage"] == "None"


@pytest.mark.greenroom_only
@pytest.mark.parametrize("field", ["name", "description", "value", "source", "alias", "filter"])
@pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 600_000])
def test_what_a_database_cannot_hold_is_refused(rest: Rest, name: str, field: str, text: str) -> None:
    rest.post("model-versions/create", name=name, source=SOURCE).ok()
    sent = f"a{text}b"
    answer = {
        "name": lambda: rest.post("registered-models/create", name=sent),
        "description": lambda: rest.patch("registered-models/update", name=name, description=sent),
        "value": lambda: rest.post("registered-models/set-tag", name=name, key="k", value=sent),
        "source": lambda: rest.post("model-versions/create", name=name, source=f"s3://{sent}"),
        "alias": lambda: rest.post("registered-models/alias", name=name, alias=sent, version="1"),
        "filter": lambda: rest.call("GET", "registered-models/search", {"filter": f"name = '{sent}'"}),
    }[field]()
    assert answer.status in (200, 400, 413, 414, 431), answer.text[:300]
    if answer.status == 200 and field == "description":
        assert answer.ok()["registered_model"]["description"] == sent


@pytest.mark.greenroom_only
def test_a_query_that_is_no_text_is_refused(rest: Rest) -> None:
    for query in ("name=%FF%FE", "name=%ED%A0%80", "name=%00", "name=%zz", "name[]=a", "name=a&name=b", "&&&=", "%"):
        assert rest.call("GET", f"registered-models/get?{query}").status in (400, 404)
