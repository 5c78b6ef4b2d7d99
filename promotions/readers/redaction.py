"""The redaction plan of a version: each obligation as planned, applied and verified, and what changed by it.

Every state comes from what was recorded: the spec and the label, the redact run's receipt and transform log, and the
verification of exactly the bytes that lie ready. A log or a verification of other bytes counts for nothing. Decides no
right: what was there before is told to those whom the policies let open those very bytes. Keeps clause C2 on pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datasets import decisions
from datasets.catalogs.released_parts import DATA_PARTS
from datasets.models import RunReceipt, VersionArtifact
from datasets.policy.obligation_words import displaced, metres, sentence
from datasets.policy.obligations import (
    TRANSFORMING,
    Obligation,
    ObligationError,
    ObligationKind,
    parse_obligations,
    satisfies,
)
from datasets.steps.validate import required_obligations
from promotions.readers.version_page import Opened, extent_words
from promotions.shelf import Shelf

_CARRIED = frozenset({ObligationKind.REQUIRE_ATTRIBUTION, ObligationKind.SHOW_NOTICE})
_NOT_APPLICABLE = "obligation_not_applicable"
WHO = (
    "What was there before is shown to reviewers, stewards and operators of this dataset, and to who brought it in, "
    "where the label lets them open these bytes."
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of one obligation. ``state``: a shape's name; ``at``: when its evidence was recorded."""

    state: str
    words: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    sentence: str
    planned: Stage
    applied: Stage
    verified: Stage


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the version's records say of the redaction; ``None`` where there is no such record of these very bytes."""

    shelf: Shelf
    log: Mapping[str, Any] | None
    run: RunReceipt | None
    document: Mapping[str, Any] | None
    stale: bool
    reports: tuple[tuple[VersionArtifact, Mapping[str, Any]], ...]

    @property
    def refused(self) -> Mapping[str, Any] | None:
        """The finding that says why the obligations could not be applied."""
        findings = [finding for _, report in self.reports for finding in report.get("findings") or ()]
        return next((finding for finding in findings if finding.get("code") == _NOT_APPLICABLE), None)


def recorded(shelf: Shelf) -> Recorded:
    """The redact run whose input and output are the bytes that lie here now, and the verifications of that output."""
    log_file, data, before = (shelf.part(name) for name in ("transform_log", "data", "normalized"))
    log = shelf.json(log_file.artifact_id) if log_file else None
    run = shelf.receipts.get("redact")
    document = shelf.json(run.document_id) if run else None
    ours = log_file is not None and run is not None and log_file.receipt_id == run.run_id
    if not (ours and document and data and before and _joins(document, before.artifact_id, data.artifact_id)):
        return Recorded(shelf, None, None, None, log is not None, _reports(shelf, data or before))
    return Recorded(shelf, log, run, document, stale=False, reports=_reports(shelf, data))


def _joins(document: Mapping[str, Any], taken: str, made: str) -> bool:
    """Whether the receipt says that the run made *made* of *taken*."""
    return taken in {i["digest"] for i in document["inputs"]} and made in {o["digest"] for o in document["outputs"]}


def _reports(shelf: Shelf, data: VersionArtifact | None) -> tuple[tuple[VersionArtifact, Mapping[str, Any]], ...]:
    """The verifications of the bytes that lie ready, the catalogs' first."""
    found = []
    for name in ("catalog_verification", "verification"):
        file = shelf.part(name)
        report = shelf.json(file.artifact_id) if file else None
        if file and report and data and report.get("verified_digest") == data.artifact_id:
            found.append((file, report))
    return tuple(found)


def rows(opened: Opened, shelf: Shelf, seen: Recorded) -> list[Row]:
    """What label and spec require, and how far each has come."""
    planned, faults = required_obligations(opened.version, shelf.spec)
    if faults:
        unread = Stage("error", "could not check")
        return [Row(f"Can't be read: {fault.message}", unread, unread, unread) for fault in faults]
    withheld = any(item.kind is ObligationKind.METADATA_ONLY for item in planned)
    return [_row(opened, item, seen, withheld=withheld) for item in planned]


