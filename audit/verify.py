"""The ledger, checked from its rows by someone who does not trust its writer (clause F2).

Decides whether every hash, in order, follows from what the rows say and from what was signed; changes nothing. Shares
no code with :mod:`audit.ledger`, :mod:`audit.merkle` or :mod:`audit.canonical` (style rule 24): hashing, serializing
and reading checkpoints are written here a second time. It stops at the first thing that is wrong.

``json.dumps`` with sorted keys is RFC 8785 here, because a statement holds only strings and one integer, its keys are
ASCII (so code point order is UTF-16 order), and both escape the same characters in strings the same way.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import DatabaseError, connection
from django.db.models import Max, Q, QuerySet

from audit import keys
from audit.findings import Finding, Kind
from audit.models import Checkpoint, LedgerEntry, LedgerNode
from audit.notes import VerifierKey
from audit.triggers import installed_triggers

_CHUNK = 1_000
_LEVELS = range(48)


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What was found. ``first_bad_index``: the first entry that can't be relied on; None when all hold."""

    size: int
    checkpoints: int
    root: str
    first_bad_index: int | None
    findings: tuple[Finding, ...]
    unprotected: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every check was made and none failed."""
        return not self.findings

    @property
    def summary(self) -> str:
        """One English sentence."""
        if not self.holds:
            return self.findings[0].message
        return f"{self.size} entries and {self.checkpoints} checkpoints hold; the root is {self.root}."


@dataclass
class _Broken(Exception):  # noqa: N818 - it names a broken ledger, not a failure of ours
    index: int
    code: str
    message: str
    kind: Kind = "violated"


@dataclass(frozen=True)
class _Head:
    size: int
    root: str
    where: str


@dataclass
class _Tree:
    """The roots of the complete subtrees so far, largest first, as (level, position, hash)."""

    peaks: list[tuple[int, int, bytes]] = field(default_factory=list)

    def add(self, position: int, leaf: bytes) -> Iterator[tuple[int, int, str]]:
        """Adds one leaf; yields each subtree that it completes, smallest first."""
        here = (0, position, leaf)
        yield 0, position, leaf.hex()
        while self.peaks and self.peaks[-1][0] == here[0]:
            level, left, digest = self.peaks.pop()
            here = (level + 1, left // 2, hashlib.sha256(b"\x01" + digest + here[2]).digest())
            yield here[0], here[1], here[2].hex()
        self.peaks.append(here)

    def root(self) -> str:
        if not self.peaks:
            return hashlib.sha256().hexdigest()
        digest = self.peaks[-1][2]
        for _, _, left in self.peaks[-2::-1]:
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest.hex()


def _read_head(note: str, trusted: Sequence[VerifierKey], where: str, index: int) -> _Head:
    """The tree head of a checkpoint that a trusted key signed, read strictly; *index*: first bad one if it is not."""
    text, blank, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not blank or not _is_signed(text, signatures, trusted):
        raise _Broken(index, "checkpoint_signature", f"The signature of {where} does not hold under a trusted key.")
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise _Broken(index, "checkpoint_form", f"The text of {where} is no checkpoint.") from error
    if origin not in {key.name for key in trusted} or size < 0 or str(size) != lines[1] or len(root) != 32:  # noqa: PLR2004
        raise _Broken(index, "checkpoint_form", f"The text of {where} is no checkpoint of this ledger.")
    return _Head(size, root.hex(), where)


def _is_signed(text: str, signatures: str, trusted: Sequence[VerifierKey]) -> bool:
    for line in signatures.split("\n"):
        for key in trusted:
            start = f"\u2014 {key.name} "
            try:
                signed = base64.b64decode(line.removeprefix(start), validate=True) if line.startswith(start) else b""
            except (binascii.Error, ValueError):
                continue
            if signed[:4] != key.key_id:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.public_key).verify(signed[4:], text.encode())
            except InvalidSignature:
                continue
            return True
    return False


def _body(entry: LedgerEntry) -> str:
    """The statement of *entry*, serialized from its columns."""
    statement = {
        "actor": entry.actor,
        "at": entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "event": entry.event,
        "index": entry.index,
        "references": entry.references,
        "role": entry.role,
        "subject": entry.subject,
    }
    return json.dumps(statement, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _check_entry(entry: LedgerEntry, index: int) -> bytes:
    """The leaf hash of *entry*, which must be entry *index* and say in each column what its body says."""
    if entry.index != index:
        raise _Broken(index, "entry_missing", f"Entry {index} is missing; the next one is {entry.index}.")
    texts = (entry.actor, entry.event, entry.role, entry.subject, entry.body)
    if entry.at is None or not all(isinstance(text, str) for text in texts):
        raise _Broken(index, "entry_changed", f"Entry {index} was changed: a column is not of its type.")
    if _body(entry) != entry.body:
        raise _Broken(index, "entry_changed", f"Entry {index} was changed: its columns and its body disagree.")
    leaf = hashlib.sha256(b"\x00" + entry.body.encode()).digest()
    if leaf.hex() != entry.leaf_hash:
        raise _Broken(index, "leaf_changed", f"Entry {index} was changed: its leaf hash is not that of its body.")
    return leaf


def _stored_nodes(begin: int, end: int) -> dict[tuple[int, int], str]:
    """The stored subtrees that entries [*begin*, *end*) complete."""
    wanted = Q()
    for level in _LEVELS:
        if begin >> level < end >> level:
            wanted |= Q(level=level, position__gte=begin >> level, position__lt=end >> level)
    rows = LedgerNode.objects.filter(wanted).values_list("level", "position", "hash")
    return {(level, position): digest for level, position, digest in rows}


def _rows(begin: int, end: int) -> list[LedgerEntry]:
    """Entries [*begin*, *end*) by index; when a row's text can't even be read as its column's type, up to that row."""
    query = LedgerEntry.objects.filter(index__gte=begin, index__lt=end).order_by("index")
    try:
        return list(query)
    except (ValueError, TypeError, DatabaseError) as error:
        if end - begin == 1:
            raise _Broken(begin, "entry_changed", f"Entry {begin} was changed: a column is unreadable.") from error
    readable: list[LedgerEntry] = []
    for index in range(begin, end):
        readable += _rows(index, index + 1)
    return readable


