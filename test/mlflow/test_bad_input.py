"""What MLflow refuses is refused with the same status, code and text."""

from collections.abc import Iterator
from typing import Any

import pytest
from mlflow import MlflowClient

from rest import Rest
from under_test import UnderTest

MODEL = "bad-input"
TAKEN = "bad-input-taken"
MV, RM = "model-versions", "registered-models"
SEE_DOCS = "See the API docs for more information about request parameters."
CHARACTERS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)
RESOLVES = (
    "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. "
    "This name would resolve to"
)
ABSOLUTE = (
    "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute "
    "path must be provided without relative path references present. Please provide an absolute path."
)
NO_MODEL = "Registered Model with name=nope not found"
BAD, TAKEN_CODE, GONE = "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"
STATUS = {BAD: 400, TAKEN_CODE: 400, GONE: 404}


def missing(what: str) -> str:
    """Without a value that is needed."""
    return f"Missing value for required parameter '{what}'. {SEE_DOCS}"


def mistyped(value: str, what: str, kind: str) -> str:
    """With a value of the wrong type; the two spaces are MLflow's."""
    return f"Invalid value {value} for parameter '{what}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}"


def not_number(version: str) -> str:
    """With a version that is no number."""
    return f"Parameter 'version' must be an integer, got '{version}'."


def no_version(version: str) -> str:
    """With a version that is not there."""
    return f"Model Version (name={MODEL}, version={version}) not found"


def bad_name(name: str) -> str:
    """With a name that would be part of a path."""
    return f"Invalid model name '{name}'. Names cannot contain '/' or ':'."


def bad_alias(alias: str) -> str:
    """With an alias of other characters."""
    return f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."


def too_long(what: str, limit: int) -> str:
    """With a text beyond its limit."""
    return f"'{what}' exceeds the maximum length of {limit} characters"


Case = tuple[str, str, dict[str, Any], str, str]

MODELS: list[Case] = [
    ("POST", f"{RM}/create", {"name": "  "}, BAD, "Missing value for required parameter 'name'."),
    ("POST", f"{RM}/create", {"name": 123}, BAD, mistyped("123", "name", "int")),
    ("POST", f"{RM}/create", {"name": True}, BAD, mistyped("true", "name", "bool")),
    ("POST", f"{RM}/create", {"name": ["a"]}, BAD, mistyped('["a"]', "name", "list")),
    ("POST", f"{RM}/create", {"name": {"a": 1}}, BAD, mistyped('{"a":1}', "name", "dict")),
    ("POST", f"{RM}/create", {"name": "a/b"}, BAD, bad_name("a/b")),
    ("POST", f"{RM}/create", {"name": "a:b"}, BAD, bad_name("a:b")),
    ("POST", f"{RM}/create", {"name": "../x"}, BAD, bad_name("../x")),
    ("POST", f"{RM}/create", {"name": "."}, BAD, f"Invalid value \".\" for parameter 'name' supplied: {RESOLVES} '.'"),
    (
        "POST",
        f"{RM}/create",
        {"name": ".."},
        BAD,
        f"Invalid value \"..\" for parameter 'name' supplied: {RESOLVES} '..'",
    ),
    ("POST", f"{RM}/create", {"name": TAKEN}, TAKEN_CODE, f"Registered Model (name={TAKEN}) already exists."),
    ("POST", f"{RM}/create", {"name": "x", "tags": "x"}, BAD, mistyped('"x"', "tags", "str")),
    ("POST", f"{RM}/create", {"name": "x", "description": 5}, BAD, mistyped("5", "description", "int")),
    (
        "POST",
        f"{RM}/create",
        {"name": "x", "tags": [{"key": "a,b", "value": "1"}]},
        BAD,
        f"Invalid value \"a,b\" for parameter 'key' supplied: {CHARACTERS}",
    ),
    ("GET", f"{RM}/get", {}, BAD, missing("name")),
    ("GET", f"{RM}/get", {"name": "nope"}, GONE, NO_MODEL),
    ("GET", f"{RM}/get", {"name": "a/b"}, BAD, bad_name("a/b")),
    ("POST", f"{RM}/rename", {"name": MODEL}, BAD, missing("new_name")),
    (
        "POST",
        f"{RM}/rename",
        {"name": MODEL, "new_name": "  "},
        BAD,
        "Missing value for required parameter 'new_name'.",
    ),
    ("POST", f"{RM}/rename", {"name": MODEL, "new_name": "a/b"}, BAD, bad_name("a/b")),
    ("POST", f"{RM}/rename", {"name": "nope", "new_name": "x"}, GONE, NO_MODEL),
    ("PATCH", f"{RM}/update", {"name": "nope", "description": "x"}, GONE, NO_MODEL),
    ("PATCH", f"{RM}/update", {"description": "x"}, BAD, missing("name")),
    ("DELETE", f"{RM}/delete", {"name": "nope"}, GONE, NO_MODEL),
    ("DELETE", f"{RM}/delete", {}, BAD, missing("name")),
    ("GET", f"{RM}/get-latest-versions", {"name": "nope"}, GONE, NO_MODEL),
    (
        "POST",
        f"{RM}/get-latest-versions",
        {"name": MODEL, "stages": "Staging"},
        BAD,
        mistyped('"Staging"', "stages", "str"),
    ),
    (
        "POST",
        f"{RM}/get-latest-versions",
        {"name": MODEL, "stages": ["Deleted_Internal"]},
        BAD,
        "Invalid Model Version stage: Deleted_Internal. Value must be one of None, Staging, Production, Archived.",
    ),
    ("GET", f"{RM}/search", {"max_results": "1001"}, BAD, mistyped('"1001"', "max_results", "str")),
    ("GET", f"{RM}/search", {"max_results": "x"}, BAD, mistyped('"x"', "max_results", "str")),
]

