"""The runs that left a QA report, and which copy of it a person may read: as made, or as it went out.

Rights come from ``version_page.Opened``, which asks the policies; nothing here grants any. The report as made is for
those who may open what is not released. Everyone else reads the copy that went out with the run that counts now: an
earlier run's copy was made under an earlier label, and may tell what the label hides today. Keeps clause C2 on pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.canonical import StrictJsonError, parse_strict
from datasets.enforcement import visible_versions
from datasets.models import DatasetVersion, RunReceipt, VersionArtifact
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.stores import read_document
from datasets.zones.store import StoreError
from promotions.models import Release
from promotions.readers.version_page import INSIDERS, Opened
from promotions.shelf import Shelf

SHOWN_RUNS = 50
#: A larger report of a past run is not opened for the preview.
MOST_REPORT_BYTES = 1024 * 1024
PARTS = ("qa_report", "qa_report_whole", "measured", "quarantined", "normalized", "data", "rejects")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the checks. ``files``: by part; ``counts``: it is the run whose files are the version's now."""

    receipt: RunReceipt
    files: Mapping[str, VersionArtifact]
    counts: bool = False

    @property
    def number(self) -> int:
        """How addresses name the run: its receipt's entry in the ledger."""
        return self.receipt.ledger_index


@dataclass(frozen=True, slots=True)
class Copy:
    """One stored copy of a report. ``document``: ``None`` when it can't be read; ``told``: what the reader may know.

    ``whole``: it is the report as made; ``digest``: of the stored bytes; ``exact``: nothing was left out of ``told``.
    """

    digest: str
    whole: bool
    document: Mapping[str, Any] | None
    told: Mapping[str, Any] | None

    @property
    def exact(self) -> bool:
        return self.told is not None and self.told == self.document


def runs_of(version: DatasetVersion, shelf: Shelf) -> list[Run]:
    """The latest runs of the checks on *version*, newest first; two queries."""
    receipts = RunReceipt.objects.filter(version=version, operation="validate").order_by("-ledger_index")
    counting = {file.receipt_id for file in shelf.files}
    return _runs(list(receipts[:SHOWN_RUNS]), counting)


def _runs(receipts: Sequence[RunReceipt], counting: Iterable[str] = ()) -> list[Run]:
    files: dict[str, dict[str, VersionArtifact]] = {receipt.run_id: {} for receipt in receipts}
    for file in VersionArtifact.objects.filter(receipt__in=receipts, part__in=PARTS).select_related("artifact"):
        files[file.receipt_id][file.part] = file
    counting = set(counting)
    return [Run(receipt, files[receipt.run_id], receipt.run_id in counting) for receipt in receipts]


def copy_for(opened: Opened, run: Run) -> Copy | None:
    """The copy of the run's report that the reader may have; ``None`` when there is none for them."""
    inside = opened.inside and opened.download
    released = run.files.get("qa_report")
    file = run.files.get("qa_report_whole", released) if inside else released
    if file is None or not (inside or run.counts):
        return None
    document = read_report(file)
    told = document if document is None or knows_values(opened) else without_values(document)
    return Copy(file.artifact_id, file.part == "qa_report_whole" or inside, document, told)


def knows_values(opened: Opened) -> bool:
    """Whether the label lets the reader know values of the data, held back or not; who brought them in knows them."""
    label = opened.version.policy_label
    roles = opened.person.roles_on(opened.version.dataset_id) or {Role.PUBLIC}
    by_label = label is not None and bool({role.value for role in roles} & set(label.readers))
    knows = opened.download or (by_label and not opened.overtaken)
    return knows or opened.version.created_by == opened.person.principal


def read_report(file: VersionArtifact, most: int | None = None) -> dict[str, Any] | None:
    """The stored report, verified and strictly parsed; ``None`` for one that can't be read, or exceeds *most* bytes."""
    if most is not None and file.artifact.size_bytes > most:
        return None
    try:
        report = parse_strict(read_document(file.artifact_id))
    except (StoreError, StrictJsonError):
        return None
    return report if isinstance(report, dict) and isinstance(report.get("checks"), list) else None


