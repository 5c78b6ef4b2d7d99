"""What people are told, what is owed by e-mail and webhook, and what of it leaves the console."""

from __future__ import annotations

import base64
import json
import smtplib
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.contrib.auth.models import User
from django.core import mail
from django.db import transaction
from django.utils import timezone

from audit import ledger
from datasets.upstream.errors import UpstreamFailed
from promotions import cases, deliveries, notices, overdue, webhooks
from promotions.models import Delivery, Notice, QuarantineCase, WebhookEndpoint
from tests.promotions import changed, refused, rows

AT = timezone.now()
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
URL = "https://hooks.example.org/kfm?token=s3cret"


@pytest.fixture(autouse=True)
def email_on(settings):
    settings.KFM_EMAIL = True
    settings.KFM_PUBLIC_URL = "https://console.example.org"


@pytest.fixture
def late(case: QuarantineCase) -> QuarantineCase:
    """The case, with its day passed."""
    QuarantineCase.objects.filter(pk=case.pk).update(due=AT.date() - DAY)
    case.refresh_from_db()
    return case


@pytest.fixture
def hook(world) -> WebhookEndpoint:
    return webhooks.record_webhook(name="Ops room", url=URL, by=world.person("admin"), at=AT)


@pytest.fixture
def posted(monkeypatch) -> list[tuple[str, bytes, dict[str, str]]]:
    """What would have been sent; nothing is dialled."""
    sent: list[tuple[str, bytes, dict[str, str]]] = []
    monkeypatch.setattr(
        deliveries, "post", lambda url, *, body, headers, allowed_hosts: sent.append((url, body, dict(headers)))
    )
    return sent


def tell(key: str = "k", principals: Any = ("reviewer", "")) -> None:
    notices.tell(
        principals=principals, kind="case.assigned", text="Case 1 is yours.", path="/quarantine/1/", key=key, at=AT
    )


def give_address(name: str) -> None:
    User.objects.filter(username=name).update(email=f"{name}@example.org")


# --- in the console ---


def test_the_same_thing_is_told_once(world):
    tell()
    tell()
    tell("other")
    assert [n.principal for n in Notice.objects.all()] == ["reviewer", "reviewer"]


def test_one_marks_only_ones_own_notices_as_read(world):
    tell(principals=("reviewer", "steward"))
    mine, theirs = Notice.objects.get(principal="reviewer"), Notice.objects.get(principal="steward")
    assert notices.mark_read(principal="reviewer", pks=[mine.pk, theirs.pk], at=AT) == 1
    assert list(notices.unread("reviewer")) == []
    assert list(notices.unread("steward")) == [theirs]
    assert notices.mark_read(principal="steward", pks=None, at=AT) == 1


# --- overdue ---


def test_an_overdue_case_is_told_to_its_owner_once_a_day(world, late):
    cases.assign(case_pk=late.pk, owner="operator", by=world.person("steward"), at=AT)
    Notice.objects.all().delete()
    for at in (AT, AT + MINUTE):
        assert overdue.tell_overdue(at) == 1
    assert [(n.principal, n.kind) for n in Notice.objects.all()] == [("operator", "case.overdue")]
    overdue.tell_overdue(AT + DAY)
    assert Notice.objects.count() == 2


def test_without_an_owner_every_reviewer_is_told(world, late):
    overdue.tell_overdue(AT)
    assert {n.principal for n in Notice.objects.all()} == {"reviewer", "reviewer2"}


def test_an_owner_who_left_counts_as_none(world, late):
    QuarantineCase.objects.filter(pk=late.pk).update(owner="operator")
    User.objects.filter(username="operator").update(is_active=False)
    overdue.tell_overdue(AT)
    assert {n.principal for n in Notice.objects.all()} == {"reviewer", "reviewer2"}


def test_an_owner_who_may_not_see_the_version_counts_as_none(world, late):
    QuarantineCase.objects.filter(pk=late.pk).update(owner="contributor2")
    overdue.tell_overdue(AT)
    assert "contributor2" not in {n.principal for n in Notice.objects.all()}


def test_a_case_due_today_or_ended_is_not_overdue(world, case):
    QuarantineCase.objects.filter(pk=case.pk).update(due=AT.date())
    assert overdue.tell_overdue(AT) == 0
    QuarantineCase.objects.filter(pk=case.pk).update(
        due=AT.date() - DAY, resolution="denied", resolved_by="steward", resolved_at=AT
    )
    assert overdue.tell_overdue(AT) == 0
    assert Notice.objects.count() == 0


# --- e-mail ---


