"""Reads one quarantine case: all reasons it is here, who is at work on it, what was said, and the ways out.

``case_view`` reads rows only. ``samples_of`` opens the measured file and is asked for by itself: its rows are shown as
the version's label lets them, and only to who may have the bytes. Decides nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings

from datasets import decisions, enforcement
from datasets.models import DatasetVersion, RunReceipt
from datasets.people import Person, names_of
from datasets.policy.obligations import ObligationError, parse_obligations
from datasets.policy.requests import Action
from datasets.quality.samples import failing_geometries, masked, samples
from datasets.stores import console_store
from datasets.zones.store import StoreError
from promotions import gates, library, permissions, resolutions
from promotions.models import CaseComment, QuarantineCase, Resolution, Severity
from promotions.readers import inbox_map
from promotions.readers.offers import Offer
from promotions.readers.quality_rows import NOT_NOW, WHO
from promotions.readers.quarantine import WORDS, all_ways, people_of
from promotions.readers.version_page import INSIDERS
from promotions.shelf import Shelf

#: A larger measured file is not opened for a page.
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Claim:
    """A live claim."""

    principal: str
    name: str
    until: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Reasons:
    """What one gate found. ``decides``: it is the gate that must pass before a release."""

    gate: str
    name: str
    decides: bool
    findings: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case, read once. ``may``: by act, whether the reader may and why not; ``people``: who may be given the case.

    ``receipt``: what the case's end left; ``made``: the version that was made beside it, if the reader may know of it.
    """

    case: QuarantineCase
    words: str
    severity: str
    gate_name: str
    reasons: tuple[Reasons, ...]
    age_days: int
    overdue: bool
    owner: str
    claim: Claim | None
    comments: tuple[tuple[CaseComment, str], ...]
    ways: list[Offer]
    may: Mapping[str, tuple[bool, str]]
    people: Mapping[str, str]
    runbook: library.Entry | None
    receipt: RunReceipt | None
    reopened_as: int | None
    made: DatasetVersion | None
    names: Mapping[str, str]
    first_reason: str


@dataclass(frozen=True, slots=True)
class Samples:
    """Failing rows and the map of failing geometries, masked; ``why_not`` when there are none to show."""

    rows: tuple[Mapping[str, Any], ...] = ()
    geometries: Mapping[str, Any] | None = None
    why_not: str = ""


def case_view(person: Person, case: QuarantineCase, now: datetime) -> CaseView:
    """The case as *person* may see it; the caller has found it through ``enforcement``."""
    comments = list(case.comments.all())
    people = {case.owner, case.claimed_by, case.opened_by, case.resolved_by, case.plan_by}
    names = names_of((people | {comment.author for comment in comments}) - {""})
    later = case.reopened_as.order_by("-pk").first()
    return CaseView(
        case=case,
        words=WORDS.get(case.reason_code, case.reason_code),
        severity=Severity(case.severity).label,
        gate_name=gates.NAMES.get(case.gate, case.gate),
        reasons=_reasons(case),
        age_days=((case.resolved_at or now) - case.opened_at).days,
        overdue=not case.resolution and case.due < now.date(),
        owner=names.get(case.owner, case.owner),
        claim=claim_of(case, names, person, now),
        comments=tuple((comment, names.get(comment.author, comment.author)) for comment in comments),
        ways=all_ways(person, case, now),
        may=_may(person, case, now),
        people=people_of(case),
        runbook=library.by_id(case.runbook),
        receipt=resolutions.receipt_of(case),
        reopened_as=later.pk if later else None,
        made=_made(person, case),
        names=names,
        first_reason=first_reason(case),
    )


def first_reason(case: QuarantineCase) -> str:
    """Why the version came here: of a reopened case, what the first of its line said."""
    while case.reopens is not None:
        case = case.reopens
    return case.reason


def claim_of(case: QuarantineCase, names: Mapping[str, str], person: Person, now: datetime) -> Claim | None:
    """The claim on *case* while it lasts."""
    holder = permissions.holder_of(case, now)
    if not holder or case.claim_until is None:
        return None
    return Claim(holder, names.get(holder, holder), case.claim_until, holder == person.principal)


