"""Webhooks: managed with the stock client, delivered to a real receiver that verifies the signature."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from mlflow import MlflowClient, MlflowException
from mlflow.entities.webhook import Webhook, WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus

from receiver import Receiver
from rest import Rest
from under_test import UnderTest

Fresh = Callable[[], str]
SOURCE = "s3://bucket/model"
SECRET = "a secret of whoever receives: ümläut"
VERSION_CREATED = WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)
ON_WIRE = [{"entity": "MODEL_VERSION", "action": "CREATED"}]
MODEL_EVENTS = [
    WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED),
    VERSION_CREATED,
    WebhookEvent(WebhookEntity.MODEL_VERSION_TAG, WebhookAction.SET),
    WebhookEvent(WebhookEntity.MODEL_VERSION_TAG, WebhookAction.DELETED),
    WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.CREATED),
    WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.DELETED),
]
NAME_RULES = (
    "is invalid. It must start and end with a letter or digit, be less than 63 characters long, "
    "and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of this test's own."""
    with Receiver().listening() as listening:
        yield listening


@pytest.fixture
def subscribe(client: MlflowClient) -> Iterator[Callable[..., Webhook]]:
    """Makes webhooks, and deletes them after the test."""
    made: list[Webhook] = []

    def make(url: str, events: list[WebhookEvent] | None = None, **settings: Any) -> Webhook:
        made.append(client.create_webhook("test-hook", url, [*(events or [VERSION_CREATED])], **settings))
        return made[-1]

    yield make
    for webhook in made:
        try:
            client.delete_webhook(webhook.webhook_id)
        except MlflowException as error:
            assert error.error_code == "RESOURCE_DOES_NOT_EXIST"


Subscribe = Callable[..., Webhook]


def test_each_event_is_told_with_its_data_and_signed(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, fresh: Fresh
) -> None:
    subscribe(receiver.url, MODEL_EVENTS, secret=SECRET)
    name = fresh()
    told = 0

    def tells(work: Callable[[], object], event: str, data: dict[str, Any]) -> None:
        nonlocal told
        told += 1
        work()
        delivery = receiver.wait_for(told)[-1]
        assert delivery.is_signed_with(SECRET)
        assert not delivery.is_signed_with("another secret")
        assert (delivery.path, delivery.headers["content-type"]) == ("/hooks", "application/json")
        assert abs(int(delivery.headers["x-mlflow-timestamp"]) - time.time()) < 60
        assert (delivery.kind, delivery.body["data"]) == (event, data)
        assert delivery.body.keys() == {"entity", "action", "timestamp", "data"}
        assert datetime.fromisoformat(delivery.body["timestamp"]).utcoffset() == timedelta(0)
        assert b": " in delivery.raw and delivery.raw.isascii()

    tells(
        lambda: client.create_registered_model(name, tags={"k": "ü"}),
        "registered_model.created",
        {"name": name, "tags": {"k": "ü"}, "description": ""},
    )
    tells(
        lambda: client.create_model_version(name, SOURCE, run_id="d" * 32, tags={"k": "v"}, description="d"),
        "model_version.created",
        {
            "name": name,
            "version": "1",
            "source": SOURCE,
            "run_id": "d" * 32,
            "tags": {"k": "v"},
            "description": "d",
        },
    )
    tells(
        lambda: client.create_model_version(name, SOURCE),
        "model_version.created",
        {"name": name, "version": "2", "source": SOURCE, "run_id": None, "tags": {}, "description": None},
    )
    tagged = {"name": name, "version": "1", "key": "k"}
    tells(
        lambda: client.set_model_version_tag(name, "1", "k", "w"),
        "model_version_tag.set",
        {**tagged, "value": "w"},
    )
    tells(lambda: client.delete_model_version_tag(name, "1", "k"), "model_version_tag.deleted", tagged)
    tells(
        lambda: client.set_registered_model_alias(name, "champion", "1"),
        "model_version_alias.created",
        {"name": name, "alias": "champion", "version": "1"},
    )
    tells(
        lambda: client.delete_registered_model_alias(name, "champion"),
        "model_version_alias.deleted",
        {"name": name, "alias": "champion"},
    )
    assert len({delivery.headers["x-mlflow-delivery-id"] for delivery in receiver.deliveries}) == told


