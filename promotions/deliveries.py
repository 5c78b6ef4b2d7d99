"""Writer: e-mail and signed webhooks that are owed. A row promises each; a claim fences it: one worker sends it.

Webhooks follow Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1a,<base64 Ed25519 over id.timestamp.body>``. What leaves holds a case's number and its address in
the console, nothing of the data. A worker that dies while it sends leaves the row owed: then it is sent once more,
under the same id.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import smtplib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db.models import F, Q, QuerySet

from audit import keys
from audit.canonical import canonical_bytes
from datasets.receipts import instant
from datasets.upstream.errors import UpstreamError
from datasets.upstream.post import post
from datasets.upstream.urls import host_of
from promotions.models import Delivery, WebhookEndpoint
from promotions.models.inbox import DeliveryState

logger = logging.getLogger(__name__)

EMAIL, WEBHOOK = "email", "webhook"
#: The kind of a message that only tries a receiver.
TEST = "webhook.test"
#: How long after each try the next one is due; the number of tries is their number.
BACK_OFF = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 300, 600, 840, 1))
MAX_ATTEMPTS = len(BACK_OFF)
MOST = 50
_NO_KEY = "The console has no key that it can sign with. Set KFM_WEBHOOK_KEY."
_GONE = "The recipient has no active account with an address any more."


class NotSent(Exception):  # noqa: N818 - an outcome, kept on the row
    """One try did not succeed; the message is kept, so it holds no address and no URL. ``final``: none will."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.final = final


def message_id(key: str) -> str:
    """The id under which the same message is owed and sent once; receivers tell repeats by it."""
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:40]


def owe_email(*, principals: Iterable[str], subject: str, path: str, key: str, at: datetime) -> None:
    """Owes each of *principals* with an address one e-mail a *key*; nothing while e-mail is off."""
    if not settings.KFM_EMAIL:
        return
    reached = User.objects.filter(username__in=list(principals), is_active=True).exclude(email="")
    body = f"{subject}\n\n{address(path)}\n\nThe console tells more to those who may see it.\n"
    Delivery.objects.bulk_create(
        [
            Delivery(
                channel=EMAIL,
                recipient=username,
                message_id=message_id(key),
                subject=" ".join(subject.split())[:200],
                body=body,
                next_at=at,
                owed_at=at,
            )
            for username in reached.order_by("username").values_list("username", flat=True)
        ],
        ignore_conflicts=True,
    )


def owe_webhooks(*, kind: str, case: int, path: str, key: str, at: datetime) -> None:
    """Owes every active webhook one message of *kind* about a case, once a *key*."""
    _owe_all(kind, {"case": case, "url": address(path)}, key, at)


def owe_webhooks_of_check(*, kind: str, check: int, path: str, key: str, at: datetime) -> None:
    """Owes every active webhook one message of *kind* about a check of catalogs, once a *key*."""
    _owe_all(kind, {"check": check, "url": address(path)}, key, at)


def _owe_all(kind: str, data: dict[str, Any], key: str, at: datetime) -> None:
    Delivery.objects.bulk_create(
        [_message(endpoint, kind, data, key, at) for endpoint in WebhookEndpoint.objects.filter(active=True)],
        ignore_conflicts=True,
    )


def owe_test(*, endpoint: WebhookEndpoint, at: datetime) -> Delivery:
    """Owes one webhook a message that tells of nothing, so that its receiver can be tried. Sent as every other."""
    delivery = _message(endpoint, TEST, {"url": address("/")}, f"{TEST}:{endpoint.pk}:{at.isoformat()}", at)
    delivery.save()
    return delivery


def address(path: str) -> str:
    """Where *path* of the console is for someone outside."""
    return settings.KFM_PUBLIC_URL.rstrip("/") + path


def _message(endpoint: WebhookEndpoint, kind: str, data: dict[str, Any], key: str, at: datetime) -> Delivery:
    return Delivery(
        channel=WEBHOOK,
        recipient=endpoint.name,
        endpoint=endpoint,
        message_id=message_id(key),
        subject=kind,
        body=canonical_bytes({"type": kind, "timestamp": instant(at), "data": data}).decode(),
        next_at=at,
        owed_at=at,
    )


def owed(now: datetime) -> list[int]:
    """The deliveries that are due, oldest first; e-mail only while it is on."""
    due = _due(now)
    return list((due if settings.KFM_EMAIL else due.exclude(channel=EMAIL)).values_list("pk", flat=True)[:MOST])


