"""The page of webhooks: for admins alone; what became of each message in plain words; an address by its host only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import ledger
from audit.events import Event
from promotions import deliveries, overdue, webhooks
from promotions.models import Delivery, WebhookEndpoint
from promotions.readers import webhooks_page
from tests.promotions import LEDGER, changed, refused, rows
from tests.webhooks.conftest import AT
from tests.webhooks.receiver import URL, answering, receiver

LIST, NEW = "/webhooks/", "/webhooks/new/"
MINUTE = timedelta(minutes=1)


def page(hook: WebhookEndpoint, rest: str = "") -> str:
    return f"{LIST}{hook.pk}/{rest}"


def text(response: Any) -> str:
    """The page as it is read: no tags, white space folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode().partition("<main")[2]))


@pytest.fixture
def admin(client_of) -> Any:
    return client_of("admin")


# --- who ---


@pytest.mark.parametrize("name", ["steward", "operator", "auditor", "superuser", "nobody"])
def test_only_an_admin_sees_and_changes_webhooks(client_of, hook, name):
    client, before = client_of(name), rows()
    said = {"name": "x", "url": URL, "act": "stop", "reason": "x"}
    for path in (LIST, NEW, page(hook)):
        assert client.get(path).status_code == 403
    for path in (NEW, page(hook), page(hook, "test/")):
        assert client.post(path, said).status_code == 403
    assert changed(before) == LEDGER | {"datasets.PolicyDecision"}  # refused, and no more
    assert LIST not in client.get("/").content.decode()


def test_the_public_is_asked_to_sign_in(client_of, hook):
    for path in (LIST, NEW, page(hook)):
        assert client_of("anonymous").get(path)["Location"].startswith("/login/")


def test_the_menu_leads_an_admin_here(admin):
    assert f'href="{LIST}"' in admin.get("/").content.decode()


def test_a_webhook_that_is_not_there_is_404(admin):
    assert admin.get(f"{LIST}999999/").status_code == 404
    assert admin.post(f"{LIST}999999/test/").status_code == 404


# --- the list ---


def test_without_webhooks_the_page_says_so_and_that_e_mail_is_off(admin):
    said = text(admin.get(LIST))
    assert "No webhook was recorded yet." in said
    assert "E-mail is off: no mail server is set ( KFM_EMAIL_HOST ), so nothing is sent" in said
    assert deliveries.public_key() in said


def test_with_a_mail_server_the_page_says_how_e_mail_stands(admin, settings):
    settings.KFM_EMAIL = True
    facts = {"channel": "email", "recipient": "reviewer", "subject": "Case 1.", "body": "", "next_at": AT}
    Delivery.objects.create(
        **facts, message_id="a", owed_at=AT, attempts=3, last_error="The mail server did not take it (TimeoutError)."
    )
    Delivery.objects.create(**facts, message_id="b", owed_at=AT, state="given_up", attempts=8)
    said = text(admin.get(LIST))
    assert "E-mail is on" in said
    assert "Owed 1 Given up 1 Last not taken owed try 3 of 8; next" in said
    assert "The mail server did not answer in time." in said
    settings.KFM_EMAIL = False
    assert "1 waits until e-mail is on" in text(admin.get(LIST))


def test_the_list_says_what_became_of_the_last_message(admin, hook, authority, posts_to, world):
    assert "none yet" in text(admin.get(LIST))
    row = webhooks.send_test(webhook_pk=hook.pk, by=world.person("admin"), at=AT)
    assert "owed not tried yet" in text(admin.get(LIST))
    with receiver(authority, answering(500), answering(204)) as ops:
        posts_to(ops)
        deliveries.deliver(row.pk, AT)
        said = text(admin.get(LIST))
        assert "owed try 1 of 8; next" in said
        assert "The receiver failed on its side. It answered 500." in said
        deliveries.deliver(row.pk, AT + MINUTE)
    said = text(admin.get(LIST))
    assert "Ops room https://data.example.org/… active sent" in said
    assert "500" not in said.partition("The key")[0]
    Delivery.objects.update(state="given_up", attempts=8, last_error="The webhook did not take it (odd_code).")
    said = text(admin.get(LIST))
    assert "given up after 8 tries The webhook did not take it (odd_code). 0 1" in said


