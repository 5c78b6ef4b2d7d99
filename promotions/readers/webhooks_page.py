"""Reads what admins see of webhooks and e-mail: where each leads, what became of its messages, and its history.

An address is shown by its host alone: the rest may be a secret of the receiver's. Says what a try came to in plain
words; the row keeps the code. A fixed number of queries.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, QuerySet

from audit.keys import LedgerKeyError
from datasets.people import names_of
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.urls import parse_url
from promotions import deliveries
from promotions.models import Delivery, WebhookEndpoint
from promotions.models.inbox import DeliveryState
from promotions.readers.people import Act

TONES = {DeliveryState.SENT: "pass", DeliveryState.OWED: "quarantine", DeliveryState.GIVEN_UP: "block"}
_TRY = re.compile(r"did not take it \((?P<code>\w+)(?:, HTTP (?P<status>[0-9]{3}))?\)")
#: What a try came to: the guard's codes, and the names of the mail library's errors.
_WORDS = {
    "not_reached": "Nothing took the connection at the receiver's address.",
    "timed_out": "The receiver did not answer in time.",
    "time_limit": "The receiver did not answer in time.",
    "broken_off": "The receiver broke off the connection.",
    "name_unknown": "The receiver's name is not known.",
    "address_not_public": "The receiver's name leads to an address that is not public, so nothing was sent.",
    "address_changed": "The connection led elsewhere than to the checked address, so nothing was sent.",
    "port_not_allowed": "The address names a port that is not used, so nothing was sent.",
    "certificate": "The receiver's certificate was not accepted, so nothing was sent.",
    "tls": "No secure connection to the receiver could be agreed on, so nothing was sent.",
    "redirected": "The receiver redirects; messages are not sent on. Record its own address.",
    "unauthorized": "The receiver asks for credentials.",
    "forbidden": "The receiver does not let us in.",
    "not_found": "The receiver does not know this address.",
    "gone": "The receiver says that this address was removed for good.",
    "too_many_requests": "The receiver says that messages come too often.",
    "server_error": "The receiver failed on its side.",
    "unexpected_status": "The receiver did not accept it.",
    "ConnectionRefusedError": "Nothing took the connection at the mail server's address.",
    "TimeoutError": "The mail server did not answer in time.",
    "gaierror": "The mail server's name is not known.",
    "SMTPServerDisconnected": "The mail server broke off the connection, or was silent for too long.",
    "SMTPRecipientsRefused": "The mail server did not take the recipient's address.",
    "SMTPSenderRefused": "The mail server did not take our address as the sender's.",
    "SMTPDataError": "The mail server did not take the message.",
    "SMTPAuthenticationError": "The mail server did not take the user and password.",
    "SMTPNotSupportedError": "The mail server offers no encryption or no sign-in, so nothing was sent.",
    "SSLCertVerificationError": "The mail server's certificate was not accepted, so nothing was sent.",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery as a row shows it; ``what``: what it is about; ``trouble``: the last try's, in words;
    ``most``: how many tries there are.
    """

    delivery: Delivery
    what: str
    state: str
    tone: str
    trouble: str
    most: int = deliveries.MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Line:
    """A webhook as a row shows it; ``state``: active or stopped; ``last``: its newest message, if there was one."""

    endpoint: WebhookEndpoint
    leads_to: str
    state: str
    last: Message | None
    owed: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Mail:
    """How e-mail stands; ``on``: there is a mail server; ``last``: the newest e-mail that was not taken yet."""

    on: bool
    owed: int
    given_up: int
    last: Message | None


def lines(found: Iterable[WebhookEndpoint]) -> list[Line]:
    """The rows of webhooks, in two queries besides."""
    rows = list(found)
    mine = Delivery.objects.filter(endpoint__in=rows)
    counts = {
        (pk, state): count
        for pk, state, count in mine.order_by().values_list("endpoint", "state").annotate(count=Count("pk"))
    }
    newest = mine.order_by().values("endpoint").annotate(last=Max("pk")).values("last")
    last = {d.endpoint_id: message_of(d) for d in Delivery.objects.filter(pk__in=newest)}
    return [
        Line(
            endpoint,
            leads_to(endpoint.url),
            "active" if endpoint.active else "stopped",
            last.get(endpoint.pk),
            counts.get((endpoint.pk, DeliveryState.OWED.value), 0),
            counts.get((endpoint.pk, DeliveryState.GIVEN_UP.value), 0),
        )
        for endpoint in rows
    ]


def messages_of(endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    """Everything that was ever owed to the webhook, newest first."""
    return Delivery.objects.filter(endpoint=endpoint).order_by("-pk")


def message_of(delivery: Delivery) -> Message:
    """The delivery, said in words."""
    state = DeliveryState(delivery.state)
    return Message(delivery, _about(delivery), state.label, TONES[state], trouble_of(delivery))


def trouble_of(delivery: Delivery) -> str:
    """What the last try came to in plain words, "" when there is nothing to say. An unknown code is shown as kept."""
    found = _TRY.search(delivery.last_error)
    known = _WORDS.get(found["code"]) if found is not None else None
    if found is None or known is None:
        if delivery.state == DeliveryState.OWED and delivery.attempts and not delivery.last_error:
            return "Being sent just now, or the worker ended while it sent it."
        return delivery.last_error
    return f"{known} It answered {found['status']}." if found["status"] else known


def leads_to(url: str) -> str:
    """The address without its path, which may be a secret: ``https://hooks.example.org/…``."""
    try:
        return str(parse_url(url))
    except UpstreamRefused:
        return "an address that can't be read"


def history_of(endpoint: WebhookEndpoint) -> list[Act]:
    """How the webhook came about and was changed, newest first, with reasons and without addresses."""
    rows = list(endpoint.history.select_related("history_user").order_by("history_date", "history_id"))
    who = [row.history_user.get_username() if row.history_user else row.recorded_by for row in rows]
    names = names_of(set(who))
    told = [
        Act(row.history_date, names[by], _what(before, row), row.history_change_reason or "")
        for before, row, by in zip([None, *rows], rows, who, strict=False)
    ]
    return told[::-1]


def mail() -> Mail:
    """How e-mail stands, in two queries."""
    mine = Delivery.objects.filter(channel=deliveries.EMAIL)
    counts = Counter(dict(mine.order_by().values_list("state").annotate(count=Count("pk"))))
    last = mine.exclude(state=DeliveryState.SENT).exclude(last_error="").order_by("-pk").first()
    owed, given_up = counts[DeliveryState.OWED.value], counts[DeliveryState.GIVEN_UP.value]
    return Mail(settings.KFM_EMAIL, owed, given_up, None if last is None else message_of(last))


def public_key() -> str:
    """What receivers verify with; "" when the console has no key."""
    try:
        return deliveries.public_key()
    except LedgerKeyError:
        return ""


def _about(delivery: Delivery) -> str:
    if delivery.subject == deliveries.TEST:
        return "Test message"
    if delivery.channel != deliveries.WEBHOOK:
        return delivery.subject
    return f"Case {json.loads(delivery.body)['data']['case']} ({delivery.subject.partition('.')[2]})"


def _what(before: Any, row: Any) -> str:
    if before is None:
        return "recorded it"
    changed = ["changed its address"] if row.url != before.url else []
    if row.active != before.active:
        changed.append("started it again" if row.active else "stopped it")
    return " and ".join(changed) or "kept it as it was"