def _row(opened: Opened, item: Obligation, seen: Recorded, *, withheld: bool) -> Row:
    planned = Stage("pass", _required_by(opened, seen.shelf, item), seen.shelf.version.created_at)
    if withheld and item.kind in TRANSFORMING:
        void = Stage("not_run", "not needed: no bytes go out")
        return Row(sentence(item), planned, void, void)
    return Row(sentence(item), planned, _applied(item, seen), _verified(item, seen))


def _required_by(opened: Opened, shelf: Shelf, item: Obligation) -> str:
    label = opened.version.policy_label
    try:
        of_label = decisions.facts_of(label).default_obligations if label else ()
        of_spec = parse_obligations((shelf.spec.get("sensitivity") or {}).get("obligations") or ())
    except ObligationError:
        return "by whom can't be read"
    by = [name for name, group in (("the label", of_label), ("the spec", of_spec)) if _among(item, group)]
    return f"by {' and '.join(by)}"


def _among(item: Obligation, group: Sequence[Obligation]) -> bool:
    return any(satisfies(item, other) for other in group)


def _applied(item: Obligation, seen: Recorded) -> Stage:
    shelf = seen.shelf
    if item.kind is ObligationKind.METADATA_ONLY:
        return _withheld(shelf)
    if item.kind in _CARRIED:
        built = shelf.receipts.get("catalog")
        return Stage("pass", "in the catalogs", built.created_at) if built else Stage("not_run", "not yet")
    if seen.log is not None and seen.run is not None and item.as_json() in (seen.log.get("obligations") or ()):
        return Stage("pass", "applied", seen.run.created_at)
    if seen.refused:
        return Stage("block", "can't be applied")
    return Stage("error", "recorded of other bytes than lie here") if seen.stale else Stage("not_run", "not yet")


def _withheld(shelf: Shelf) -> Stage:
    checked = shelf.receipts.get("validate")
    if checked is None:
        return Stage("not_run", "not yet")
    if shelf.parts(DATA_PARTS):
        return Stage("block", "bytes lie ready to go out")
    return Stage("pass", "no bytes lie ready to go out", checked.created_at)


def _verified(item: Obligation, seen: Recorded) -> Stage:
    """By the latest report that was asked about the obligation; words in catalogs only by the catalogs' own."""
    wire = item.as_json()
    asked = [
        (file, report)
        for file, report in seen.reports
        if wire in (report.get("obligations") or ()) and (item.kind not in _CARRIED or file.part != "verification")
    ]
    if not asked:
        return Stage("not_run", "not yet")
    file, report = asked[0]
    if report.get("findings"):
        return Stage("block", "not as owed", file.receipt.created_at)
    return Stage("pass", "verified on the output", file.receipt.created_at)