def test_a_row_that_a_worker_holds_is_no_failure(hook):
    row = deliveries.owe_test(endpoint=hook, at=AT)
    assert deliveries._claim(row.pk, AT) is not None
    row.refresh_from_db()
    assert webhooks_page.trouble_of(row) == "Being sent just now, or the worker ended while it sent it."


def test_more_webhooks_cost_no_more_queries(admin, hook, world):
    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            assert admin.get(LIST).status_code == 200
        return len(found)

    deliveries.owe_test(endpoint=hook, at=AT)
    count()
    one = count()
    for n in range(5):
        other = webhooks.record_webhook(name=f"Other {n}", url=URL, by=world.person("admin"), at=AT)
        deliveries.owe_test(endpoint=other, at=AT)
    assert count() == one


def test_without_a_key_the_page_says_that_nothing_is_sent(admin, settings, tmp_path):
    settings.PRODUCTION, settings.KFM_WEBHOOK_KEY, settings.SECURE_SSL_REDIRECT = True, "", False
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "none" / "ledger.pem"
    assert "The console has no key that it can sign with, so no webhook is sent." in text(admin.get(LIST))


# --- recording and changing ---


def test_a_webhook_is_recorded_and_its_address_is_not_shown_again(admin):
    answer = admin.post(NEW, {"name": "Ops room", "url": URL}, follow=True)
    endpoint = WebhookEndpoint.objects.get()
    assert answer.redirect_chain == [(page(endpoint), 302)]
    assert (endpoint.url, endpoint.recorded_by) == (URL, "admin")
    for path in (LIST, page(endpoint)):
        shown = admin.get(path).content.decode()
        assert "https://data.example.org/…" in shown
        assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "Give the receiver&#x27;s https:// URL."),
        ("http://data.example.org/", "not https"),
        ("https://data.example.org:8443/", "The port 8443"),
        ("https://10.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://localhost/", "host"),
        (f"https://data.example.org/{'x' * 1000}", "more than 1000 characters"),
    ],
)
def test_an_address_that_can_never_be_sent_to_is_refused_beside_its_field(admin, url, words):
    answer = admin.post(NEW, {"name": "Ops room", "url": url})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert answer.context["form"].errors.keys() == {"url"}
    assert WebhookEndpoint.objects.count() == 0


def test_a_name_that_is_taken_is_refused_and_nothing_typed_is_lost(admin, hook):
    answer = admin.post(NEW, {"name": "Ops room", "url": "https://other.example.org/x"})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"name"}
    assert 'value="https://other.example.org/x"' in answer.content.decode()


def test_a_webhook_is_stopped_and_started_with_a_reason_that_its_history_keeps(admin, hook):
    assert admin.post(page(hook), {"act": "stop", "reason": "Too loud."}).status_code == 302
    hook.refresh_from_db()
    assert not hook.active
    assert admin.post(page(hook), {"act": "stop", "reason": "Again."}).status_code == 409
    assert admin.post(page(hook), {"act": "start", "reason": "Quiet now."}).status_code == 302
    moved = {"act": "move", "url": "https://other.example.org/x", "reason": "New room."}
    assert admin.post(page(hook), moved).status_code == 302
    said = text(admin.get(page(hook)))
    for step in (
        "Admin Test changed its address New room.",
        "Admin Test started it again Quiet now.",
        "Admin Test stopped it Too loud.",
        "Admin Test recorded it",
    ):
        assert step in said, said
    assert "Send a test message" in said