def _chunks(size: int) -> Iterator[tuple[int, list[LedgerEntry], dict[tuple[int, int], str]]]:
    """All rows below *size* by index, a bounded number at a time, with the subtrees they complete."""
    for begin in range(0, size, _CHUNK):
        end = min(begin + _CHUNK, size)
        yield end, _rows(begin, end), _stored_nodes(begin, end)


def _checkpoints(bound: int, trusted: Sequence[VerifierKey]) -> Iterator[_Head]:
    """The stored checkpoints up to row *bound*, smallest tree first, each opened and compared with its columns."""
    good, rows = 0, list(_checkpoint_rows(bound, -1))
    while rows:
        for row in rows:
            where = f"the checkpoint of {row.size} entries"
            if not isinstance(row.note, str):
                raise _Broken(good, "checkpoint_changed", f"The text of {where} is unreadable.")
            head = _read_head(row.note, trusted, where, good)
            if (head.size, head.root) != (row.size, row.root):
                raise _Broken(good, "checkpoint_changed", f"The columns and the signed text of {where} disagree.")
            yield head
            good = row.size
        rows = list(_checkpoint_rows(bound, good))


def _checkpoint_rows(bound: int, after: int) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(pk__lte=bound, size__gt=after).order_by("size")[:_CHUNK]