def page(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``redaction/plan.html``."""
    seen = recorded(shelf)
    before = shelf.part("normalized")
    shown = before is not None and opened.may_open(before)
    listed = rows(opened, shelf, seen)
    return {
        "rows": listed,
        "summary": _summary(listed),
        "transforms": any(f.part == "transform_log" for f in shelf.files) or seen.refused is not None,
        "refused": seen.refused if opened.works else None,
        "findings": [f for _, report in seen.reports[:1] for f in report.get("findings") or ()] if opened.works else (),
        "displaced": displaced((seen.log or {}).get("generalization")),
        "changes": _changes(opened, seen, before if shown else None),
        "after": _after(opened, shelf),
        "before": shown and seen.log is not None,
        "before_extent": _extent(_whole_extent(shelf)) if shown else "",
        "who": WHO,
        "receipt": seen.run,
        "evidence": _evidence(opened, seen),
    }


def _summary(listed: Sequence[Row]) -> tuple[str, str]:
    """A notice's tone and its sentence: the worst that any obligation stands at."""
    states = {stage.state for row in listed for stage in (row.planned, row.applied, row.verified)}
    if not listed:
        return "", "Neither the label nor the spec asks for anything."
    if "error" in states:
        return "block", "The plan can't be checked, so nothing may be published on it."
    if "block" in states:
        return "block", "An obligation is not met, so this version can't be published as it is."
    if all(row.verified.state == "pass" or row.verified.words.startswith("not needed") for row in listed):
        return "pass", "Every obligation is applied, and verified on the very bytes that go out."
    return "", "The plan is not through yet: what is not verified counts as not done."


def _changes(opened: Opened, seen: Recorded, before: VersionArtifact | None) -> list[tuple[str, str]]:
    """Rows, columns and extent, before and after; nothing of what was before for who may not open it."""
    log = seen.log
    if log is None or before is None or not opened.inside:
        return []
    left_out = int(log["rows_in"]) - int(log["rows_out"])
    rows_said = f"{log['rows_in']:,} before, {log['rows_out']:,} after"
    rows_said += f": {left_out:,} left out with {log['suppressed_groups']:,} small groups" if left_out else ""
    found = [("Rows", rows_said)]
    if log.get("columns_in"):
        found.append(("Columns", _columns(log)))
    was, now = _whole_extent(seen.shelf), log.get("bbox_out")
    if was and now:
        found.append(("Extent", f"{_extent(was)} before; {_extent(now)} after"))
        found.append(("Its sides moved by", _moved(was, now)))
    return found


def _columns(log: Mapping[str, Any]) -> str:
    said = f"{log['columns_in']} before, {log['columns_out']} after"
    if log.get("removed_columns"):
        said += f"; removed: {', '.join(log['removed_columns'])}"
    if log.get("added_columns"):
        said += f"; added: {', '.join(log['added_columns'])}"
    return said


def _whole_extent(shelf: Shelf) -> Sequence[float] | None:
    """Where the data lay before, as the QA report for those inside has it."""
    report = shelf.json(shelf.digest_of("qa_report_whole")) or shelf.json(shelf.digest_of("qa_report")) or {}
    extent = report.get("extent")
    return extent if isinstance(extent, list) and len(extent) in {4, 6} else None


def _extent(box: Sequence[float] | None) -> str:
    return extent_words(box) if box else ""


def _moved(was: Sequence[float], now: Sequence[float]) -> str:
    """Each side in metres, roughly: a degree of latitude is 111 km, of longitude as much as at the box's middle."""
    middle = (was[1] + was[len(was) // 2 + 1]) / 2
    across = 111_320 * max(0.01, 1 - (middle / 90) ** 2)  # near enough for a figure in words
    sides = zip(("west", "south", "east", "north"), _four(was), _four(now), strict=True)
    told = [f"{name} {metres(abs(b - a) * (across if name in {'west', 'east'} else 111_320))}" for name, a, b in sides]
    return ", ".join(told)


def _four(box: Sequence[float]) -> tuple[float, float, float, float]:
    half = len(box) // 2
    return box[0], box[1], box[half], box[half + 1]


def _after(opened: Opened, shelf: Shelf) -> dict[str, Any] | None:
    """The map of what goes out, where the reader may have bytes."""
    preview = shelf.part("preview") if opened.download else None
    if preview is None:
        return None
    item = shelf.json(shelf.digest_of("stac_item")) or {}
    box = item.get("bbox")
    return {"bbox": ",".join(f"{n:g}" for n in _four(box)) if box else "", "extent": _extent(box)}


def _evidence(opened: Opened, seen: Recorded) -> list[dict[str, Any]]:
    """The documents behind the states, for who works here; their digests alone are on the receipts' page."""
    if not opened.works:
        return []
    found = [{"words": f"Verification ({f.receipt.operation} run)", "digest": f.artifact_id} for f, _ in seen.reports]
    log = seen.shelf.part("transform_log")
    if seen.run is None or seen.document is None or log is None:
        return found
    prov = seen.shelf.json(seen.shelf.digest_of("prov")) or {}
    activity = any(node.get("@id") == seen.run.run_id for node in prov.get("@graph") or ())
    return [
        {"words": "Run receipt", "digest": seen.run.document_id},
        {"words": "Transform log", "file": log, "open": opened.may_open(log)},
        *found,
        {"words": "Parameters, digest", "text": seen.document["environment"].get("params_digest")},
        {"words": "Activity in PROV", "text": seen.run.run_id if activity else "", "missing": not activity},
    ]