def test_an_e_mail_is_owed_and_sent_with_a_number_and_an_address_only(world, late):
    give_address("reviewer")
    overdue.tell_overdue(AT)
    (pk,) = deliveries.owed(AT)
    assert deliveries.deliver(pk, AT)
    (sent,) = mail.outbox
    assert sent.to == ["reviewer@example.org"]
    assert f"https://console.example.org/quarantine/{late.pk}/" in sent.body
    told = sent.subject + sent.body
    assert late.version.dataset.slug not in told
    assert all(f["message"] not in told for f in late.findings)
    row = Delivery.objects.get()
    assert (row.state, row.sent_at, row.attempts) == ("sent", AT, 1)
    assert not deliveries.deliver(pk, AT + DAY)
    assert len(mail.outbox) == 1


def test_while_e_mail_is_off_none_is_owed_and_what_is_owed_waits(world, settings):
    give_address("reviewer")
    tell()
    settings.KFM_EMAIL = False
    tell("later")
    assert Delivery.objects.count() == 1
    assert deliveries.owed(AT) == []


def test_a_name_with_a_line_break_makes_no_header(world):
    give_address("reviewer")
    notices.tell(principals=["reviewer"], kind="k", text="A\r\nBcc: all@example.org", path="/", key="k", at=AT)
    deliveries.deliver(deliveries.owed(AT)[0], AT)
    assert mail.outbox[0].subject == "A Bcc: all@example.org"
    assert mail.outbox[0].bcc == []


def test_who_has_no_address_any_more_is_given_up_at_once(world):
    give_address("reviewer")
    tell()
    User.objects.filter(username="reviewer").update(email="")
    assert not deliveries.deliver(deliveries.owed(AT)[0], AT)
    assert Delivery.objects.get().state == "given_up"


