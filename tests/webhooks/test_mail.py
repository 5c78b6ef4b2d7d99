"""E-mail that really leaves, by Django's own sender, to a mail server that takes it, fails, or says nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from promotions import cases, deliveries, notices, overdue
from promotions.models import Delivery, Notice
from promotions.readers.webhooks_page import trouble_of
from tests.webhooks.conftest import AT, ORIGIN
from tests.webhooks.mail_server import mail_server
from tests.webhooks.receiver import ca_file


def tell() -> None:
    notices.tell(
        principals=["reviewer"], kind="case.assigned", text="Case 1 is yours.", path="/quarantine/1/", key="k", at=AT
    )


def again() -> tuple[bool, Delivery]:
    row = Delivery.objects.get()
    return deliveries.deliver(row.pk, row.next_at), Delivery.objects.get()


def test_an_overdue_case_arrives_by_mail_with_its_number_and_address_only(late, mails_to):
    with mail_server() as server:
        mails_to(server.port)
        overdue.tell_overdue(AT)
        sent, row = again()
    (message,) = server.messages
    assert (sent, row.state, row.attempts) == (True, "sent", 1)
    assert message["To"] == "reviewer@example.org"
    assert message["Message-ID"] == f"<{row.message_id[4:24]}.{row.pk}@console.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_payload(decode=True).decode()
    assert f"{ORIGIN}/quarantine/{late.pk}/" in text
    assert re.fullmatch(rf"Case {late.pk} is overdue since [0-9]+ [A-Z][a-z]+ [0-9]{{4}}\.", message["Subject"])
    version = late.version
    for hidden in (version.dataset.slug, version.dataset.title, version.version_id, late.reason, late.runbook):
        assert hidden not in str(message)
        assert hidden not in text
    assert all(f["message"] not in text for f in late.findings)


def test_nothing_that_is_told_of_a_case_names_its_dataset(world, late, mails_to):
    """Every act that tells someone; a version may be restricted, and its notice is read by mail servers."""
    mails_to(1)
    steward, reviewer = world.person("steward"), world.person("reviewer")
    cases.assign(case_pk=late.pk, owner="reviewer", by=steward, at=AT)
    secret = f"Ask at {late.version.dataset.title}."
    cases.comment(case_pk=late.pk, text=secret, by=steward, at=AT)
    cases.claim(case_pk=late.pk, by=reviewer, at=AT)
    cases.hand_over(case_pk=late.pk, to="reviewer2", note=secret, by=reviewer, at=AT)
    overdue.tell_overdue(AT)
    told = [n.text + n.path for n in Notice.objects.all()] + [d.subject + d.body for d in Delivery.objects.all()]
    assert len({n.kind for n in Notice.objects.all()}) >= 4
    assert Delivery.objects.filter(channel="email").count() >= 2
    for hidden in (late.version.dataset.title, late.version.dataset.slug, late.version.version_id):
        assert not any(hidden in text for text in told)


def test_a_server_that_is_not_there_is_tried_later(world, mails_to):
    with mail_server() as server:
        mails_to(server.port)
    tell()
    sent, row = again()
    assert (sent, row.state, row.next_at) == (False, "owed", AT + timedelta(minutes=1))
    assert trouble_of(row) == "Nothing took the connection at the mail server's address."


def test_a_failure_for_now_and_then_taken_is_one_message(world, mails_to):
    with mail_server(END=[b"451 later", b"250 taken"]) as server:
        mails_to(server.port)
        tell()
        first, row = again()
        assert (first, trouble_of(row)) == (False, "The mail server did not take the message.")
        second, row = again()
    assert (second, row.state, row.attempts, row.last_error) == (True, "sent", 2, "")
    assert len({m["Message-ID"] for m in server.messages}) == 1


@pytest.mark.parametrize(("verb"), ["CONNECT", "RCPT", "END"])
def test_a_server_that_says_nothing_is_given_up_for_now(world, mails_to, verb):
    with mail_server(**{verb: [None]}) as server:
        mails_to(server.port)
        tell()
        sent, row = again()
    assert (sent, row.state) == (False, "owed")
    assert "mail server" in trouble_of(row)
    assert trouble_of(row) != row.last_error


def test_a_recipient_that_is_not_taken_is_in_no_error_and_no_log(world, mails_to, caplog):
    with mail_server(RCPT=[b"550 reviewer@example.org is unknown"]) as server:
        mails_to(server.port)
        tell()
        sent, row = again()
    assert (sent, server.messages) == (False, [])
    assert trouble_of(row) == "The mail server did not take the recipient's address."
    assert "reviewer@" not in row.last_error + caplog.text


def test_with_tls_the_message_goes_encrypted_to_a_server_whose_certificate_holds(
    world, mails_to, settings, authority, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(authority, tmp_path)))
    with mail_server(tls=authority.server("localhost")) as server:
        mails_to(server.port)
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST = True, "localhost"
        tell()
        sent, row = again()
    assert (sent, row.last_error, len(server.messages)) == (True, "", 1)
    assert server.verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]


@pytest.mark.parametrize("fault", ["no STARTTLS", "unknown issuer"])
def test_with_tls_neither_password_nor_message_goes_in_clear(world, mails_to, settings, authority, fault):
    with mail_server(tls=None if fault == "no STARTTLS" else authority.server("localhost")) as server:
        mails_to(server.port)
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST = True, "localhost"
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "console", "s3cret"
        tell()
        sent, row = again()
    assert (sent, row.state, server.messages) == (False, "owed", [])
    assert "so nothing was sent" in trouble_of(row)
    assert "AUTH" not in server.verbs


def test_the_defaults_owe_and_send_no_e_mail(world):
    """As ``make up`` runs it: no mail server is set."""
    assert django_settings.KFM_EMAIL is False
    world.users["reviewer"].email = "reviewer@example.org"
    world.users["reviewer"].save()
    tell()
    assert Notice.objects.count() == 1
    assert Delivery.objects.count() == 0


def test_every_e_mail_setting_is_in_the_documents():
    read = set(
        re.findall(r'"(KFM_EMAIL_[A-Z]+)"', (Path(django_settings.BASE_DIR) / "kfm_console/settings.py").read_text())
    )
    assert len(read) == 6
    for name in ("docs/production.md", ".env.example"):
        said = set(re.findall(r"KFM_EMAIL_[A-Z]+", (Path(django_settings.BASE_DIR) / name).read_text()))
        assert read - said == set(), name
        assert said - read == set(), name
