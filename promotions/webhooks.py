"""Writer: where signed notices are sent to. Admins record and change webhooks; the address stays out of the ledger."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.urls import parse_url
from promotions.models import WebhookEndpoint
from promotions.refusals import attempt

MOST = 20
LONGEST_NAME = 80


def record_webhook(*, name: str, url: str, by: Person, at: datetime) -> WebhookEndpoint:
    """Records a webhook; from now on it is sent notices. Raises ``Refused`` unless *url* is https on a public name."""
    with attempt(by=by, verb="record_webhook", subject="webhooks/new", at=at):
        check_may_keep(by)
        known = name.strip()
        if not known or len(known) > LONGEST_NAME or not known.isprintable():
            raise Refused("name_unfit", f"A webhook's name is one line of at most {LONGEST_NAME} characters.")
        check_url(url)
        if WebhookEndpoint.objects.count() >= MOST:
            raise Refused("too_many", f"There are {MOST} webhooks already. Change one that is not used any more.")
        try:
            with transaction.atomic():
                endpoint = WebhookEndpoint.objects.create(name=known, url=url, recorded_by=by.principal, recorded_at=at)
        except IntegrityError as error:
            raise Refused("name_taken", "There is a webhook of that name already.") from error
        _append(Event.WEBHOOK_RECORDED, endpoint, by, at)
        return endpoint


def change_webhook(*, webhook_pk: int, url: str, active: bool, by: Person, at: datetime) -> WebhookEndpoint:
    """Changes where a webhook leads, or stops it. What is owed to a stopped one waits."""
    with attempt(by=by, verb="change_webhook", subject=f"webhooks/{webhook_pk}", at=at):
        check_may_keep(by)
        endpoint = WebhookEndpoint.objects.select_for_update(of=("self",)).filter(pk=webhook_pk).first()
        if endpoint is None:
            raise Refused("no_such_webhook", "There is no such webhook.")
        if (url, active) == (endpoint.url, endpoint.active):
            raise Refused("nothing_changed", "Nothing of the webhook changed.")
        check_url(url)
        endpoint.url, endpoint.active = url, active
        endpoint.save()
        _append(Event.WEBHOOK_CHANGED, endpoint, by, at)
        return endpoint


def check_may_keep(person: Person) -> Role:
    """Only admins decide where notices are sent."""
    if Role.ADMIN not in person.roles:
        raise Refused("not_an_admin", "Only an admin records and changes webhooks.")
    return Role.ADMIN


def check_url(url: str) -> None:
    """https, a public host, no user name in it. Addresses are checked again each time something is sent."""
    try:
        found = parse_url(url)
    except UpstreamRefused as problem:
        raise Refused(problem.code, f"{problem.message} {problem.fix}") from problem
    if found.scheme != "https":
        raise Refused(
            "url_scheme", "The URL is not https. Notices are signed, not secret; still, give an https:// URL."
        )


def _append(event: Event, endpoint: WebhookEndpoint, by: Person, at: datetime) -> None:
    ledger.append(
        event=event,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"webhooks/{endpoint.pk}",
        references={
            "url_digest": str(digest_bytes(endpoint.url.encode())),
            "active": "yes" if endpoint.active else "no",
        },
        at=at,
    )
