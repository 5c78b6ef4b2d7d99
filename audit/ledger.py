"""The ledger: the one door through which history is written, and its readers.

Decides that an entry is written inside the caller's transaction or not at all, in one unbroken order, and holds names,
ids and digests but never values. Never updates, deletes or judges an entry. Keeps clause F2 and style rules 7, 9, 19.

An append reads one entry and at most log2(n) subtree hashes. What it says is text that anyone can hash again: the
RFC 8785 form of ``{actor, at, event, index, references, role, subject}``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from audit import keys, merkle, notes
from audit.canonical import canonical_bytes
from audit.events import Event
from audit.models import Checkpoint, LedgerEntry, LedgerNode
from audit.references import InvalidReference, parse_evidence_ref, parse_reference

_ADVISORY_LOCK = 0x6B666D_6C6564  # "kfm" "led": one writer at a time on PostgreSQL
_MAX_REFERENCES = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ACTOR = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_TOKEN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:@+-]{0,198}[A-Za-z0-9_])?")
_SUBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.:@+-]*){0,4}")
_SECRET = re.compile(r"(?:gh[pousr]_|github_pat_|xox[abprs]-|sk_live_|AKIA|ASIA|eyJ)[A-Za-z0-9_.-]{12,}|PRIVATE\+?KEY")


class LedgerError(Exception):
    """The ledger refuses; the message names the thing, the rule and the next step."""


class NotInLedger(LedgerError):  # noqa: N818 - what it says, in the ledger's words
    """No entry or no checkpoint answers to what was asked for."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That entry ``index`` is among the first ``size``.

    ``leaf_hash``: SHA-256(0x00 ‖ body); ``hashes``: the audit path, 32 bytes each, leaf side first; ``checkpoint``: the
    signed note that states ``root``.
    """

    index: int
    size: int
    leaf_hash: bytes
    hashes: tuple[bytes, ...]
    root: bytes
    checkpoint: str

    def holds(self) -> bool:
        """Whether the path leads from the leaf to the root (RFC 9162 §2.1.3.2); the note's signature is apart."""
        return merkle.verify_inclusion(self.leaf_hash, self.index, self.size, self.hashes, self.root)

    def as_json(self) -> dict[str, object]:
        """The proof for bundles and exports; hashes in hex."""
        return {
            "index": self.index,
            "size": self.size,
            "leaf_hash": self.leaf_hash.hex(),
            "hashes": [found.hex() for found in self.hashes],
            "root": self.root.hex(),
            "checkpoint": self.checkpoint,
        }


def _is_reference(text: str) -> bool:
    for parse in (parse_reference, parse_evidence_ref):
        try:
            parse(text)
        except InvalidReference:
            continue
        return True
    return False


def _require_reference(name: str, value: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise LedgerError(f"{name!r:.80} can't name a reference. Use lower-case letters, digits and '_'.")
    if not isinstance(value, str) or not (_TOKEN.fullmatch(value) or _is_reference(value)) or _SECRET.search(value):
        raise LedgerError(
            f"The reference {name!r} is not a digest, a reference, an id or a code of at most 200 characters. "
            "The ledger holds no free text: store the text elsewhere and put its digest here."
        )


def _require_words(actor: str, role: str, subject: str, references: Mapping[str, str]) -> None:
    if _ACTOR.fullmatch(actor) is None or actor != actor.strip() or _SECRET.search(actor):
        raise LedgerError("An actor is a name of 1 to 200 characters on one line. Give the account's name.")
    if _ROLE.fullmatch(role) is None:
        raise LedgerError(f"{role!r:.80} is no role name. Use the role in lower case.")
    subject_known = _SUBJECT.fullmatch(subject) is not None or _is_reference(subject)
    if len(subject) > 300 or not subject_known or ".." in subject or _SECRET.search(subject):  # noqa: PLR2004 - column
        raise LedgerError(f"{subject!r:.80} is no subject. Give a kfm:// reference or <kind>/<id>.")
    if len(references) > _MAX_REFERENCES:
        raise LedgerError(f"An entry holds at most {_MAX_REFERENCES} references. Refer to a list by its digest.")
    for name, value in references.items():
        _require_reference(name, value)


def instant(at: dt.datetime) -> str:
    """*at* as RFC 3339 in UTC with microseconds; :class:`LedgerError` when it has no time zone."""
    if at.tzinfo is None:
        raise LedgerError("The time of an entry needs a time zone. Pass an aware datetime.")
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _lock() -> None:
    """One writer until the transaction ends; SQLite's IMMEDIATE transactions are one at a time already."""
    if not connection.in_atomic_block:
        raise LedgerError("The ledger is written inside the transaction of what it records. Use transaction.atomic().")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])