TAGS: list[Case] = [
    ("POST", f"{RM}/set-tag", {"name": MODEL, "value": "v"}, BAD, missing("key")),
    ("POST", f"{RM}/set-tag", {"name": MODEL, "key": "", "value": "v"}, BAD, missing("key")),
    ("POST", f"{RM}/set-tag", {"name": MODEL, "key": "k", "value": 5}, BAD, mistyped("5", "value", "int")),
    ("POST", f"{RM}/set-tag", {"name": "nope", "key": "k", "value": "v"}, GONE, NO_MODEL),
    *(
        (
            "POST",
            f"{RM}/set-tag",
            {"name": MODEL, "key": key},
            BAD,
            f"Invalid value {shown} for parameter 'key' supplied: {CHARACTERS}",
        )
        for key, shown in [("a,b", '"a,b"'), ("a\nb", '"a\\nb"'), ("😀", '"\\ud83d\\ude00"')]
    ),
    *(
        (
            "POST",
            f"{RM}/set-tag",
            {"name": MODEL, "key": key},
            BAD,
            f"Invalid value \"{key}\" for parameter 'key' supplied: {RESOLVES} '{to}'",
        )
        for key, to in [("../x", "../x"), ("/x", "/x"), (".", "."), ("a//b", "a/b"), ("a/../b", "b"), ("a/", "a")]
    ),
    ("POST", f"{RM}/set-tag", {"name": MODEL, "key": "x" * 251}, BAD, too_long("key", 250)),
    ("POST", f"{RM}/set-tag", {"name": MODEL, "key": "k", "value": "x" * 100_001}, BAD, too_long("value", 100_000)),
    ("DELETE", f"{RM}/delete-tag", {"name": "nope", "key": "k"}, GONE, NO_MODEL),
    ("DELETE", f"{RM}/delete-tag", {"name": MODEL}, BAD, missing("key")),
    ("POST", f"{MV}/set-tag", {"name": MODEL, "version": "9", "key": "k"}, GONE, no_version("9")),
    ("POST", f"{MV}/set-tag", {"name": MODEL, "version": "x", "key": "k"}, BAD, not_number("x")),
    ("POST", f"{MV}/set-tag", {"name": MODEL, "version": "1"}, BAD, missing("key")),
    ("POST", f"{MV}/set-tag", {"name": MODEL, "version": 1, "key": "k"}, BAD, mistyped("1", "version", "int")),
    (
        "POST",
        f"{MV}/set-tag",
        {"name": MODEL, "version": "1", "key": "k", "value": "x" * 100_001},
        BAD,
        too_long("value", 100_000),
    ),
    ("DELETE", f"{MV}/delete-tag", {"name": MODEL, "version": "9", "key": "k"}, GONE, no_version("9")),
    ("DELETE", f"{MV}/delete-tag", {"name": MODEL, "version": "1"}, BAD, missing("key")),
]

