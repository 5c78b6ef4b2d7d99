"""The checks of a validate run: measures the normalized bytes, sets failing records apart, tells what drifted.

Decides which other datasets a spec may refer to, and which copy of the report goes out. Never judges a threshold: gate
E does, anew. Keeps clauses C2 (a report lets out nothing that is hidden), E1 and E2 (failing records to quarantine).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import decisions
from datasets.models import Artifact, DatasetVersion, PolicyLabel, VersionArtifact
from datasets.policy.obligations import ObligationError
from datasets.policy.roles import Role
from datasets.quality.checks import Measured, check_raster, measure_checks, report_on
from datasets.quality.report import QualityReport
from datasets.quality.split import split_rows
from datasets.runs import NewFile, current_files
from datasets.steps.normalize import PARQUET, Normalized
from datasets.steps.workspace import Workspace
from datasets.stores import console_store, keep, read_document


@dataclass(frozen=True, slots=True)
class Checked:
    """``path`` and ``data``: the rows that go on, before obligations; ``files``: what was set apart, if anything.

    ``before``: the published version's report as it went out, where all readers of this version may read that one, and
    as it was made; ``None`` where there is none.
    """

    report: QualityReport
    path: Path
    data: Artifact
    files: tuple[NewFile, ...]
    before: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]

    def whole(self) -> QualityReport:
        """The report with everything in it, for those who review."""
        return _against(self.report, self.before[1])

    def released(self, version: DatasetVersion, columns: AbstractSet[str] | None) -> QualityReport:
        """The report that goes out: beside transformed data that have only *columns*, or (None) beside these very rows.

        It is set against the earlier report as that went out. Where people may read QA reports who may not read the
        data, it tells no value; where rows were set apart, no number that the spec's own SQL may have taken from them.
        """
        report = _against(self.report, self.before[0])
        if columns is not None:
            return report.beside(columns)
        if not _readers_of_reports_read_data(version.policy_label):
            return report.without_values()
        return report.without_numbers() if report.rows_quarantined else report


def check_rows(version: DatasetVersion, normalized: Normalized, spec: Mapping[str, Any], work: Workspace) -> Checked:
    """Measures every declared check on the normalized file and splits it; both parts are in the store afterwards.

    A raster has no rows: its checks are made on what its reader found, and nothing is set apart.
    """
    published = published_version(version)
    out, whole = _reports(published)
    if normalized.raster is None:
        report, path, data, files = _check(version, normalized, spec, published, out, work)
    else:
        report = check_raster(normalized.raster, spec=spec, artifact_digest=normalized.data.digest)
        path, data, files = normalized.path, normalized.data, ()
    work.listener.line(f"{len(report.checks)} checks made: {report.status}; {report.rows_quarantined} rows set apart.")
    open_ = published is not None and _readers_may_read(version.policy_label, published.policy_label)
    return Checked(report, path, data, files, (out if open_ else None, whole))


def _check(  # noqa: PLR0913 - what rows are checked against
    version: DatasetVersion,
    normalized: Normalized,
    spec: Mapping[str, Any],
    published: DatasetVersion | None,
    out: Mapping[str, Any] | None,
    work: Workspace,
) -> tuple[QualityReport, Path, Artifact, tuple[NewFile, ...]]:
    measured = measure_checks(
        normalized.path,
        spec=spec,
        rows_rejected=normalized.rows_rejected,
        previous_rows=_previous_rows(published, out),
        as_of=version.acquisition.acquired_at.date(),
        references=_references(version, spec, work),
    )
    path, data, files = _split(version, normalized, measured, work)
    report = report_on(
        measured,
        path,
        rows_rejected=normalized.rows_rejected,
        artifact_digest=data.digest,
        measured_digest=normalized.data.digest,
    )
    return replace(report, rows_repaired=normalized.rows_repaired), path, data, files


def _split(
    version: DatasetVersion, normalized: Normalized, measured: Measured, work: Workspace
) -> tuple[Path, Artifact, tuple[NewFile, ...]]:
    """The rows that go on, on disk and kept; and, where some don't, these and the file that was measured, as files."""
    if not len(measured.failing.union()):
        return normalized.path, normalized.data, ()
    passing, quarantined = (work.directory / name for name in ("passing.parquet", "quarantined.parquet"))
    split_rows(normalized.path, measured.failing, passing=passing, quarantined=quarantined)
    data, apart = (keep(path, media_type=PARQUET, at=work.at) for path in (passing, quarantined))
    return (
        passing,
        data,
        (
            NewFile(normalized.data, "work", "measured", work_path(version, "measured.parquet")),
            NewFile(apart, "work", "quarantined", work_path(version, "quarantined.parquet")),
        ),
    )


