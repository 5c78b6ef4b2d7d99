"""What the recovery pages show: which catalogs drifted from their facts, in what, and whether every link holds.

Shows a version's catalogs to those who may read them and work on its dataset, and nothing to anyone else. Decides
nothing: ``drift`` compared, ``recoverable`` says how far a version may be mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from audit.canonical import parse_object
from datasets.catalogs.cross_links import RULES
from datasets.catalogs.document_diff import DiffLine, FieldChange, facts_behind, field_changes, unified
from datasets.enforcement import visible_versions
from datasets.errors import Refused
from datasets.models import DatasetVersion, DriftCheck, DriftOutcome, VersionArtifact
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.steps.linking import PART
from datasets.stores import read_whole
from promotions import permissions, requests
from promotions.models import Job
from promotions.readers.people import holders, who_can
from promotions.readers.run_list import visible_jobs
from promotions.recoverable import ANEW, WATCHED, check_recoverable
from promotions.states import State

HISTORY = 20
MOST_FIELDS = 40
MOST_LINKS = 30
#: A version looked at longer ago than this is told: every one is due within a day.
LATE = timedelta(days=1)
#: Outcome to shape, word and sentence; "" is a version that was never looked at.
WORDS: Mapping[str, tuple[str, str, str]] = {
    DriftOutcome.SAME: (
        "pass",
        "as recorded",
        "Rebuilt from the recorded facts, every file comes out as it is stored.",
    ),
    DriftOutcome.DRIFTED: ("block", "drifted", "Rebuilt from the recorded facts, files do not come out as stored."),
    DriftOutcome.NOT_CHECKED: ("error", "not checked", "The catalogs could not be rebuilt, so nothing is known."),
    "": ("not_run", "not looked at yet", "The first look is due within a day."),
}
_STORED = {
    "whole": "whole",
    "restored": "put back",
    "damaged": "damaged",
    "gone": "gone",
}
_VERDICTS = {
    "same": "comes out the same",
    "differs": "comes out otherwise",
    "missing": "was never recorded",
    "not_rebuilt": "not made of facts",
}


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One document that comes out otherwise. ``lines``: unified, *recorded* to *rebuilt*; ``cut``: there are more."""

    path: str
    facts: list[str]
    fields: list[FieldChange]
    more_fields: int
    lines: list[DiffLine]
    cut: bool


def watched(person: Person) -> QuerySet[Any]:
    """The versions under watch that *person* may read and works on, with their latest check."""
    mine = Q() if person.roles else Q(dataset__in=list(person.grants))
    latest = DriftCheck.objects.filter(version=OuterRef("pk")).order_by("-pk")
    return (
        visible_versions(person, Action.READ)
        .filter(mine, standing__state__in=[state.value for state in WATCHED])
        .annotate(checked_at=Subquery(latest.values("at")[:1]), outcome=Subquery(latest.values("outcome")[:1]))
    )