ALIASES: list[Case] = [
    ("POST", f"{RM}/alias", {"name": MODEL, "version": "1"}, BAD, missing("alias")),
    ("POST", f"{RM}/alias", {"name": MODEL, "alias": "a"}, BAD, missing("version")),
    *(
        ("POST", f"{RM}/alias", {"name": MODEL, "alias": alias, "version": "1"}, BAD, bad_alias(alias))
        for alias in ("a.b", "a b", "a/b", "😀", "a\nb")
    ),
    *(
        ("POST", f"{RM}/alias", {"name": MODEL, "alias": alias, "version": "1"}, BAD, text)
        for alias, text in [
            ("latest", "'latest' alias name (case insensitive) is reserved."),
            ("LaTest", "'latest' alias name (case insensitive) is reserved."),
            ("v1", "Version alias name 'v1' is reserved."),
            ("V12", "Version alias name 'V12' is reserved."),
            ("v１", "Version alias name 'v１' is reserved."),
            ("V٣2", "Version alias name 'V٣2' is reserved."),
            ("x" * 256, too_long("Registered model alias name", 255)),
        ]
    ),
    ("POST", f"{RM}/alias", {"name": MODEL, "alias": "a", "version": "9"}, GONE, no_version("9")),
    ("POST", f"{RM}/alias", {"name": MODEL, "alias": "a", "version": "x"}, BAD, not_number("x")),
    ("GET", f"{RM}/alias", {"name": MODEL, "alias": "nope"}, BAD, "Registered model alias nope not found."),
    ("GET", f"{RM}/alias", {"name": "nope", "alias": "a"}, GONE, NO_MODEL),
    ("GET", f"{RM}/alias", {"name": MODEL, "alias": "a.b"}, BAD, bad_alias("a.b")),
    ("GET", f"{RM}/alias", {"name": MODEL}, BAD, missing("alias")),
    ("DELETE", f"{RM}/alias", {"name": "nope", "alias": "a"}, GONE, NO_MODEL),
    ("DELETE", f"{RM}/alias", {"name": MODEL, "alias": "a.b"}, BAD, bad_alias("a.b")),
]

VERSIONS: list[Case] = [
    ("POST", f"{MV}/create", {"name": MODEL}, BAD, missing("source")),
    ("POST", f"{MV}/create", {"source": "s3://b/p"}, BAD, missing("name")),
    ("POST", f"{MV}/create", {"name": MODEL, "source": 5}, BAD, mistyped("5", "source", "int")),
    ("POST", f"{MV}/create", {"name": MODEL, "source": "s3://b/p", "run_id": 5}, BAD, mistyped("5", "run_id", "int")),
    ("POST", f"{MV}/create", {"name": "nope", "source": "s3://b/p"}, GONE, NO_MODEL),
    ("GET", f"{MV}/get", {"name": MODEL}, BAD, missing("version")),
    *(
        ("GET", f"{MV}/get", {"name": MODEL, "version": v}, BAD, not_number(v))
        for v in ("abc", "1e3", "1.0", " ", "1a")
    ),
    *(("GET", f"{MV}/get", {"name": MODEL, "version": v}, GONE, no_version(v)) for v in ("9", "0", "-1")),
    ("GET", f"{MV}/get", {"name": "nope", "version": "1"}, GONE, "Model Version (name=nope, version=1) not found"),
    ("PATCH", f"{MV}/update", {"name": MODEL, "version": "9", "description": "x"}, GONE, no_version("9")),
    (
        "PATCH",
        f"{MV}/update",
        {"name": MODEL, "version": "1", "description": 5},
        BAD,
        mistyped("5", "description", "int"),
    ),
    ("DELETE", f"{MV}/delete", {"name": MODEL, "version": "9"}, GONE, no_version("9")),
    ("DELETE", f"{MV}/delete", {"name": MODEL}, BAD, missing("version")),
    ("DELETE", f"{MV}/delete", {"name": MODEL, "version": 1}, BAD, mistyped("1", "version", "int")),
    ("GET", f"{MV}/get-download-uri", {"name": MODEL, "version": ""}, BAD, not_number("")),
    ("GET", f"{MV}/get-download-uri", {"name": MODEL, "version": "9"}, GONE, no_version("9")),
    ("POST", f"{MV}/transition-stage", {"name": MODEL, "version": "1"}, BAD, missing("stage")),
    ("POST", f"{MV}/transition-stage", {"name": MODEL, "stage": "Staging"}, BAD, missing("version")),
    (
        "POST",
        f"{MV}/transition-stage",
        {"name": MODEL, "version": 1, "stage": "Staging"},
        BAD,
        mistyped("1", "version", "int"),
    ),
    (
        "POST",
        f"{MV}/transition-stage",
        {"name": MODEL, "version": "1", "stage": "Staging", "archive_existing_versions": "true"},
        BAD,
        mistyped('"true"', "archive_existing_versions", "str"),
    ),
    *(
        (
            "POST",
            f"{MV}/transition-stage",
            {"name": MODEL, "version": "1", "stage": stage},
            BAD,
            f"Invalid Model Version stage: {stage}. Value must be one of None, Staging, Production, Archived.",
        )
        for stage in ("QA", "Deleted_Internal", " Staging")
    ),
    ("POST", f"{MV}/transition-stage", {"name": MODEL, "version": "9", "stage": "Staging"}, GONE, no_version("9")),
    (
        "POST",
        f"{MV}/transition-stage",
        {"name": "nope", "version": "1", "stage": "Staging"},
        GONE,
        "Model Version (name=nope, version=1) not found",
    ),
    ("GET", f"{MV}/search", {"max_results": "200001"}, BAD, mistyped('"200001"', "max_results", "str")),
    (
        "GET",
        f"{MV}/search",
        {"max_results": "0"},
        BAD,
        "Invalid value for max_results. It must be a positive integer, but got 0",
    ),
    *(
        (
            "POST",
            f"{MV}/create",
            {"name": MODEL, "source": source},
            BAD,
            f"Invalid model version source: '{source}'. {ABSOLUTE}",
        )
        for source in (
            "s3://b/../x",
            "s3://b/a/../x",
            "s3://b/a%2f..%2fx",
            "s3://b/a%252f..%252fx",
            "s3://b/a%00b",
            "s3://b/./x",
            "mlflow-artifacts:/../x",
        )
    ),
]