def test_what_is_deleted_without_being_there_is_told_all_the_same(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, name: str
) -> None:
    client.create_model_version(name, SOURCE)
    subscribe(receiver.url, MODEL_EVENTS)
    client.delete_registered_model_alias(name, "champion")
    client.delete_model_version_tag(name, "1", "k")
    told = {delivery.kind: delivery.body["data"] for delivery in receiver.wait_for(2)}
    assert told == {
        "model_version_alias.deleted": {"name": name, "alias": "champion"},
        "model_version_tag.deleted": {"name": name, "version": "1", "key": "k"},
    }


def test_what_mlflow_does_not_tell_is_not_told(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, fresh: Fresh, name: str
) -> None:
    client.create_model_version(name, SOURCE)
    subscribe(receiver.url, MODEL_EVENTS)
    client.transition_model_version_stage(name, "1", "Staging")
    client.update_model_version(name, "1", "d")
    client.update_registered_model(name, "d")
    client.set_registered_model_tag(name, "k", "v")
    client.delete_registered_model_tag(name, "k")
    with pytest.raises(MlflowException):
        client.create_registered_model(name)
    renamed = fresh()
    client.rename_registered_model(name, renamed)
    client.delete_model_version(renamed, "1")
    client.delete_registered_model(renamed)
    last = fresh()
    client.create_registered_model(last)
    receiver.wait_for(1)
    assert [delivery.body["data"]["name"] for delivery in receiver.deliveries] == [last]


def test_without_a_secret_there_is_no_signature(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, name: str
) -> None:
    subscribe(receiver.url)
    client.create_model_version(name, SOURCE)
    assert "x-mlflow-signature" not in receiver.wait_for(1)[0].headers


def test_a_failed_delivery_is_tried_again_under_the_same_id(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, name: str
) -> None:
    receiver.statuses = [503, 500]
    subscribe(receiver.url, secret=SECRET)
    client.create_model_version(name, SOURCE)
    deliveries = receiver.wait_for(3, seconds=60)
    assert len({delivery.headers["x-mlflow-delivery-id"] for delivery in deliveries}) == 1
    assert len({delivery.raw for delivery in deliveries}) == 1
    assert all(delivery.is_signed_with(SECRET) for delivery in deliveries)


def test_a_webhook_is_kept_as_it_was_made_but_for_its_secret(
    client: MlflowClient, rest: Rest, receiver: Receiver, subscribe: Subscribe
) -> None:
    made = subscribe(receiver.url, MODEL_EVENTS, description="For me.", secret=SECRET)
    for webhook in (made, client.get_webhook(made.webhook_id)):
        assert (webhook.name, webhook.url, webhook.description) == ("test-hook", receiver.url, "For me.")
        assert (webhook.status, webhook.secret) == (WebhookStatus.ACTIVE, None)
        assert {str(event) for event in webhook.events} == {str(event) for event in MODEL_EVENTS}
        assert webhook.creation_timestamp == webhook.last_updated_timestamp
    answer = rest.get(f"webhooks/{made.webhook_id}")
    assert "ümläut" not in answer.text and "secret" not in answer.ok()["webhook"]


def test_webhooks_are_listed_newest_first_in_pages(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe
) -> None:
    made = [subscribe(receiver.url).webhook_id for _ in range(3)]
    first = client.list_webhooks(max_results=2)
    assert [webhook.webhook_id for webhook in first] == made[:0:-1]
    second = client.list_webhooks(max_results=2, page_token=first.token)
    assert made[0] in [webhook.webhook_id for webhook in second]
    assert len(client.list_webhooks()) >= 3


