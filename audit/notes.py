"""Signed notes and checkpoints as text: C2SP ``signed-note`` and ``tlog-checkpoint``, with Ed25519.

Decides whether a note was signed by a given key and what tree head it states; never trusts a key by itself, never reads
a file or a row. Keeps clause F2: anyone with the verifier key can check a checkpoint, with these or other tools.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ALGORITHM_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_NOTE = 1_000_000
_KEY_ID_BYTES = 4
_ROOT_BYTES = 32


class InvalidNote(ValueError):  # noqa: N818 - the name says what is wrong
    """A note, checkpoint or verifier key is malformed, or no signature by the wanted key holds."""


def _decode_base64(text: str, what: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote(f"The {what} is not base64.") from error
    if base64.b64encode(found).decode() != text:
        raise InvalidNote(f"The {what} is not canonical base64.")
    return found


def _require_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InvalidNote(f"{name!r:.80} is no key name: it must not be empty nor hold white space or '+'.")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; ``str()`` is the vkey ``<name>+<hex key id>+<base64(algorithm ‖ public key)>``."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _require_name(self.name)
        if len(self.public_key) != 32:  # noqa: PLR2004 - RFC 8032
            raise InvalidNote("An Ed25519 public key has 32 bytes.")

    @classmethod
    def of(cls, name: str, private_key: Ed25519PrivateKey) -> Self:
        """The verifier key that belongs to *private_key*."""
        return cls(name, private_key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that the vkey *text* spells; :class:`InvalidNote` also when its key id does not match."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        found = _decode_base64(encoded, "verifier key")
        if found[:1] != _ALGORITHM_ED25519:
            raise InvalidNote("The verifier key is not for Ed25519.")
        key = cls(name, found[1:])
        if key.key_id.hex() != key_id:
            raise InvalidNote("The verifier key's id does not match its name and key.")
        return key

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key)[:4]."""
        named = self.name.encode() + b"\n" + _ALGORITHM_ED25519 + self.public_key
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(_ALGORITHM_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint states: the log's ``origin``, its ``size`` in entries, its 32-byte ``root``."""

    origin: str
    size: int
    root: bytes


def sign_note(text: str, *, name: str, private_key: Ed25519PrivateKey) -> str:
    """*text* (ending in a newline) with one signature line by *private_key* under *name*."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InvalidNote("A note's text ends in a newline and holds no other control characters.")
    key = VerifierKey.of(name, private_key)
    signature = base64.b64encode(key.key_id + private_key.sign(text.encode())).decode()
    return f"{text}\n\u2014 {name} {signature}\n"


def open_note(note: str, key: VerifierKey) -> str:
    """The text of *note* when *key* signed it, else :class:`InvalidNote`; signatures by other keys are passed over."""
    if len(note) > _MAX_NOTE or _CONTROL.search(note):
        raise InvalidNote("The note is too long or holds control characters.")
    head, blank, tail = note.rpartition("\n\n")
    text = head + "\n"
    lines = tail.split("\n")
    if not blank or len(lines) < 2 or lines.pop() != "":  # noqa: PLR2004 - a line and what follows its newline
        raise InvalidNote("The note has no signature lines.")
    held = False
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise InvalidNote("A signature line is malformed.")
        signature = _decode_base64(match[2], "signature")
        if match[1] == key.name and signature[:_KEY_ID_BYTES] == key.key_id:
            _require_signature(key, signature[_KEY_ID_BYTES:], text)
            held = True
    if not held:
        raise InvalidNote(f"The note carries no signature by {key.name}+{key.key_id.hex()}.")
    return text


def _require_signature(key: VerifierKey, signature: bytes, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text.encode())
    except InvalidSignature as error:
        raise InvalidNote(f"The signature by {key.name}+{key.key_id.hex()} does not hold for this text.") from error


def sign_checkpoint(*, origin: str, size: int, root: bytes, private_key: Ed25519PrivateKey) -> str:
    """The checkpoint of a tree of *size* entries with the 32-byte *root*, signed under the key name *origin*."""
    _require_name(origin)
    if size < 0 or len(root) != _ROOT_BYTES:
        raise InvalidNote("A checkpoint needs a size of 0 or more and a root of 32 bytes.")
    return sign_note(f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n", name=origin, private_key=private_key)


def open_checkpoint(note: str, key: VerifierKey, *, origin: str | None = None) -> TreeHead:
    """The tree head that *note* states when *key* signed it and its origin is *origin* (default: the key's name)."""
    found, size, root, *extensions = [*open_note(note, key).removesuffix("\n").split("\n"), "", ""]
    if found != (key.name if origin is None else origin):
        raise InvalidNote(f"The checkpoint is of {found!r:.80}, not of the log that was asked for.")
    if _SIZE.fullmatch(size) is None:
        raise InvalidNote("The checkpoint's size is not a decimal number without leading zeros.")
    if "" in extensions[:-2]:
        raise InvalidNote("The checkpoint has an empty extension line.")
    decoded = _decode_base64(root, "root")
    if len(decoded) != _ROOT_BYTES:
        raise InvalidNote("The checkpoint's root has not 32 bytes.")
    return TreeHead(found, int(size), decoded)
