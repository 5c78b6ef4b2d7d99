"""The public key that anyone may have, and the documents' way to verify with it, run against a delivered message."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from django.conf import settings as django_settings
from django.test import Client

from promotions import deliveries, webhooks
from tests.webhooks.conftest import AT
from tests.webhooks.receiver import receiver

PATH = "/.well-known/kfm-webhook-key"
DOCUMENT = Path(django_settings.BASE_DIR) / "docs" / "webhooks.md"


@pytest.fixture(scope="module")
def verify() -> Any:
    """The document's own code, word for word."""
    (code,) = re.findall(r"<!-- verify -->\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verify"]


@pytest.fixture
def came(hook, world, authority, posts_to) -> tuple[bytes, dict[str, str]]:
    """A message as the receiver got it."""
    delivery = webhooks.send_test(webhook_pk=hook.pk, by=world.person("admin"), at=AT)
    with receiver(authority) as ops:
        posts_to(ops)
        assert deliveries.deliver(delivery.pk, AT)
    return ops.messages[0]


def test_anyone_may_have_the_key_and_keep_it_an_hour(db):
    answer = Client().get(PATH)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert re.fullmatch(r"whpk_[A-Za-z0-9+/]{43}=", answer.content.decode())
    assert set(answer["Cache-Control"].split(", ")) == {"public", "max-age=3600"}
    assert "Cookie" not in answer.get("Vary", "")
    assert answer.cookies == {}
    assert Client().head(PATH).status_code == 200
    assert Client().post(PATH).status_code == 405


def test_without_a_key_the_answer_says_so_and_is_not_kept(db, settings, tmp_path):
    settings.PRODUCTION, settings.KFM_WEBHOOK_KEY = True, ""
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "none" / "ledger.pem"
    answer = Client().get(PATH)
    assert answer.status_code == 503
    assert "KFM_WEBHOOK_KEY" in answer.content.decode()
    assert "public" not in answer["Cache-Control"]


def test_the_documents_way_verifies_a_delivered_message(came, verify):
    body, headers = came
    key = Client().get(PATH).content.decode()
    now = int(headers["webhook-timestamp"])
    for skew in (-300, 0, 300):
        verify(body, headers, key, now=now + skew)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"body": b"{}"},
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "+1"},
        {"webhook-signature": "v1a," + "A" * 86 + "=="},
        {"webhook-signature": "v1,AAAA"},
        {"now": 301},
        {"now": -301},
        {"key": "whpk_" + "A" * 43 + "="},
    ],
)
def test_the_documents_way_refuses_what_was_spoilt(came, verify, spoilt):
    body, headers = came
    now = int(headers["webhook-timestamp"])
    key = spoilt.get("key", deliveries.public_key())
    changed = {**headers, **{name: value for name, value in spoilt.items() if name.startswith("webhook-")}}
    if changed["webhook-timestamp"] == "+1":
        changed["webhook-timestamp"] = str(now + 1)
    with pytest.raises((InvalidSignature, ValueError)):
        verify(spoilt.get("body", body), changed, key, now=now + spoilt.get("now", 0))


def test_the_document_says_when_each_try_is():
    waits = [int(wait.total_seconds() // 60) for wait in deliveries.BACK_OFF[:-1]]
    assert waits == [1, 5, 30, 120, 300, 600, 840]
    assert "after 1, 5 and 30 minutes, then 2, 5, 10 and 14 hours" in " ".join(DOCUMENT.read_text().split())
