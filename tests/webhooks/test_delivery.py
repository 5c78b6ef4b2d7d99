"""Webhooks that really leave: through the guard and TLS to a server, which takes them, fails, or says nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from promotions import deliveries, overdue, tasks, webhooks
from promotions.models import Delivery
from promotions.readers.webhooks_page import trouble_of
from tests.upstream.certificates import Authority
from tests.upstream.world import HOST, OTHER_PUBLIC
from tests.webhooks.conftest import AT, DAY, ORIGIN
from tests.webhooks.receiver import URL, Receiver, answering, receiver

SECOND = timedelta(seconds=1)


def owed(late: Any) -> Delivery:
    overdue.tell_overdue(AT)
    return Delivery.objects.get(channel="webhook")


def again(delivery: Delivery) -> tuple[bool, Delivery]:
    """One try when it is due; the row after it."""
    sent = deliveries.deliver(delivery.pk, delivery.next_at)
    return sent, Delivery.objects.get(pk=delivery.pk)


def test_a_message_arrives_once_and_holds_a_number_and_an_address_only(late, hook, authority, posts_to):
    delivery = owed(late)
    with receiver(authority) as ops:
        posts_to(ops)
        sent, row = again(delivery)
        assert not deliveries.deliver(delivery.pk, AT + DAY)
    ((body, headers),) = ops.messages
    assert (sent, row.state, row.attempts, row.last_error) == (True, "sent", 1, "")
    assert json.loads(body) == {
        "type": "case.overdue",
        "timestamp": AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {"case": late.pk, "url": f"{ORIGIN}/quarantine/{late.pk}/"},
    }
    assert headers["webhook-id"] == delivery.message_id
    assert headers["host"] == HOST
    version = late.version
    told = body.decode() + str(headers)
    for hidden in (version.dataset.slug, version.dataset.title, version.version_id, late.reason, late.runbook):
        assert hidden not in told
    assert all(f["message"] not in told for f in late.findings)


def test_refused_is_tried_again_after_a_minute(late, hook, authority, posts_to):
    delivery = owed(late)
    with receiver(authority) as ops:
        posts_to(ops)
    sent, row = again(delivery)  # the server is gone, nobody listens
    assert (sent, row.state, row.attempts, row.next_at) == (False, "owed", 1, AT + timedelta(minutes=1))
    assert row.last_error == "The webhook did not take it (not_reached)."
    assert trouble_of(row) == "Nothing took the connection at the receiver's address."
    assert not deliveries.deliver(delivery.pk, row.next_at - SECOND)
    assert Delivery.objects.get(pk=delivery.pk).attempts == 1


def test_a_failure_and_then_200_is_the_same_message_twice(late, hook, authority, posts_to):
    delivery = owed(late)
    with receiver(authority, answering(500), answering(200)) as ops:
        posts_to(ops)
        first, row = again(delivery)
        assert (first, trouble_of(row)) == (False, "The receiver failed on its side. It answered 500.")
        second, row = again(row)
    assert (second, row.state, row.attempts, row.last_error) == (True, "sent", 2, "")
    (one, two) = ops.messages
    assert one[0] == two[0]
    assert one[1]["webhook-id"] == two[1]["webhook-id"]
    assert int(two[1]["webhook-timestamp"]) - int(one[1]["webhook-timestamp"]) == 60


def test_a_receiver_that_says_nothing_is_given_up_for_now(late, hook, authority, posts_to):
    delivery = owed(late)
    with receiver(authority, lambda handler: handler.server.hung_up.wait(5)) as ops:
        posts_to(ops)
        sent, row = again(delivery)
        ops.server.hung_up.set()
    assert (sent, row.state) == (False, "owed")
    assert trouble_of(row) == "The receiver did not answer in time."


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "The receiver redirects; messages are not sent on. Record its own address."),
        (401, "The receiver asks for credentials. It answered 401."),
        (410, "The receiver says that this address was removed for good. It answered 410."),
        (418, "The receiver did not accept it. It answered 418."),
    ],
)
def test_every_other_answer_is_no_success(late, hook, authority, posts_to, status, words):
    with receiver(authority, lambda handler: handler.answer(status, location="https://other.example.org/")) as ops:
        posts_to(ops)
        sent, row = again(owed(late))
    assert (sent, trouble_of(row), len(ops.messages)) == (False, words, 1)


def test_a_receiver_whose_certificate_does_not_hold_is_sent_nothing(late, hook, authority, posts_to, tmp_path):
    with receiver(authority) as ops:
        posts_to(Receiver(ops.server, Authority(tmp_path).client()))
        sent, row = again(owed(late))
    assert (sent, ops.messages) == (False, [])
    assert trouble_of(row) == "The receiver's certificate was not accepted, so nothing was sent."


def test_a_public_ipv6_address_is_a_receiver_like_another(world, authority, posts_to):
    """Its certificate is of another name, so nothing is sent; but the guard let the connection be made."""
    url = f"https://[{OTHER_PUBLIC}]/"
    hook = webhooks.record_webhook(name="Six", url=url, by=world.person("admin"), at=AT)
    with receiver(authority) as ops:
        ops.net.behind[OTHER_PUBLIC, 443] = ops.server.port
        posts_to(ops)
        sent, row = again(deliveries.owe_test(endpoint=hook, at=AT))
    assert (sent, row.last_error) == (False, "The webhook did not take it (certificate).")
    assert ops.net.dialled == [(OTHER_PUBLIC, 443)]


def test_after_eight_tries_it_is_given_up_and_never_sent_again(late, hook, authority, posts_to):
    row = owed(late)
    with receiver(authority, answering(503)) as ops:
        posts_to(ops)
        for _ in range(8):
            sent, row = again(row)
            assert not sent
        assert not deliveries.deliver(row.pk, AT + 9 * DAY)
    assert (row.state, row.attempts, len(ops.messages)) == ("given_up", 8, 8)
    assert row.next_at - AT < timedelta(hours=33)


def test_the_address_is_in_no_error_and_no_log(late, hook, authority, posts_to, caplog):
    with receiver(authority, answering(500)) as ops:
        posts_to(ops)
        _, row = again(owed(late))
    assert ops.server.requests[0][1] == "/kfm?token=s3cret"
    assert "s3cret" not in row.last_error + caplog.text
    assert HOST not in row.last_error + caplog.text


def test_without_a_key_nothing_is_sent_and_the_row_says_why(late, hook, authority, posts_to, settings, tmp_path):
    settings.PRODUCTION, settings.KFM_WEBHOOK_KEY = True, ""
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "none" / "ledger.pem"
    overdue_row = Delivery.objects.filter(channel="webhook")
    deliveries.owe_test(endpoint=hook, at=AT)
    with receiver(authority) as ops:
        posts_to(ops)
        sent, row = again(overdue_row.get())
    assert (sent, row.state, ops.messages) == (False, "owed", [])
    assert trouble_of(row) == "The console has no key that it can sign with. Set KFM_WEBHOOK_KEY."


def test_the_periodic_task_sends_a_test_message_to_its_webhook_alone(world, hook, authority, posts_to):
    webhooks.record_webhook(name="Other", url=URL, by=world.person("admin"), at=AT)
    webhooks.send_test(webhook_pk=hook.pk, by=world.person("admin"), at=AT)
    with receiver(authority) as ops:
        posts_to(ops)
        tasks.deliver_owed()
    ((body, _),) = ops.messages
    assert json.loads(body)["type"] == "webhook.test"
    assert json.loads(body)["data"] == {"url": f"{ORIGIN}/"}
    assert [(d.recipient, d.state) for d in Delivery.objects.all()] == [("Ops room", "sent")]


def test_a_slow_worker_whose_message_was_taken_says_so_past_the_fence(late, hook, authority, posts_to):
    """Another worker took the row up meanwhile and failed: that it was sent stays true."""
    delivery = owed(late)

    class Slow:
        def posting(self, _limits: Any) -> Any:
            def post(*_: Any, **__: Any) -> None:
                Delivery.objects.filter(pk=delivery.pk).update(attempts=2)

            return post

    posts_to(Slow())
    assert again(delivery)[0]
    assert Delivery.objects.get(pk=delivery.pk).state == "sent"