def test_a_second_click_is_told_who_did_it_already(admin, hook):
    admin.post(page(hook), {"act": "stop", "reason": "Too loud."})
    answer = admin.post(page(hook), {"act": "stop", "reason": "Too loud."})
    assert re.search(
        r"Nothing changed: it is stopped and leads there already, by admin at [0-9: -]+ UTC\.", answer.content.decode()
    )


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"act": "stop", "reason": " "}, "reason"),
        ({"act": "stop", "reason": "x" * 101}, "reason"),
        ({"act": "stop", "reason": "a\u2028b"}, "reason"),
        ({"act": "move", "reason": "x"}, "url"),
        ({"act": "move", "reason": "x", "url": "http://x.example.org/"}, "url"),
        ({"act": "explode", "reason": "x"}, "__all__"),
        ({"reason": "x"}, "__all__"),
    ],
)
def test_a_change_that_is_not_whole_changes_nothing(admin, hook, said, field):
    answer = admin.post(page(hook), said)
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {field}
    seen = WebhookEndpoint.objects.get()
    assert (seen.url, seen.active, seen.history.count()) == (URL, True, 1)


def test_the_ledger_has_digests_of_address_and_reason_alone(hook, world):
    webhooks.change_webhook(webhook_pk=hook.pk, active=False, reason="Too loud.", by=world.person("admin"), at=AT)
    body = ledger.entries().first().body
    assert ledger.entries().first().event == Event.WEBHOOK_CHANGED.value
    assert "reason_digest" in body
    for hidden in ("Too loud", "s3cret", "example.org"):
        assert hidden not in body


def test_a_stop_does_not_undo_a_move_that_someone_made_meanwhile(hook, world):
    webhooks.change_webhook(
        reason="So.", webhook_pk=hook.pk, url="https://other.example.org/", by=world.person("admin"), at=AT
    )
    webhooks.change_webhook(reason="So", webhook_pk=hook.pk, active=False, by=world.person("admin"), at=AT)
    seen = WebhookEndpoint.objects.get()
    assert (seen.url, seen.active) == ("https://other.example.org/", False)


# --- the test message ---


def test_a_test_message_is_owed_as_a_row_one_at_a_time(admin, hook):
    answer = admin.post(page(hook, "test/"), follow=True)
    assert "A test message is owed." in answer.content.decode()
    answer = admin.post(page(hook, "test/"), follow=True)
    assert "A test message is owed to it already." in answer.content.decode()
    row = Delivery.objects.get()
    assert (row.channel, row.recipient, row.state, row.subject) == ("webhook", "Ops room", "owed", "webhook.test")
    assert "Test message" in text(admin.get(page(hook)))


def test_a_message_about_a_case_names_the_case(admin, hook, late):
    overdue.tell_overdue(AT)
    assert f"Case {late.pk} (overdue)" in text(admin.get(page(hook)))


def test_a_stopped_webhook_is_sent_no_test_message(admin, hook, world):
    webhooks.change_webhook(reason="So", webhook_pk=hook.pk, active=False, by=world.person("admin"), at=AT)
    with refused("webhook_stopped"):
        webhooks.send_test(webhook_pk=hook.pk, by=world.person("admin"), at=AT)
    assert "Send a test message" not in text(admin.get(page(hook)))
    answer = admin.post(page(hook, "test/"), follow=True)
    assert "The webhook is stopped" in answer.content.decode()


def test_only_an_admin_sends_a_test_message(hook, world):
    for name in ("steward", "operator", "superuser", "nobody"):
        with refused("not_an_admin"):
            webhooks.send_test(webhook_pk=hook.pk, by=world.person(name), at=AT)


def test_the_messages_of_a_stopped_webhook_wait_and_the_page_says_so(admin, hook, world):
    deliveries.owe_test(endpoint=hook, at=AT)
    webhooks.change_webhook(reason="So", webhook_pk=hook.pk, active=False, by=world.person("admin"), at=AT)
    for path in (LIST, page(hook)):
        assert "waits while the webhook is stopped" in text(admin.get(path))