def tab(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The version page's own look at the report that went out, with no value that the reader may not know."""
    digest = shelf.digest_of("qa_report")
    report = shelf.json(digest)
    if report is not None and not isinstance(report.get("checks"), list):
        report = None
    told = report if report is None or knows_values(opened) else without_values(report)
    return {"report": told, "report_digest": digest}


def tells_values(digest: str) -> bool:
    """Whether a stored report holds values of the data; one that can't be read is taken to."""
    try:
        report = parse_strict(read_document(digest))
    except (StoreError, StrictJsonError):
        return True
    if not isinstance(report, dict) or not isinstance(report.get("checks"), list):
        return True
    return report != without_values(report)


def without_values(report: Mapping[str, Any]) -> dict[str, Any]:
    """A stored report as ``QualityReport.without_values`` tells it: no distribution, extent or number of SQL's own."""
    drift = report.get("drift")
    told = {**report, "checks": [_without_value(check) for check in report["checks"]]}
    for name, nothing in (("distributions", []), ("extent", None)):
        if name in told:
            told[name] = nothing
    return {**told, "drift": {**drift, "extent": None}} if drift else told


def _without_value(check: Mapping[str, Any]) -> Mapping[str, Any]:
    if check["name"] != "custom_sql" or check.get("judges") == "rows" or check.get("value") is None:
        return check
    message = "The number that the spec's own query gave is withheld here."
    return {**check, "value": None, "withheld": True, "message": message}


@dataclass(frozen=True, slots=True)
class Past:
    """A run of any version of the dataset that the person may know of. ``released``: it is the one that was published.

    ``report``: with no value that the person may not know; ``None`` when it can't be read.
    """

    run: Run
    version: DatasetVersion
    released: bool
    report: Mapping[str, Any] | None


def past_runs(opened: Opened) -> list[Past]:
    """The dataset's latest runs whose QA reports the person may read, oldest first; a fixed number of queries."""
    person, dataset_pk = opened.person, opened.version.dataset_id
    readable = visible_versions(person, Action.READ_QA).filter(dataset_id=dataset_pk)
    receipts = (
        RunReceipt.objects.filter(operation="validate", version__in=readable.values("pk"))
        .select_related("version__dataset")
        .order_by("-ledger_index")
    )
    runs = _runs(list(receipts[:SHOWN_RUNS]))
    pks = {run.receipt.version_id for run in runs}
    opens = _opens(person, dataset_pk, pks)
    released = _released_reports(pks)
    return [_past(run, opens, released) for run in reversed(runs)]


def _past(run: Run, opens: set[int], released: set[tuple[int, str]]) -> Past:
    version = run.receipt.version
    may, out = version.pk in opens, run.files.get("qa_report")
    file = run.files.get("qa_report_whole", out) if may else out
    report = read_report(file, MOST_REPORT_BYTES) if file is not None else None
    went_out = out is not None and (version.pk, out.artifact_id) in released
    return Past(run, version, went_out, report if may or report is None else without_values(report))


def _opens(person: Person, dataset_pk: int, pks: set[int]) -> set[int]:
    """Those of the versions whose unreleased files *person* opens, as ``Opened.may_open`` decides for one."""
    roles = person.roles_on(dataset_pk)
    rows = visible_versions(person, Action.DOWNLOAD).filter(pk__in=pks).values_list("pk", "created_by")
    return {pk for pk, by in rows if INSIDERS & roles or (roles and by == person.principal)}


def _released_reports(pks: set[int]) -> set[tuple[int, str]]:
    """Version and digest of every QA report that a promotion manifest names."""
    rows = Release.objects.filter(version_id__in=pks).values_list("version_id", "manifest")
    return {(pk, str(json.loads(manifest).get("qa", {}).get("report_digest"))) for pk, manifest in rows}