def samples_of(person: Person, case: QuarantineCase) -> Samples:
    """The sample rows of the checks that failed, masked by the version's label and obligations.

    For who opens what is not released, as on the version's own pages: rows set apart stay so once it is published.
    A file that is too large, gone, damaged or unreadable is said so.
    """
    version = case.version
    roles = person.roles_on(version.dataset_id)
    if not (INSIDERS & roles or (roles and version.created_by == person.principal)):
        return Samples(why_not=WHO)
    if not enforcement.visible_versions(person, Action.DOWNLOAD).filter(pk=version.pk).exists():
        return Samples(why_not=NOT_NOW)
    shelf = Shelf.open(version, fresh=False)
    report = shelf.json(shelf.digest_of("qa_report_whole") or shelf.digest_of("qa_report"))
    label = version.policy_label_id or decisions.UNLABELLED
    digest = (report or {}).get("measured_digest")
    if report is None or not isinstance(digest, str):
        return Samples(why_not="No QA report of this version names the file it measured, so no row can be shown.")
    try:
        spec = shelf.spec.get("sensitivity") or {}
        obligations = parse_obligations(spec.get("obligations") or ())
    except ObligationError:
        return Samples(why_not="An obligation of the spec can't be read, so nothing is shown that it may hide.")
    mask = partial(masked, label=decisions.label_facts().get(label), obligations=obligations)
    return _read(digest, report, mask)


def _read(digest: str, report: Mapping[str, Any], mask: Callable[..., Any]) -> Samples:
    try:
        stat = console_store().stat(digest)
        if stat is None:
            return Samples(why_not="The measured file is not in the store.")
        if stat.size > MOST_BYTES:
            return Samples(why_not="The measured file is too large to open here. Fetch it from the version's files.")
        with tempfile.TemporaryDirectory(prefix="kfm-sample-", dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
            path = Path(directory) / "measured.parquet"
            console_store().fetch_to(digest, path)
            rows = samples(path, report, mask=mask)
            return Samples(rows, inbox_map.with_rows(failing_geometries(path, report, mask=mask), rows))
    except StoreError:
        return Samples(why_not="The store can't give the measured file now. Try again, or ask an operator.")
    except (OSError, pa.ArrowInvalid, ValueError, KeyError):
        return Samples(why_not="The measured file or its report can't be read. An operator can run the checks again.")


def _reasons(case: QuarantineCase) -> tuple[Reasons, ...]:
    """All findings by gate, the gate that decides first; a reviewer's reason stands in where no gate found anything."""
    by_gate: dict[str, list[Mapping[str, Any]]] = {}
    for finding in case.findings:
        by_gate.setdefault(str(finding.get("clause", ""))[:1], []).append(finding)
    letters: Sequence[str] = sorted(by_gate, key=lambda letter: (letter != case.gate, letter))
    return tuple(
        Reasons(letter, gates.NAMES.get(letter, letter), letter == case.gate, tuple(by_gate[letter]))
        for letter in letters
    )


def _may(person: Person, case: QuarantineCase, now: datetime) -> dict[str, tuple[bool, str]]:
    """By act on the case itself: whether, and why not."""
    works, can = permissions.can(permissions.check_work_case, person, case.version), permissions.can
    found = {"comment": works}
    if case.resolution:
        return found
    held = can(permissions.check_not_held, person, case, now)
    holds = permissions.holder_of(case, now) == person.principal
    return found | {
        "claim": can(permissions.check_claim, person, case, now),
        "unclaim": (holds, "" if holds else "You do not hold this case."),
        "assign": held if works[0] else works,
        "plan": held if works[0] else works,
        "hand_over": can(permissions.check_hand_over, person, case, now),
    }


def _made(person: Person, case: QuarantineCase) -> DatasetVersion | None:
    """The version made under the derived spec from the same bytes, when there is one that *person* may know of."""
    if case.resolution not in {Resolution.DERIVED, Resolution.METADATA_ONLY} or case.derivative_spec_id is None:
        return None
    version = case.version
    made = enforcement.visible_versions(person, Action.DISCOVER).filter(
        dataset_id=version.dataset_id, spec_id=case.derivative_spec_id, inputs_digest=version.inputs_digest
    )
    return made.filter(slice=version.slice).select_related("dataset", "standing").first()