def test_a_webhook_can_be_changed_silenced_and_deleted(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, name: str
) -> None:
    made = subscribe("https://example.com/hook", MODEL_EVENTS[:1], description="d")
    changed = client.update_webhook(made.webhook_id, url=receiver.url, events=[VERSION_CREATED], secret=SECRET)
    assert (changed.name, changed.url, changed.description) == ("test-hook", receiver.url, "d")
    assert [str(event) for event in changed.events] == [str(VERSION_CREATED)]
    client.create_model_version(name, SOURCE)
    assert receiver.wait_for(1)[0].is_signed_with(SECRET)

    silent = client.update_webhook(made.webhook_id, status=WebhookStatus.DISABLED)
    assert silent.status == WebhookStatus.DISABLED
    assert client.update_webhook(made.webhook_id, name="renamed").status == WebhookStatus.DISABLED
    client.create_model_version(name, SOURCE)
    client.update_webhook(made.webhook_id, status=WebhookStatus.ACTIVE)
    client.create_model_version(name, SOURCE)
    assert [delivery.body["data"]["version"] for delivery in receiver.wait_for(2)] == ["1", "3"]

    client.delete_webhook(made.webhook_id)
    for gone in (client.get_webhook, client.delete_webhook, client.test_webhook):
        with pytest.raises(MlflowException, match=f"Webhook with ID {made.webhook_id} not found."):
            gone(made.webhook_id)
    subscribe(receiver.url)
    client.create_model_version(name, SOURCE)
    assert [delivery.body["data"]["version"] for delivery in receiver.wait_for(3)] == ["1", "3", "4"]


def test_an_empty_description_or_secret_is_taken_away(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, name: str
) -> None:
    made = subscribe(receiver.url, description="For me.", secret=SECRET)
    assert client.update_webhook(made.webhook_id, description="").description is None
    assert client.get_webhook(made.webhook_id).description is None
    client.create_model_version(name, SOURCE)
    assert receiver.wait_for(1)[0].is_signed_with(SECRET)
    client.update_webhook(made.webhook_id, secret="")
    client.create_model_version(name, SOURCE)
    assert "x-mlflow-signature" not in receiver.wait_for(2)[1].headers


def test_a_trial_sends_an_example_and_tells_how_it_went(
    under_test: UnderTest, client: MlflowClient, receiver: Receiver, subscribe: Subscribe
) -> None:
    made = subscribe(receiver.url, MODEL_EVENTS, secret=SECRET)
    good = client.test_webhook(made.webhook_id, VERSION_CREATED)
    assert (good.success, good.response_status) == (True, 200)
    assert good.response_body == under_test.differs(
        "what stands behind an address is nobody's business but its owner's", mlflow="seen", greenroom=None
    )
    delivery = receiver.wait_for(1)[0]
    assert delivery.is_signed_with(SECRET)
    assert (delivery.kind, delivery.body["data"]["name"]) == ("model_version.created", "example_model")
    receiver.statuses = [404]
    bad = client.test_webhook(made.webhook_id)
    assert (bad.success, bad.response_status) == (False, 404)
    nobody = subscribe("http://127.0.0.1:1/hook")
    failed = client.test_webhook(nobody.webhook_id)
    assert not failed.success and failed.error_message


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "a b"}, f"Webhook name 'a b' {NAME_RULES}"),
        ({"name": "-a"}, f"Webhook name '-a' {NAME_RULES}"),
        ({"name": "a" * 64}, f"Webhook name '{'a' * 64}' {NAME_RULES}"),
        ({"name": 5}, "Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'. "),
        ({"name": None}, "Missing value for required parameter 'name'. "),
        ({"url": "http://"}, ""),
        ({"url": "  "}, "Webhook URL cannot be empty or just whitespace: '  '"),
        ({"url": "ftp://example.com/"}, "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: "),
        ({"url": "nope"}, "Invalid webhook URL scheme: ''. Allowed schemes are: "),
        ({"url": None}, "Missing value for required parameter 'url'. "),
        ({"events": None}, ""),
        ({"events": []}, "Webhook events must be a non-empty list of WebhookEvent objects"),
        (
            {"events": [{"entity": "PROMPT", "action": "SET"}]},
            "Invalid action 'set' for entity 'prompt'. Valid actions are: ['created']",
        ),
    ],
)
def test_a_bad_webhook_is_refused(rest: Rest, change: dict[str, Any], text: str) -> None:
    body = {"name": "hook", "url": "https://example.com/", "events": ON_WIRE} | change
    status, code, message = rest.post("webhooks", **{k: v for k, v in body.items() if v is not None}).error
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(text)


