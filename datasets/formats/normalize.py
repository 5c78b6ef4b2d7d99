"""Turns one upstream file into one GeoParquet file, or keeps it as it is when it is a Cloud-Optimized GeoTIFF.

Decides what the file is from its bytes, and which way it is read: record by record, as text in blocks, as typed
batches, or not at all (a raster). Never holds the file in memory, never repairs a record unless the spec says so, never
keeps part of a broken file: on any error there is no target. The same bytes and spec give the same bytes (clause A1);
failing records are counted and set apart (clause E2).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets.formats.contents import Contents, find_contents
from datasets.formats.csv_lane import normalize_csv
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.instructions import instructions
from datasets.formats.job import Job, Outcome, Progress
from datasets.formats.preview import draw
from datasets.formats.raster import keep_raster
from datasets.formats.record_lane import RECORD_FORMATS, normalize_records
from datasets.formats.reference_systems import crs_name, crs_of
from datasets.formats.result import NormalizeResult, Rejects
from datasets.formats.selection import declared
from datasets.formats.typed_lane import normalize_typed

__all__ = ["NormalizeResult", "Progress", "normalize"]


def normalize(  # noqa: PLR0913 - each path is the caller's to choose
    source: Path,
    *,
    spec: Mapping[str, Any],
    target: Path,
    rejects: Path,
    progress: Progress,
    preview: Path | None = None,
    limits: Limits | None = None,
) -> NormalizeResult:
    """Write *source* as GeoParquet 1.1 to *target*, refused records to *rejects* (JSON lines).

    A Cloud-Optimized GeoTIFF goes to *target* unchanged. ``progress`` is called with units done and units in all.
    ``preview``: where a simplified GeoJSON of at most 300 KB goes. Archives are unpacked beside the target, into a
    directory that is gone afterwards. Raises ``UnreadableSource`` for a file that can't be trusted as a whole; then
    there is no target.
    """
    wanted, told = declared(spec), instructions(spec)
    crs_of(told.crs, "spec /normalization/crs")
    bounds = limits or Limits()
    done = False
    try:
        with TemporaryDirectory(prefix=".normalize-", dir=target.parent) as folder, rejects.open("wb") as stream:
            scratch = Path(folder)
            job = Job(wanted, told, target, scratch, Rejects(stream), progress, bounds)
            result = _normalize(find_contents(source, told, scratch, bounds), job, preview)
        done = True
    finally:
        if not done:
            target.unlink(missing_ok=True)
    return result


def _normalize(contents: Contents, job: Job, preview: Path | None) -> NormalizeResult:
    first = contents.parts[0]
    if first.format == "tiff":
        kept = keep_raster(first, job, contents.members)
        if preview is not None:
            preview.write_bytes(b"")
        return kept
    if first.format in RECORD_FORMATS:
        outcome = normalize_records(contents.parts, job)
    elif first.format == "csv":
        outcome = normalize_csv(contents.parts, job)
    else:
        outcome = normalize_typed(first, job)
    if not outcome.rows_written:
        message = f"None of the {outcome.rows_read} records can be kept."
        raise UnreadableSource("no_valid_records", "records", message, "Read the rejects file, then mend the source.")
    picture = draw(job.target) if preview is not None else b""
    if preview is not None:
        preview.write_bytes(picture)
    return _result(first.format, contents, outcome, job, len(picture))


def _result(source_format: str, contents: Contents, outcome: Outcome, job: Job, preview_bytes: int) -> NormalizeResult:
    described = [{"name": name, "type": kind} for name, kind in outcome.columns.items()]
    if outcome.geometry is not None:
        described.append({"name": outcome.geometry, "type": "geometry"})
    placer = outcome.placer
    return NormalizeResult(
        source_format=source_format,
        rows_read=outcome.rows_read,
        rows_written=outcome.rows_written,
        rows_rejected=job.rejects.by_code.total(),
        columns=tuple(described),
        geometry_column=outcome.geometry,
        geometry_types=tuple(sorted(placer.tally.types)) if placer else (),
        bbox=placer.bbox() if placer else None,
        vertices=placer.tally.vertices if placer else 0,
        rejected_by_code=dict(sorted(job.rejects.by_code.items())),
        preview_bytes=preview_bytes,
        kind="table" if outcome.geometry is None else "vector",
        source_crs=crs_name(placer.source) if placer else None,
        rows_repaired=placer.tally.repaired if placer else 0,
        measures_dropped=placer.tally.measures_dropped if placer else 0,
        layer=outcome.layer,
        members=contents.members,
    )
