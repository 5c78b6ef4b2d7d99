"""Writer: where signed notices are sent to. Admins record, change, stop and try webhooks.

The address may hold a secret of the receiver's: the ledger has its digest alone, pages its host alone. A reason is kept
with the row's history, its digest in the ledger.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from audit.findings import Finding
from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.upstream.addresses import why_not_public
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.post import POST_LIMITS
from datasets.upstream.urls import parse_url, require_allowed
from promotions import deliveries
from promotions.models import Delivery, WebhookEndpoint
from promotions.models.inbox import DeliveryState
from promotions.refusals import attempt

MOST = 20
LONGEST_NAME = 80
LONGEST_URL = 1000
LONGEST_REASON = 100


def record_webhook(*, name: str, url: str, by: Person, at: datetime) -> WebhookEndpoint:
    """Records a webhook; from now on it is sent notices. Raises ``Refused`` unless *url* is https on a public name."""
    with attempt(by=by, verb="record_webhook", subject="webhooks/new", at=at):
        check_may_keep(by)
        known = name.strip()
        if not known or len(known) > LONGEST_NAME or not known.isprintable():
            _fault("name_unfit", "name", f"A webhook's name is one line of at most {LONGEST_NAME} characters.")
        check_url(url)
        if WebhookEndpoint.objects.count() >= MOST:
            raise Refused("too_many", f"There are {MOST} webhooks already. Change one that is not used any more.")
        endpoint = WebhookEndpoint(name=known, url=url, recorded_by=by.principal, recorded_at=at)
        try:
            with transaction.atomic():
                _save(endpoint, by, at)
        except IntegrityError as error:
            message = "There is a webhook of that name already."
            raise Refused("name_taken", message, [Finding("name_taken", "name", message)]) from error
        _append(Event.WEBHOOK_RECORDED, endpoint, by, at)
        return endpoint


def change_webhook(  # noqa: PLR0913 - what may change, why, who and when
    *,
    webhook_pk: int,
    by: Person,
    at: datetime,
    reason: str,
    url: str | None = None,
    active: bool | None = None,
) -> WebhookEndpoint:
    """Changes where a webhook leads, stops it, or starts it again; ``None`` leaves the one or the other.

    What is owed to a stopped one waits; what is owed to one that leads elsewhere goes there.
    """
    with attempt(by=by, verb="change_webhook", subject=f"webhooks/{webhook_pk}", at=at):
        check_may_keep(by)
        endpoint = _locked(webhook_pk)
        changed = (endpoint.url if url is None else url, endpoint.active if active is None else active)
        if changed == (endpoint.url, endpoint.active):
            raise Refused("nothing_changed", _already(endpoint))
        if url is not None:
            check_url(url)
        check_reason(reason)
        endpoint.url, endpoint.active = changed
        _save(endpoint, by, at, reason.strip())
        _append(Event.WEBHOOK_CHANGED, endpoint, by, at, reason.strip())
        return endpoint


def send_test(*, webhook_pk: int, by: Person, at: datetime) -> Delivery:
    """Owes the webhook a test message, as every message is owed; one at a time, and none to a stopped one."""
    with attempt(by=by, verb="test_webhook", subject=f"webhooks/{webhook_pk}", at=at):
        check_may_keep(by)
        endpoint = _locked(webhook_pk)
        if not endpoint.active:
            raise Refused("webhook_stopped", "The webhook is stopped: nothing is sent to it. Start it first.")
        if endpoint.deliveries.filter(subject=deliveries.TEST, state=DeliveryState.OWED).exists():
            raise Refused("test_owed", "A test message is owed to it already. See below how it stands.")
        _append(Event.WEBHOOK_TESTED, endpoint, by, at, "")
        return deliveries.owe_test(endpoint=endpoint, at=at)


def check_may_keep(person: Person) -> Role:
    """Only admins decide where notices are sent."""
    if Role.ADMIN not in person.roles:
        raise Refused("not_an_admin", "Only an admin records and changes webhooks.")
    return Role.ADMIN


def check_url(url: str) -> None:
    """https, a public host, the ordinary port, no user name. The guard checks again each time something is sent."""
    if len(url) > LONGEST_URL:
        _fault("url_too_long", "url", f"The URL has more than {LONGEST_URL} characters. Give a shorter one.")
    try:
        found = parse_url(url)
        require_allowed(found, (found.entry,), POST_LIMITS.ports)
    except UpstreamRefused as problem:
        message = f"{problem.message} {problem.fix}"
        raise Refused(problem.code, message, [Finding(problem.code, "url", message)]) from problem
    if found.address is not None and why_not_public(found.address):
        _fault("address_not_public", "url", "The URL's address is not public. Give the receiver's public name.")
    if found.scheme != "https":
        message = "The URL is not https. Notices are signed, not secret; still, give an https:// URL."
        _fault("url_scheme", "url", message)


def check_reason(reason: str) -> None:
    """One line that the row's history has room for."""
    text = reason.strip()
    if not text:
        _fault("reason_missing", "reason", "Say why: a webhook is not changed without a written reason.")
    if len(text) > LONGEST_REASON or not text.isprintable():
        _fault("reason_unfit", "reason", f"Say why on one line of at most {LONGEST_REASON} characters.")


def _fault(code: str, where: str, message: str) -> None:
    raise Refused(code, message, [Finding(code, where, message)])


def _locked(webhook_pk: int) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.select_for_update(of=("self",)).filter(pk=webhook_pk).first()
    if endpoint is None:
        raise Refused("no_such_webhook", "There is no such webhook.")
    return endpoint


def _already(endpoint: WebhookEndpoint) -> str:
    stands = "active" if endpoint.active else "stopped"
    last = endpoint.history.select_related("history_user").first()
    known = last.history_user.get_username() if last is not None and last.history_user else endpoint.recorded_by
    when = last.history_date if last is not None else endpoint.recorded_at
    return f"Nothing changed: it is {stands} and leads there already, by {known} at {when:%Y-%m-%d %H:%M} UTC."


def _save(endpoint: WebhookEndpoint, by: Person, at: datetime, reason: str = "") -> None:
    """With a history row that says who, when and why, by simple-history's own doors."""
    endpoint._history_user = User.objects.filter(username=by.principal).first()  # type: ignore[attr-defined]  # noqa: SLF001
    endpoint._history_date = at  # type: ignore[attr-defined]  # noqa: SLF001
    endpoint._change_reason = reason or None  # type: ignore[attr-defined]  # noqa: SLF001
    endpoint.save()


def _append(event: Event, endpoint: WebhookEndpoint, by: Person, at: datetime, reason: str = "") -> None:
    references = {
        "url_digest": str(digest_bytes(endpoint.url.encode())),
        "active": "yes" if endpoint.active else "no",
    }
    if reason:
        references["reason_digest"] = str(digest_bytes(reason.encode()))
    ledger.append(
        event=event,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"webhooks/{endpoint.pk}",
        references=references,
        at=at,
    )