def work_path(version: DatasetVersion, name: str) -> str:
    """Where a version's own working file lies."""
    return f"work/{version.dataset.slug}/{version.version_id}/{name}"


def _against(report: QualityReport, before: Mapping[str, Any] | None) -> QualityReport:
    return report if before is None else report.against(before)


def _readers_of_reports_read_data(row: PolicyLabel | None) -> bool:
    """Whether nobody may read QA reports under this label who may not read the data; an unknown label: no."""
    return row is not None and set(row.qa_readers) <= set(row.readers)


def _readers_may_read(own: PolicyLabel | None, other: PolicyLabel | None) -> bool:
    """Whether whoever may read a version under *own* may read one of the same dataset under *other*."""
    return own is not None and other is not None and set(own.readers) <= set(other.readers)


def published_version(version: DatasetVersion) -> DatasetVersion | None:
    """The dataset's published version, other than *version*."""
    return (
        DatasetVersion.objects.filter(dataset=version.dataset, standing__state="PUBLISHED")
        .exclude(pk=version.pk)
        .select_related("policy_label")
        .first()
    )


def _reports(published: DatasetVersion | None) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The version's QA report as it went out, and as it was made (the same one where nothing was hidden)."""
    if published is None:
        return None, None
    files = {file.part: file for file in current_files(published)}
    released = _document(files.get("qa_report"))
    return released, _document(files.get("qa_report_whole")) or released


def _document(file: VersionArtifact | None) -> Mapping[str, Any] | None:
    return None if file is None else json.loads(read_document(file.artifact_id))


def _previous_rows(published: DatasetVersion | None, report: Mapping[str, Any] | None) -> int | None:
    """Rows measured for the published version, 0 when none is published; ``None`` when its report doesn't say."""
    if published is None:
        return 0
    rows = (report or {}).get("rows")
    return None if rows is None else int(rows) + int((report or {}).get("rows_quarantined", 0))


def _references(version: DatasetVersion, spec: Mapping[str, Any], work: Workspace) -> dict[str, Path]:
    """The released data of each dataset that the spec's checks refer to, where it may; absent, the check is an error.

    Asking whether a value is in other data is reading it, so only what all staff and all readers of this version may
    read can be referred to.
    """
    found = {}
    for slug in sorted(_referred(spec)):
        other = (
            DatasetVersion.objects.filter(dataset__slug=slug, standing__state="PUBLISHED")
            .select_related("policy_label")
            .first()
        )
        files = {f.part: f for f in current_files(other)} if other else {}
        data = files.get("data") if "raster" not in files else None
        if other is None or data is None or not _may_refer(version.policy_label, other.policy_label):
            continue
        found[slug] = work.directory / f"reference-{slug}.parquet"
        console_store().fetch_to(data.artifact_id, found[slug])
    return found


def _referred(spec: Mapping[str, Any]) -> set[str]:
    """The slugs that the spec's ``references`` checks name."""
    checks = (spec.get("validation") or {}).get("checks") or ()
    named = [
        {**(check.get("parameters") or {}), **check}.get("dataset")
        for check in checks
        if isinstance(check, Mapping) and check.get("name") == "references"
    ]
    return {slug for slug in named if isinstance(slug, str)}


def _may_refer(own: PolicyLabel | None, other: PolicyLabel | None) -> bool:
    if own is None or other is None:
        return False
    try:
        mine, theirs = decisions.facts_of(own), decisions.facts_of(other)
    except ObligationError:
        return False
    return {Role.CONTRIBUTOR.value, *mine.readers, *mine.qa_readers} <= set(theirs.readers)