def rows(person: Person, show: str) -> QuerySet[Any]:
    """The list: what drifted first, then what could not be checked, then the longest not looked at."""
    order = Case(
        When(outcome=DriftOutcome.DRIFTED, then=Value(0)),
        When(outcome=DriftOutcome.NOT_CHECKED, then=Value(1)),
        When(outcome=None, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    found = watched(person).select_related("dataset", "standing", "policy_label")
    if show == "drifted":
        found = found.exclude(Q(outcome=None) | Q(outcome=DriftOutcome.SAME))
    return found.order_by(order, F("checked_at").asc(nulls_first=True), "pk")


def freshness(person: Person, now: datetime) -> dict[str, Any]:
    """How many catalogs *person* may know of are as recorded, drifted, not checked, or late; in words too."""
    counted = watched(person).aggregate(
        total=Count("pk"),
        drifted=Count("pk", filter=Q(outcome=DriftOutcome.DRIFTED)),
        unchecked=Count("pk", filter=Q(outcome=DriftOutcome.NOT_CHECKED)),
        late=Count("pk", filter=Q(checked_at=None) | Q(checked_at__lt=now - LATE)),
    )
    return {**counted, **_sentence(counted)}


def _sentence(counted: Mapping[str, int]) -> dict[str, str]:
    total, drifted, unchecked, late = (counted[name] for name in ("total", "drifted", "unchecked", "late"))
    if drifted or unchecked:
        parts = [f"{drifted} drifted"] if drifted else []
        parts += [f"{unchecked} could not be checked"] if unchecked else []
        return {"tone": "block" if drifted else "error", "sentence": f"Of {total} catalogs, {' and '.join(parts)}."}
    if late:
        was = "was" if late == 1 else "were"
        return {"tone": "not_run", "sentence": f"Of {total} catalogs, {late} {was} not looked at within the last day."}
    if not total:
        return {"tone": "not_run", "sentence": "No catalogs yet that you work on."}
    one = (
        "The one catalog is as its facts make it."
        if total == 1
        else f"All {total} catalogs are as their facts make them."
    )
    return {"tone": "pass", "sentence": one}


def state_of(version: DatasetVersion) -> DriftCheck | None:
    """The latest check of *version*."""
    return DriftCheck.objects.filter(version=version).order_by("-pk").first()


def page(version: DatasetVersion, person: Person) -> dict[str, Any]:
    """The values of ``recovery/version.html``."""
    checks = list(DriftCheck.objects.filter(version=version).order_by("-pk")[:HISTORY])
    last = checks[0] if checks else None
    report = _document(last.report_id) if last else None
    shape, word, sentence = WORDS[last.outcome if last else ""]
    state, files = State(version.standing.state), (report or {}).get("files", [])
    if last is None and state not in WATCHED:
        sentence = f"A version that is {state} is not looked at on schedule; a recovery looks at it."
    why_not = _why_not(version, person, state)
    running = Job.objects.filter(version=version, state__in=requests.LIVE).order_by("pk").first()
    return {
        "version": version,
        "last": last,
        "shape": shape,
        "word": word,
        "sentence": sentence,
        "checks": [
            {"check": check, "shape": WORDS[check.outcome][0], "word": WORDS[check.outcome][1]} for check in checks
        ],
        "causes": (report or {}).get("causes", []),
        "files": [_file(row) for row in files],
        "nothing_lost": bool(files) and not any(_is_lost(row) for row in files),
        "not_rebuilt": [_file(row)["name"] for row in files if row["verdict"] == "not_rebuilt" and _is_lost(row)],
        "diffs": _diffs(report) if last and last.outcome == DriftOutcome.DRIFTED else [],
        "links": _links(version),
        "anew": state in ANEW,
        "served": state is State.PUBLISHED,
        "why_not": why_not,
        "who_can": who_can(holders(version.dataset_id), requests.REBUILDS) if why_not else "",
        "running": running,
        "running_seen": running is not None and visible_jobs(person).filter(pk=running.pk).exists(),
    }


def _why_not(version: DatasetVersion, person: Person, state: State) -> str:
    if permissions.role_for(person, requests.REBUILDS, version) is None:
        return "Only an operator recovers catalogs."
    try:
        check_recoverable(state)
        requests.check_rebuild(version)
    except Refused as refusal:
        return refusal.message
    return ""


def _document(digest: str | None) -> dict[str, Any] | None:
    return parse_object(read_whole(digest))


def _file(row: Mapping[str, Any]) -> dict[str, Any]:
    verdict = "made of the data; hashed only" if row["part"] == "preview" else ""
    sound = row["verdict"] in {"same", "not_rebuilt"} and not _is_lost(row)
    path = str(row["path"])
    return {
        "name": f"receipt of {path}" if row["part"] == "receipt" else path.rsplit("/", 1)[-1],
        "path": path,
        "digest": row["recorded_digest"],
        "stored": _STORED[row["stored"]],
        "verdict": (verdict if row["verdict"] == "not_rebuilt" else "") or _VERDICTS[row["verdict"]],
        "sound": sound,
    }


def _is_lost(row: Mapping[str, Any]) -> bool:
    return row["stored"] not in {"whole", "restored"}


def _diffs(report: Mapping[str, Any] | None) -> list[FileDiff]:
    found = []
    for row in (report or {}).get("files", []):
        if row["verdict"] != "differs":
            continue
        recorded, rebuilt = read_whole(row["recorded_digest"]), read_whole(row["rebuilt_digest"])
        if recorded is None or rebuilt is None:
            continue
        lines, cut = unified(recorded, rebuilt)
        fields = field_changes(recorded, rebuilt)
        more = max(0, len(fields) - MOST_FIELDS)
        found.append(FileDiff(row["path"], facts_behind(fields), fields[:MOST_FIELDS], more, lines, cut))
    return found


def link_report_file(version: DatasetVersion) -> VersionArtifact | None:
    """The newest link-integrity report: a catalog run's, or a recovery's after it."""
    found = VersionArtifact.objects.filter(version=version, part=PART).select_related("artifact", "receipt")
    return found.order_by("-pk").first()


def _links(version: DatasetVersion) -> dict[str, Any] | None:
    """The newest link report in short; ``None`` where none was ever made."""
    file = link_report_file(version)
    if file is None:
        return None
    report = _document(file.artifact_id)
    if report is None:
        return {"file": file, "unread": True}
    broken = [link for link in report["links"] if link["verdict"] == "broken"]
    return {
        "file": file,
        "status": report["status"],
        "shape": {"pass": "pass", "fail": "block"}.get(report["status"], "error"),
        "counts": report["counts"],
        "broken": [{**link, "rule": RULES.get(link["kind"], link["kind"])} for link in broken[:MOST_LINKS]],
        "more": max(0, len(broken) - MOST_LINKS),
        "findings": report["findings"][:MOST_LINKS],
        "orphans": report["orphans"],
    }
