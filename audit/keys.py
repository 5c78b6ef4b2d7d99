"""The ledger's signing key: where it is read from, and when it may be made.

Decides that production never signs with a key that nobody gave it, and that a key file is its owner's alone. Never logs
or returns key text. Keeps clause F2.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from audit.notes import VerifierKey


class LedgerKeyError(Exception):
    """The signing key can't be used; the message names the setting, the rule and the next step."""


def _load(pem: bytes, source: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LedgerKeyError(f"{source} holds no readable private key. Give an unencrypted Ed25519 PEM.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerKeyError(f"{source} holds a key that is not Ed25519. Make one: openssl genpkey -algorithm ed25519.")
    return key


def _create(path: Path) -> None:
    """A new key in *path*, whole or not at all, mode 0600; the first of two racing processes wins."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):  # another process was first: its key stands
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def private_key(*, text: str, setting: str, file: Path) -> Ed25519PrivateKey:
    """The key in *text* (PEM, from *setting*), else in *file*; :class:`LedgerKeyError` if unusable.

    Outside production an absent file is created; in production it is refused.
    """
    if text:
        return _load(text.encode(), setting)
    if not file.exists():
        if settings.PRODUCTION:
            raise LedgerKeyError(
                f"{setting} is not set and there is no key file. Give production its own Ed25519 key (PEM)."
            )
        _create(file)
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise LedgerKeyError(f"{file.name} can be read by others than its owner. Run: chmod 600 on it.")
    return _load(file.read_bytes(), file.name)


def signing_key() -> Ed25519PrivateKey:
    """The key of ``KFM_LEDGER_KEY`` (PEM text), else of ``KFM_LEDGER_KEY_FILE``, as ``private_key`` finds it."""
    return private_key(text=settings.KFM_LEDGER_KEY, setting="KFM_LEDGER_KEY", file=Path(settings.KFM_LEDGER_KEY_FILE))


def verifier_key() -> VerifierKey:
    """The public half of :func:`signing_key`, named ``KFM_LEDGER_ORIGIN``."""
    return VerifierKey.of(settings.KFM_LEDGER_ORIGIN, signing_key())


def trusted_keys() -> tuple[VerifierKey, ...]:
    """The keys whose checkpoints count: today's, and those of ``KFM_LEDGER_PREVIOUS_KEYS`` (vkeys), if set."""
    previous = getattr(settings, "KFM_LEDGER_PREVIOUS_KEYS", ())
    return (verifier_key(), *(VerifierKey.parse(text) for text in previous))
