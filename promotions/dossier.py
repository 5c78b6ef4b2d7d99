"""Gathers the dossier: everything the gates judge about one version, frozen, with one digest over all of it.

What people sign is this digest. It holds the facts that must not change between signature and release, and nothing that
may (the clock, the signatures, the ledger's growth). Gathering judges nothing and hides nothing: what can't be read is
``None`` in the evidence, and the gate says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import gates
from promotions.evidence import collect
from promotions.gates import GateResult
from promotions.models import Dossier, Evaluation, Proposal, Standing
from promotions.shelf import Shelf
from promotions.states import PUBLISHING_VERB, State


@dataclass(frozen=True, slots=True)
class Gathered:
    """A dossier in memory. ``evidence``: by gate letter; ``digest`` is over ``canonical``; ``draft``: the manifest."""

    version: DatasetVersion
    evidence: Mapping[str, object]
    canonical: bytes
    digest: str
    draft: Mapping[str, Any]


class GatesFailed(Refused):
    """A transition's gates did not pass; carries the dossier and the results so that they can be kept and shown."""

    def __init__(self, dossier: Gathered, results: Mapping[str, GateResult]) -> None:
        self.dossier = dossier
        self.results = dict(results)
        failed = [result for result in results.values() if not result.passed]
        more = sum(len(result.findings) for result in failed) - 1
        letters = ", ".join(result.gate for result in failed)
        names, verb = ("Gate", "does") if len(failed) == 1 else ("Gates", "do")
        rest = "" if more == 0 else " There is one more finding." if more == 1 else f" There are {more} more findings."
        super().__init__("gates_failed", f"{names} {letters} {verb} not pass. {failed[0].findings[0].message}{rest}")

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(letter for letter, result in self.results.items() if not result.passed)


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that differs between two dossiers. ``owner``: the file or field it belongs to, in words."""

    path: str
    owner: str
    was: str
    now: str


def gather(standing: Standing, *, letters: str = gates.LETTERS, fresh: bool = True) -> Gathered:
    """Gathers the evidence of *letters* for the version at *standing*. ``fresh``: every stored byte is hashed again."""
    shelf = Shelf.open(standing.version, fresh=fresh)
    evidence = collect(shelf, letters)
    proposal = Proposal.objects.filter(version=standing.version).first()
    label = standing.version.policy_label
    verb = PUBLISHING_VERB.get(State(standing.state))
    document = {
        "kfm_dossier_version": "v1",
        "dataset_slug": standing.version.dataset.slug,
        "dataset_version_id": standing.version.version_id,
        "promotion": {"verb": verb.value if verb else standing.state, "round": standing.round},
        "proposer": proposal.proposer if proposal else None,
        "policy_label": label.name if label else None,
        "sign_off_roles": list(label.sign_off_roles) if label else [],
        "evidence": {letter: facts_of(found) for letter, found in evidence.items()},
    }
    canonical = canonical_bytes(document)
    return Gathered(standing.version, evidence, canonical, str(digest_bytes(canonical)), shelf.draft())


def facts_of(value: Any) -> Any:
    """Evidence as JSON facts: bytes by their digest, volatile fields left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: facts_of(getattr(value, f.name)) for f in fields(value) if not f.metadata.get("volatile")}
    if isinstance(value, bytes):
        return str(digest_bytes(value))
    if isinstance(value, Mapping):
        return {str(key): facts_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [facts_of(item) for item in value]
    return value


def keep_evaluation(
    gathered: Gathered, results: Mapping[str, GateResult], *, by: Person, at: datetime, role: Role | None = None
) -> Gathered:
    """Writes the dossier and the gates' answers as rows (append-only), with a ledger entry when the answers are new.

    ``role``: the one in which *by* does that for which the gates were asked; none for a look alone.
    """
    with transaction.atomic():
        dossier, created = Dossier.objects.get_or_create(
            version=gathered.version,
            digest=gathered.digest,
            defaults={"canonical": gathered.canonical.decode(), "gathered_at": at},
        )
        answers = [result.as_json() for result in results.values()]
        last = None if created else Evaluation.objects.filter(dossier=dossier).order_by("-pk").first()
        if last is None or last.results != answers:
            Evaluation.objects.create(
                version=gathered.version, dossier=dossier, results=answers, actor=by.principal, at=at
            )
            failed = "".join(letter for letter, result in results.items() if not result.passed)
            ledger.append(
                event=Event.GATES_EVALUATED,
                actor=by.principal,
                role=(role or by.role_told(gathered.version.dataset_id)).value,
                subject=gathered.version.reference,
                references={"dossier": gathered.digest, "gates": "".join(results), "failed": failed or "none"},
                at=at,
            )
    return gathered


def differences(signed: str, now: str) -> list[Difference]:
    """What differs between two dossiers' canonical texts, leaf by leaf, with the file or field each belongs to."""
    old, new = dict(_leaves(json.loads(signed))), dict(_leaves(json.loads(now)))
    files = _files(json.loads(signed)) | _files(json.loads(now))
    return [
        Difference("/".join(map(str, path)), _owner(path, files), _text(old.get(path)), _text(new.get(path)))
        for path in sorted(old.keys() | new.keys(), key=lambda p: [str(part) for part in p])
        if old.get(path, _ABSENT) != new.get(path, _ABSENT)
    ]


_ABSENT = object()


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None or not value:
        yield path, value if items is None else ("empty", type(value).__name__)
        return
    for key, item in items:
        yield from _leaves(item, (*path, key))


def _files(document: Mapping[str, Any]) -> dict[int, str]:
    stored = ((document.get("evidence") or {}).get("G") or {}).get("files") or []
    return {place: str(file.get("path")) for place, file in enumerate(stored)}


OWNERS = {
    ("A", "spec"): "field of the dataset's spec",
    ("A", "source_digests"): "file: the source as uploaded",
    ("B", "captured"): "field of the terms captured at ingest",
    ("B", "terms_measured_digest"): "file: the terms snapshot",
    ("B", "terms_captured_words"): "file: the terms snapshot",
    ("B", "terms_observed"): "the upstream's terms, as observed last",
    ("B", "terms_accepted"): "the terms that stand accepted",
    ("C", "label"): "field: the version's policy label",
    ("C", "replayed"): "the policy: its files, or the facts of a label",
    ("C", "decision"): "the recorded policy decision",
    ("E", "report_measured_digest"): "file: the QA report",
    ("E", "rejects_measured_digest"): "file: the rejected records",
    ("E", "quarantine_measured_digest"): "file: the rows set apart",
    ("E", "source_digest"): "file: the normalized rows the checks were made on",
    ("E", "released_measured_digest"): "file: the QA report as it goes out",
    ("F", "receipts"): "a run receipt",
}


def _owner(path: tuple[str | int, ...], files: Mapping[int, str]) -> str:
    if path[:1] != ("evidence",):
        return f"field: {path[0]}"
    letter, name = str(path[1]), str(path[2]) if len(path) > 2 else ""  # noqa: PLR2004 - evidence/letter/name
    if (letter, name) == ("G", "files") and len(path) > 3 and isinstance(path[3], int):  # noqa: PLR2004 - …/index
        return f"file: {files.get(path[3], 'unknown')}"
    if letter == "D" and name in {"measured", "recorded"} and len(path) > 3:  # noqa: PLR2004 - …/path
        return f"file: {path[3]}"
    rest = "/".join(str(part) for part in path[3:])
    return OWNERS.get((letter, name), f"{gates.NAMES.get(letter, letter)}: {name}") + (f" ({rest})" if rest else "")


def _text(value: Any) -> str:
    return "absent" if value is None else str(value)