@pytest.mark.parametrize(
    "events", [[{"entity": "model_version", "action": "created"}], [{"entity": "MODEL_VERSION"}], ON_WIRE * 2]
)
def test_events_that_mlflow_stumbles_over_get_a_clean_answer(
    under_test: UnderTest, rest: Rest, events: list[dict[str, str]]
) -> None:
    answer = rest.post("webhooks", name="hook", url="https://example.com/", events=events)
    stumbles = answer.status == 500 or "SQL" in answer.text
    assert stumbles is under_test.differs("HTML and raw SQL help nobody", mlflow=True, greenroom=False)
    if under_test.kind == "greenroom":
        assert answer.status in (200, 400)
        if answer.status == 200:
            rest.call("DELETE", f"webhooks/{answer.body['webhook']['webhook_id']}").ok()


def test_what_is_asked_of_no_webhook_is_refused(rest: Rest) -> None:
    gone = (404, "RESOURCE_DOES_NOT_EXIST", "Webhook with ID nope not found.")
    assert rest.get("webhooks/nope").error == gone
    assert rest.patch("webhooks/nope", description="d").error == gone
    assert rest.post("webhooks/nope/test").error == gone
    assert rest.call("DELETE", "webhooks/nope").error == gone
    for query in ({"max_results": "1001"}, {"max_results": "-1"}):
        assert rest.get("webhooks", **query).error[1:] == (
            "INVALID_PARAMETER_VALUE",
            "max_results must be between 1 and 1000.",
        )
    assert rest.get("webhooks", page_token="nope").error[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.greenroom_only
def test_a_change_of_stage_is_told_with_who_and_why(
    client: MlflowClient, rest: Rest, receiver: Receiver, name: str
) -> None:
    events = [{"entity": "MODEL_VERSION", "action": "TRANSITIONED_STAGE"}]
    made = rest.post("webhooks", name="stages", url=receiver.url, events=events, secret=SECRET).ok()["webhook"]
    try:
        client.create_model_version(name, SOURCE)
        client.transition_model_version_stage(name, "1", "Production")
        delivery = receiver.wait_for(1)[0]
        assert delivery.is_signed_with(SECRET)
        assert delivery.kind == "model_version.transitioned_stage"
        told = delivery.body["data"]
        assert (told["name"], told["version"]) == (name, "1")
        assert {"None", "Production", "admin"} <= {str(value) for value in told.values()}
        client.list_webhooks()  # which could not read the event
    finally:
        rest.call("DELETE", f"webhooks/{made['webhook_id']}").ok()


def test_prompts_have_events_of_their_own(
    client: MlflowClient, receiver: Receiver, subscribe: Subscribe, fresh: Fresh
) -> None:
    entities = (WebhookEntity.PROMPT, WebhookEntity.PROMPT_VERSION, WebhookEntity.PROMPT_ALIAS)
    subscribe(receiver.url, [*MODEL_EVENTS, *(WebhookEvent(entity, WebhookAction.CREATED) for entity in entities)])
    name = fresh()
    client.register_prompt(name, "Hello {{who}}", commit_message="First.", tags={"k": "v"})
    client.set_prompt_alias(name, "champion", 1)
    told = {delivery.kind: delivery.body["data"] for delivery in receiver.wait_for(3)}
    assert told == {
        "prompt.created": {"name": name, "tags": {"k": "v"}, "description": "First."},
        "prompt_version.created": {
            "name": name,
            "version": "1",
            "template": "Hello {{who}}",
            "tags": {"k": "v"},
            "description": "First.",
        },
        "prompt_alias.created": {"name": name, "alias": "champion", "version": "1"},
    }
    assert client.load_prompt(f"prompts:/{name}@champion").template == "Hello {{who}}"
    assert name not in [model.name for model in client.search_registered_models(max_results=1000)]
