"""The ledger's tests: a key of their own, and a short way to write entries."""

from __future__ import annotations

import datetime as dt

import pytest

from audit import ledger
from audit.events import Event

NOW = dt.datetime(2026, 2, 20, 13, 15, tzinfo=dt.UTC)
VERSION = "kfm://dataset/ks_counties@2025.ab12cd34"


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.KFM_LEDGER_KEY = ""
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "ledger_ed25519.pem"


def write(count: int = 1, **changes):
    """Appends *count* entries and returns them; the caller holds the transaction."""
    words = {
        "event": Event.VERSION_PUBLISHED,
        "actor": "Ada Diaz",
        "role": "steward",
        "subject": VERSION,
        "references": {"manifest": "sha256:" + "ab" * 32},
        "at": NOW,
    }
    return [ledger.append(**{**words, **changes}) for _ in range(count)]