def test_a_mail_server_that_refuses_is_tried_later_and_given_up_after_eight_tries(world, monkeypatch):
    give_address("reviewer")
    tell()

    def broken(*_: Any, **__: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({"reviewer@example.org": (550, b"no")})

    monkeypatch.setattr(deliveries.EmailMessage, "send", broken)
    now, waits = AT, []
    for _ in range(8):
        (pk,) = deliveries.owed(now)
        assert not deliveries.deliver(pk, now)
        row = Delivery.objects.get()
        waits.append(row.next_at - now)
        assert deliveries.owed(row.next_at - timedelta(seconds=1)) == []
        now = row.next_at
    assert (row.state, row.attempts) == ("given_up", 8)
    assert waits[:-1] == sorted(waits[:-1])
    assert "example.org" not in row.last_error
    assert deliveries.owed(AT + 30 * DAY) == []


def test_a_worker_that_died_over_the_last_try_leaves_it_given_up_not_owed_for_ever(world):
    give_address("reviewer")
    tell()
    Delivery.objects.update(attempts=8)
    assert not deliveries.deliver(deliveries.owed(AT)[0], AT)
    assert Delivery.objects.get().state == "given_up"


def test_a_delivery_that_another_worker_took_is_not_sent_twice(world, monkeypatch):
    give_address("reviewer")
    tell()
    (pk,) = deliveries.owed(AT)
    seen = deliveries._claim(pk, AT)
    assert seen is not None
    assert deliveries._claim(pk, AT) is None
    assert not deliveries.deliver(pk, AT)
    assert mail.outbox == []


# --- signed webhooks ---


def verify(identity: str, timestamp: str, body: bytes, signed: str) -> None:
    """As a receiver does it, from the Standard Webhooks text alone."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(deliveries.public_key().removeprefix("whpk_")))
    version, _, text = signed.partition(",")
    assert version == "v1a"
    key.verify(base64.b64decode(text), f"{identity}.{timestamp}.".encode() + body)


def test_a_webhook_is_signed_as_standard_webhooks_asks_and_holds_a_number_only(world, late, hook, posted):
    overdue.tell_overdue(AT)
    (pk,) = Delivery.objects.filter(channel="webhook").values_list("pk", flat=True)
    assert deliveries.deliver(pk, AT)
    ((url, body, headers),) = posted
    assert url == URL
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    verify(headers["webhook-id"], headers["webhook-timestamp"], body, headers["webhook-signature"])
    with pytest.raises(InvalidSignature):
        verify(headers["webhook-id"], headers["webhook-timestamp"], body + b" ", headers["webhook-signature"])
    assert json.loads(body) == {
        "type": "case.overdue",
        "timestamp": AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {"case": late.pk, "url": f"https://console.example.org/quarantine/{late.pk}/"},
    }


def test_a_later_try_has_the_same_id_and_a_new_time_stamp(world, late, hook, posted, monkeypatch):
    overdue.tell_overdue(AT)
    pk = Delivery.objects.get(channel="webhook").pk
    good = deliveries.post

    def broken(*_: Any, **__: Any) -> None:
        raise UpstreamFailed("bad_gateway", "The host failed.", "Wait.", retryable=True)

    monkeypatch.setattr(deliveries, "post", broken)
    first = Delivery.objects.get(pk=pk)
    assert not deliveries.deliver(pk, AT)
    failed = Delivery.objects.get(pk=pk)
    assert failed.last_error == "The webhook did not take it (bad_gateway)."
    monkeypatch.setattr(deliveries, "post", good)
    assert deliveries.deliver(pk, failed.next_at)
    ((_, _, headers),) = posted
    assert headers["webhook-id"] == first.message_id
    assert headers["webhook-timestamp"] == str(int(failed.next_at.timestamp()))


def test_a_webhook_of_a_private_address_dials_nothing(world, late, hook):
    """Through the real guard: the address is refused before any connection."""
    WebhookEndpoint.objects.update(url="https://127.0.0.1:1/")
    overdue.tell_overdue(AT)
    pk = Delivery.objects.get(channel="webhook").pk
    assert not deliveries.deliver(pk, AT)
    assert "The webhook did not take it (" in Delivery.objects.get(pk=pk).last_error


def test_the_webhooks_key_is_not_the_ledgers_and_stays_the_same(db, var_dir):
    assert deliveries.public_key() == deliveries.public_key()
    key = var_dir / "webhook_ed25519.pem"
    assert key.stat().st_mode & 0o077 == 0
    ledger.checkpoint(AT)
    assert key.read_bytes() != (var_dir / "ledger_ed25519.pem").read_bytes()


def test_production_signs_with_no_key_that_nobody_gave_it(settings, var_dir):
    settings.PRODUCTION = True
    with pytest.raises(deliveries.keys.LedgerKeyError, match="KFM_WEBHOOK_KEY"):
        deliveries.public_key()


# --- the rows of webhooks ---


def test_only_an_admin_records_a_webhook_and_its_address_stays_out_of_the_ledger(world, hook):
    for name in ("steward", "operator", "auditor", "superuser", "nobody"):
        with refused("not_an_admin"):
            webhooks.record_webhook(name="x", url=URL, by=world.person(name), at=AT)
        with refused("not_an_admin"):
            webhooks.change_webhook(
                reason="So.", webhook_pk=hook.pk, url=URL, active=False, by=world.person(name), at=AT
            )
    assert "s3cret" not in str(ledger.bodies(0, ledger.size()))
    assert "example.org" not in str(ledger.bodies(0, ledger.size()))


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.org/", "https://localhost/", "https://user:pw@hooks.example.org/", "file:///etc/passwd", ""],
)
def test_an_address_that_is_not_a_plain_public_https_one_is_refused(world, url):
    with refused():
        webhooks.record_webhook(name="x", url=url, by=world.person("admin"), at=AT)


def test_a_webhook_that_was_stopped_is_owed_nothing_new_and_sent_nothing(world, late, hook, posted):
    overdue.tell_overdue(AT)
    webhooks.change_webhook(reason="So.", webhook_pk=hook.pk, url=URL, active=False, by=world.person("admin"), at=AT)
    assert deliveries.owed(AT) == []
    overdue.tell_overdue(AT + DAY)
    assert Delivery.objects.filter(channel="webhook").count() == 1
    webhooks.change_webhook(reason="So", webhook_pk=hook.pk, url=URL, active=True, by=world.person("admin"), at=AT)
    assert len(deliveries.owed(AT)) == 1


def test_names_are_one_line_and_taken_once(world, hook):
    for name, code in (
        (" ", "name_unfit"),
        ("a\nb", "name_unfit"),
        ("x" * 81, "name_unfit"),
        ("Ops room", "name_taken"),
    ):
        with refused(code):
            webhooks.record_webhook(name=name, url=URL, by=world.person("admin"), at=AT)
    with refused("nothing_changed"):
        webhooks.change_webhook(reason="So.", webhook_pk=hook.pk, url=URL, active=True, by=world.person("admin"), at=AT)
    with refused("no_such_webhook"):
        webhooks.change_webhook(reason="So", webhook_pk=0, url=URL, active=True, by=world.person("admin"), at=AT)


def test_no_ledger_entry_no_webhook(world, hook, monkeypatch):
    def broken(**_: Any) -> None:
        raise ledger.LedgerError("full")

    monkeypatch.setattr(ledger, "append", broken)
    before = rows()
    for act in (
        lambda: webhooks.record_webhook(name="y", url=URL, by=world.person("admin"), at=AT),
        lambda: webhooks.change_webhook(
            reason="So.", webhook_pk=hook.pk, url=URL, active=False, by=world.person("admin"), at=AT
        ),
    ):
        with pytest.raises(ledger.LedgerError):
            act()
    assert changed(before) == set()


def test_a_notice_told_in_a_transaction_that_fails_is_neither_told_nor_owed(world):
    give_address("reviewer")
    with transaction.atomic():
        tell()
        transaction.set_rollback(True)
    assert (Notice.objects.count(), Delivery.objects.count()) == (0, 0)