def deliver(pk: int, now: datetime) -> bool:
    """Claims and sends one delivery; whether it was sent. Another worker's, or one that is not due, is left alone."""
    delivery = _claim(pk, now)
    if delivery is None:
        return False
    try:
        _SENDERS[delivery.channel](delivery, now)
    except NotSent as problem:
        _not_sent(delivery, problem)
        return False
    # past the fence: that it was sent is true, whoever took it up meanwhile because this worker was slow
    unsaid = Delivery.objects.filter(pk=pk).exclude(state=DeliveryState.SENT)
    unsaid.update(state=DeliveryState.SENT, sent_at=now, last_error="")
    return True


def public_key() -> str:
    """What receivers verify with: ``whpk_`` and the base64 of the 32 bytes of the Ed25519 public key."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "whpk_" + base64.b64encode(raw).decode()


def signature(identity: str, timestamp: int, body: bytes) -> str:
    """``v1a,<base64>``: the signature over ``<id>.<timestamp>.<body>``."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1a," + base64.b64encode(_key().sign(signed)).decode()


def _key() -> Ed25519PrivateKey:
    """The webhooks' own key: ``KFM_WEBHOOK_KEY`` (PEM text), else a key file beside the ledger's."""
    beside = Path(settings.KFM_LEDGER_KEY_FILE).with_name("webhook_ed25519.pem")
    return keys.private_key(text=settings.KFM_WEBHOOK_KEY, setting="KFM_WEBHOOK_KEY", file=beside)


def _due(now: datetime) -> QuerySet[Delivery]:
    live = Q(endpoint__isnull=True) | Q(endpoint__active=True)
    return Delivery.objects.filter(live, state=DeliveryState.OWED, next_at__lte=now).order_by("pk")


def _claim(pk: int, now: datetime) -> Delivery | None:
    """Counts a try and puts the next one off in the same UPDATE: whoever counted it sends it."""
    seen = _due(now).filter(pk=pk).select_related("endpoint").first()
    if seen is None:
        return None
    if seen.attempts >= MAX_ATTEMPTS:  # the worker died over the last try
        _not_sent(seen, NotSent(seen.last_error or "The worker died while it sent this.", final=True))
        return None
    taken = Delivery.objects.filter(
        pk=pk, state=DeliveryState.OWED, attempts=seen.attempts, next_at=seen.next_at
    ).update(attempts=F("attempts") + 1, next_at=now + BACK_OFF[seen.attempts])
    seen.attempts += 1
    return seen if taken == 1 else None


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.OWED, attempts=delivery.attempts)


def _not_sent(delivery: Delivery, problem: NotSent) -> None:
    over = problem.final or delivery.attempts >= MAX_ATTEMPTS
    logger.warning("delivery %s: try %s did not succeed", delivery.pk, delivery.attempts)
    _mine(delivery).update(
        last_error=problem.message[:300], state=DeliveryState.GIVEN_UP if over else DeliveryState.OWED
    )


def _send_email(delivery: Delivery, now: datetime) -> None:  # noqa: ARG001 - every sender is called alike
    account = User.objects.filter(username=delivery.recipient, is_active=True).exclude(email="").first()
    if account is None:
        raise NotSent(_GONE, final=True)
    host = urlsplit(settings.KFM_PUBLIC_URL).hostname or "console"
    short = delivery.message_id[4:24]  # a longer one is folded, which some mail servers take badly
    try:
        EmailMessage(
            subject=delivery.subject,
            body=delivery.body,
            to=[account.email],
            headers={"Message-ID": f"<{short}.{delivery.pk}@{host}>", "Auto-Submitted": "auto-generated"},
        ).send()
    except (smtplib.SMTPException, OSError, ValueError) as problem:
        raise NotSent(f"The mail server did not take it ({type(problem).__name__}).") from problem


def _send_webhook(delivery: Delivery, now: datetime) -> None:
    endpoint = delivery.endpoint
    if endpoint is None:
        raise NotSent("The webhook is not recorded any more.", final=True)
    body, seconds = delivery.body.encode(), int(now.timestamp())
    try:
        signed = signature(delivery.message_id, seconds, body)
    except keys.LedgerKeyError as problem:  # tried again: an administrator may give the key meanwhile
        raise NotSent(_NO_KEY) from problem
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signed,
    }
    _post(endpoint.url, body, headers)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """One signed message through the guard of ``datasets.upstream``; tests put their own in its place."""
    try:
        post(url, body=body, headers=headers, allowed_hosts=(host_of(url),))
    except UpstreamError as problem:  # a refusal too is tried again: an admin may correct the address meanwhile
        status = getattr(problem, "status", None)
        why = problem.code if status is None else f"{problem.code}, HTTP {status}"
        raise NotSent(f"The webhook did not take it ({why}).") from problem


_SENDERS: dict[str, Callable[[Delivery, datetime], Any]] = {EMAIL: _send_email, WEBHOOK: _send_webhook}
