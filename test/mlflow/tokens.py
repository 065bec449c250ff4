"""Tokens of people and machines, which Greenroom's own API makes."""

from functools import cache

from under_test import UnderTest


@cache
def make_token(under_test: UnderTest, name: str, *roles: str) -> str:
    """A token for somebody with some roles; the same one when asked again."""
    answer = under_test.rest().call("POST", "tokens", {"name": name, "roles": list(roles)}, api="/api/v1")
    assert answer.status == 201, answer.text
    return str(answer.body["token"])