@pytest.fixture(scope="module", autouse=True)
def models(client: MlflowClient) -> Iterator[None]:
    """A model with one version, and one whose name is taken."""
    client.create_registered_model(TAKEN)
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, "s3://b/p")
    yield
    client.delete_registered_model(TAKEN)
    client.delete_registered_model(MODEL)


def shorten(case: Case) -> str:
    """The name of a case."""
    method, path, sent, _, _ = case
    return f"{method} {path} {str(sent)[:60]}".encode("ascii", "replace").decode()


@pytest.mark.parametrize("case", MODELS + TAGS + ALIASES + VERSIONS, ids=shorten)
def test_bad_input_is_refused_as_by_mlflow(rest: Rest, case: Case) -> None:
    method, path, sent, code, text = case
    answer = rest.get(path, **sent) if method == "GET" and sent else rest.call(method, path, sent)
    assert answer.error == (STATUS[code], code, text)


@pytest.mark.parametrize("source", ["/etc/passwd", "file:///etc/passwd", "/"])
def test_a_local_path_is_refused_where_nobody_vouches_for_it(rest: Rest, source: str) -> None:
    status, code, text = rest.post(f"{MV}/create", name=MODEL, source=source).error
    assert (status, code) == (400, BAD)
    assert text.startswith(f"Invalid model version source: '{source}'.")


@pytest.mark.parametrize(("uri", "why"), [("models:/nope/1", NO_MODEL), (f"models:/{MODEL}/9", no_version("9"))])
def test_a_copy_of_what_is_not_there_is_refused(under_test: UnderTest, rest: Rest, uri: str, why: str) -> None:
    answer = rest.post(f"{MV}/create", name=MODEL, source=uri).error
    missing = why if under_test.kind == "mlflow" else "Unable to fetch model from model URI source artifact location"
    assert answer[:2] == under_test.differs(
        "it is a fault of the request, as older versions of MLflow say", mlflow=(404, GONE), greenroom=(400, BAD)
    )
    assert answer[2].startswith(missing)


@pytest.mark.greenroom_only
@pytest.mark.parametrize("source", ["javascript:alert(1)", "s3://user:password@b/x", "s3://b/a\\..\\x", "C:\\x", "\n"])
def test_more_sources_than_mlflow_knows_of_are_refused(rest: Rest, source: str) -> None:
    assert rest.post(f"{MV}/create", name=MODEL, source=source).error[:2] == (400, BAD)


def test_nothing_was_changed_by_all_that_was_refused(client: MlflowClient) -> None:
    model = client.get_registered_model(MODEL)
    assert (model.tags, model.aliases, model.description) == ({}, {}, "")
    version = client.get_model_version(MODEL, "1")
    assert (version.tags, version.aliases, version.current_stage, version.description) == ({}, [], "None", "")
