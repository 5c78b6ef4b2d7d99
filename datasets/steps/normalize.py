"""The normalize step: the verified source becomes GeoParquet, and the unreadable becomes rejects with reasons.

A Cloud-Optimized GeoTIFF goes on as it is, with the facts that its reader found.

Decides nothing of quality. What no one can use is refused with ``UnreadableSource``, and so is what costs too much or
ends its reader: the reader is a process of its own, the worker goes on. The validate run records what was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.formats.errors import Limits
from datasets.formats.isolated import MIB, Bounds, Usage, normalize_isolated
from datasets.models import Artifact, DatasetVersion
from datasets.steps.workspace import Workspace
from datasets.stores import console_store, keep

PARQUET = "application/vnd.apache.parquet"
#: What reading one source may cost the worker.
BOUNDS = Bounds()
#: Row groups small enough that several stages of writing one stay within ``BOUNDS``.
LIMITS = Limits(batch_bytes=8 * MIB)


@dataclass(frozen=True, slots=True)
class Normalized:
    """The normalized file and its rejects on disk, what was counted, and both as kept.

    ``rows_repaired``: geometries mended because the spec says so. ``raster``: for a raster, what
    ``NormalizeResult.raster`` says, with its ``bbox`` and ``media_type``.
    """

    path: Path
    data: Artifact
    rejects: Artifact
    rows_rejected: int
    rows_repaired: int
    raster: dict[str, Any] | None = None


def normalize_source(version: DatasetVersion, work: Workspace) -> Normalized:
    """Fetches the verified source and writes GeoParquet. Raises ``UnreadableSource`` for a file no one can use."""
    source, target, rejects = (work.directory / name for name in ("source", "data.parquet", "rejects.jsonl"))
    console_store().fetch_to(version.acquisition.source_id, source)
    found = normalize_isolated(
        source,
        spec=json.loads(version.spec.canonical),
        target=target,
        rejects=rejects,
        progress=work.listener.progress,
        limits=LIMITS,
        bounds=BOUNDS,
        observe=lambda usage: work.listener.line(_cost(usage)),
    )
    source.unlink()
    if found.raster is None:
        counted = f"{found.rows_written} of {found.rows_read} records written; {found.rows_rejected} rejected."
        if found.rows_repaired:
            counted += f" The geometry of {found.rows_repaired} was repaired, as the spec says."
    else:
        counted = f"A sound Cloud-Optimized GeoTIFF with {len(found.raster['bands'])} band(s); it stays as it is."
    work.listener.line(counted)
    if not rejects.exists():
        rejects.touch()
    return Normalized(
        target,
        keep(target, media_type=found.media_type, at=work.at),
        keep(rejects, media_type="application/x-ndjson", at=work.at),
        found.rows_rejected,
        found.rows_repaired,
        None if found.raster is None else {**found.raster, "bbox": found.bbox, "media_type": found.media_type},
    )


def _cost(usage: Usage) -> str:
    peak = "an unknown amount" if usage.peak_bytes is None else f"{usage.peak_bytes // MIB} MiB"
    return f"The reader ran for {usage.seconds:.1f} s in a process of its own and used {peak} of memory."