def append(  # noqa: PLR0913 - who, as what, did what, to what, with what, when
    *,
    event: Event,
    actor: str,
    role: str,
    subject: str,
    references: Mapping[str, str] | None = None,
    at: dt.datetime,
) -> LedgerEntry:
    """Writes the next entry; commits or rolls back with the caller's transaction.

    *subject*: a ``kfm://`` reference or ``<kind>/<id>``. *references*: names to digests, references, ids or codes.
    :class:`LedgerError` outside a transaction, or for words the ledger does not hold.
    """
    held = dict(references or {})
    if not isinstance(event, Event):
        raise LedgerError(f"{event!r:.80} is no event of the ledger. Use a member of audit.events.Event.")
    _require_words(actor, role, subject, held)
    written = instant(at)
    _lock()
    index = size()
    statement = {
        "actor": actor,
        "at": written,
        "event": event.value,
        "index": index,
        "references": held,
        "role": role,
        "subject": subject,
    }
    body = canonical_bytes(statement)
    leaf = merkle.leaf_hash(body)
    entry = LedgerEntry.objects.create(
        index=index,
        event=event.value,
        actor=actor,
        role=role,
        subject=subject,
        references=held,
        at=at.astimezone(dt.UTC),
        body=body.decode(),
        leaf_hash=leaf.hex(),
    )
    _grow(index, leaf)
    return entry


def _grow(index: int, leaf: bytes) -> None:
    """Writes the subtrees that leaf *index* completes: itself, and one for each trailing 1 bit of *index*."""
    completed = (~index & (index + 1)).bit_length() - 1
    lefts = _load_nodes([(level, (index >> level) - 1) for level in range(completed)])
    found, rows = leaf, [LedgerNode(level=0, position=index, hash=leaf.hex())]
    for level in range(completed):
        found = merkle.node_hash(lefts[level, (index >> level) - 1], found)
        rows.append(LedgerNode(level=level + 1, position=index >> (level + 1), hash=found.hex()))
    LedgerNode.objects.bulk_create(rows)


def _load_nodes(wanted: list[merkle.Subtree]) -> dict[merkle.Subtree, bytes]:
    """The hashes of *wanted* in at most one query; :class:`LedgerError` when one is gone."""
    condition = Q()
    for level, position in wanted:
        condition |= Q(level=level, position=position)
    found: dict[merkle.Subtree, bytes] = {}
    if wanted:
        rows = LedgerNode.objects.filter(condition).values_list("level", "position", "hash")
        found = {(level, position): bytes.fromhex(node) for level, position, node in rows}
    if missing := [subtree for subtree in wanted if subtree not in found]:
        raise LedgerError(f"The ledger's subtree {missing[0]} is gone. Stop, and run: manage.py verify_ledger.")
    return found


def refuse(  # noqa: PLR0913 - who, as what, what, on what, why, when
    *, actor: str, role: str, verb: str, subject: str, code: str, at: dt.datetime
) -> LedgerEntry:
    """Records that *actor* was refused *verb* on *subject* with the error code *code*, in a transaction of its own.

    Call it after the refused transaction rolled back; inside another transaction it raises RuntimeError.
    """
    with transaction.atomic(durable=True):
        return append(
            event=Event.ACTION_REFUSED,
            actor=actor,
            role=role,
            subject=subject,
            references={"verb": verb, "code": code},
            at=at,
        )


def size() -> int:
    """How many entries there are."""
    last = LedgerEntry.objects.order_by("-index").only("index").first()
    return 0 if last is None else last.index + 1