class _Walk:
    """One pass over the entries, with the heads that they must lead to."""

    def __init__(self, size: int, heads: Iterator[_Head]) -> None:
        self.size, self.tree, self.heads = size, _Tree(), heads
        self.checked, self.good = 0, 0
        self.ahead: _Broken | None = None
        self.next_head = self._advance()

    def _advance(self) -> _Head | None:
        """The next head; a broken one is kept until the entries before it have been looked at."""
        try:
            return next(self.heads, None)
        except _Broken as broken:
            self.ahead = broken
            return None

    def check_heads(self, count: int) -> None:
        """Compares the root with each head that was signed for a tree of *count* entries."""
        while self.next_head is not None and self.next_head.size == count:
            head = self.next_head
            if head.root != self.tree.root():
                message = f"The entries do not lead to the root of {head.where}; one from {self.good} on was changed."
                raise _Broken(self.good, "root_differs", message)
            self.checked, self.good = self.checked + 1, count
            self.next_head = self._advance()

    def run(self) -> None:
        self.check_heads(0)
        index = 0
        for end, rows, stored in _chunks(self.size):
            for entry in rows:
                self._entry(index, entry, stored)
                index += 1
            if index != end:
                raise _Broken(index, "entry_missing", f"Entry {index} is missing.")
        if self.ahead is not None:
            raise self.ahead
        if self.next_head is not None:
            message = f"The ledger is cut off: {self.next_head.where} covers more than the {self.size} entries left."
            raise _Broken(self.size, "truncated", message)

    def _entry(self, index: int, entry: LedgerEntry, stored: dict[tuple[int, int], str]) -> None:
        for level, position, digest in self.tree.add(index, _check_entry(entry, index)):
            if stored.get((level, position)) != digest:
                first = position << level
                message = f"The stored hash of entries {first} to {index} is gone or differs from what they say."
                raise _Broken(first, "subtree_changed", message)
        self.check_heads(index + 1)


def _refuse_stray_nodes(bound: int, size: int) -> None:
    """A subtree over entries that are not there: the newest entries were taken away."""
    stray = Q(level__gt=_LEVELS[-1])
    for level in _LEVELS:
        stray |= Q(level=level, position__gte=size >> level)
    if LedgerNode.objects.filter(stray, pk__lte=bound).exists():
        message = f"The ledger is cut off: hashes are left of entries after the {size} that are there."
        raise _Broken(size, "truncated", message)


def _merged(stored: Iterator[_Head], given: _Head | None) -> Iterator[_Head]:
    """*stored* with *given* at its place by size."""
    for head in stored:
        if given is not None and given.size <= head.size:
            yield given
            given = None
        yield head
    if given is not None:
        yield given


def verify(checkpoint: str | None = None) -> VerificationReport:
    """Rebuilds every hash; *checkpoint*: the text of one that was kept elsewhere, which must still be honoured."""
    tables = [model._meta.db_table for model in (LedgerEntry, LedgerNode, Checkpoint)]  # noqa: SLF001 - Django's API
    protected = set(installed_triggers(connection))
    unprotected = tuple(
        t for t in tables if not {f"kfm_append_only_{t}_{v}" for v in ("update", "delete")} <= protected
    )
    last_node = LedgerNode.objects.aggregate(last=Max("pk"))["last"] or 0
    last_checkpoint = Checkpoint.objects.aggregate(last=Max("pk"))["last"] or 0
    last_entry = LedgerEntry.objects.aggregate(last=Max("index"))["last"]  # read last: writers may be at work
    size = 0 if last_entry is None else last_entry + 1
    walk: _Walk | None = None
    bad: int | None = None
    findings: tuple[Finding, ...] = ()
    try:
        trusted = keys.trusted_keys()
        given = None if checkpoint is None else _read_head(checkpoint, trusted, "the checkpoint that was given", 0)
        walk = _Walk(size, _merged(_checkpoints(last_checkpoint, trusted), given))
        walk.run()
        _refuse_stray_nodes(last_node, size)
    except _Broken as broken:
        bad = broken.index
        findings = (Finding(broken.code, f"entry {broken.index}", broken.message, _FIX),)
    except keys.LedgerKeyError as error:
        findings = (Finding("no_key", "KFM_LEDGER_KEY", f"Checkpoints can't be checked: {error}", kind="error"),)
    root = walk.tree.root() if walk is not None else ""
    return VerificationReport(size, walk.checked if walk else 0, root, bad, findings, unprotected)


_FIX = "Stop publishing, keep a copy of the database, and restore the ledger from the last backup that verifies."