def _ranges_roots(ranges: list[tuple[int, int]]) -> tuple[bytes, ...]:
    tiles = [tile for found in ranges for tile in merkle.complete_subtrees(*found)]
    nodes = _load_nodes(tiles)
    return tuple(merkle.range_root(nodes, *found) for found in ranges)


def root(tree_size: int) -> bytes:
    """The root (32 bytes) of the first *tree_size* entries, from O(log n) rows."""
    return _ranges_roots([(0, tree_size)])[0]


def checkpoint(now: dt.datetime) -> Checkpoint:
    """Signs the tree as it is now; the latest checkpoint again when it did not grow.

    :class:`LedgerError` when the tree does not continue what was last signed: a signature is never put over a break.
    """
    instant(now)
    with transaction.atomic():
        _lock()
        latest, grown = latest_checkpoint(), size()
        if latest is not None:
            if grown < latest.size or root(latest.size).hex() != latest.root:
                raise LedgerError(
                    f"The ledger does not continue the checkpoint of {latest.size} entries, so nothing is signed. "
                    "Stop, and run: manage.py verify_ledger."
                )
            if grown == latest.size:
                return latest
        head = root(grown)
        note = notes.sign_checkpoint(
            origin=settings.KFM_LEDGER_ORIGIN, size=grown, root=head, private_key=keys.signing_key()
        )
        return Checkpoint.objects.create(size=grown, root=head.hex(), note=note, at=now)


def latest_checkpoint() -> Checkpoint | None:
    """The signed checkpoint of the largest tree, or None when nothing was signed yet."""
    return Checkpoint.objects.order_by("-size").first()


def inclusion_proof(index: int, size: int | None = None) -> InclusionProof:
    """The proof that entry *index* is in the tree of the checkpoint of *size* entries (default: the latest).

    :class:`NotInLedger` when there is no such entry, or no checkpoint of that size covers it yet.
    """
    signed = latest_checkpoint() if size is None else Checkpoint.objects.filter(size=size).first()
    entry = LedgerEntry.objects.filter(index=index).only("index", "leaf_hash").first()
    if entry is None:
        raise NotInLedger(f"The ledger has no entry {index}.")
    if signed is None or signed.size <= index:
        raise NotInLedger(f"No signed checkpoint covers entry {index} yet. One is signed every minute.")
    return InclusionProof(
        index=index,
        size=signed.size,
        leaf_hash=bytes.fromhex(entry.leaf_hash),
        hashes=_ranges_roots(merkle.inclusion_ranges(index, signed.size)),
        root=bytes.fromhex(signed.root),
        checkpoint=signed.note,
    )


def consistency_proof(old_size: int, new_size: int) -> tuple[bytes, ...]:
    """The proof (RFC 9162 §2.1.4) that the tree of *new_size* entries starts with that of *old_size*."""
    return _ranges_roots(merkle.consistency_ranges(old_size, new_size))


def entry(index: int) -> LedgerEntry:
    """Entry *index*; :class:`NotInLedger` when there is none."""
    found = LedgerEntry.objects.filter(index=index).first()
    if found is None:
        raise NotInLedger(f"The ledger has no entry {index}.")
    return found


def entries() -> QuerySet[LedgerEntry]:
    """All entries, newest first; slice it."""
    return LedgerEntry.objects.order_by("-index")


def entries_about(subject: str) -> QuerySet[LedgerEntry]:
    """The entries whose subject starts with *subject*, newest first; slice it."""
    return entries().filter(subject__startswith=subject)


def bodies(begin: int, end: int) -> list[str]:
    """The bodies of entries [*begin*, *end*), in order; each hashes to its leaf as SHA-256(0x00 ‖ UTF-8)."""
    found = LedgerEntry.objects.filter(index__gte=begin, index__lt=end).order_by("index")
    return list(found.values_list("body", flat=True))


def leaf_of(entry: LedgerEntry) -> bytes:
    """The leaf hash (32 bytes) of the body of *entry*, computed now."""
    return merkle.leaf_hash(entry.body.encode())
