"""Failing rows and failing geometries of one run's measured file, masked by the version's label, for one page.

Only for those who may open what is not released; the mask then holds for them as well. A file that is too large, gone,
damaged or unreadable is said so. Decides no right and no mask. Keeps clause C2 on pages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings

from datasets import decisions
from datasets.policy.obligations import ObligationError, parse_obligations
from datasets.quality.measures import NotMeasurable
from datasets.quality.samples import Sample, failing_geometries, masked, samples
from datasets.stores import console_store
from datasets.zones.store import StoreError
from promotions.readers.quality_runs import Run
from promotions.readers.version_page import Opened
from promotions.shelf import Shelf

#: A larger measured file is not opened for a page.
MOST_BYTES = 64 * 1024 * 1024
_HIDDEN = "(withheld)"
_FARTHEST_EAST, _FARTHEST_NORTH = 180.0, 85.0
WHO = (
    "Rows are shown to reviewers, stewards and operators of this dataset and to who brought the version in, "
    "where the label lets its bytes be opened."
)
NOT_NOW = (
    "The bytes of this version are not open to you now: it is held back, or its label is not open to your role. "
    "A reviewer or steward who may open them sees the rows here."
)
Mask = Callable[[Sample], Sample]


@dataclass(frozen=True, slots=True)
class Rows:
    """``rows``: by row number, masked; ``geometries``: a FeatureCollection; ``why_not``: why there is nothing."""

    rows: Mapping[int, Mapping[str, Any]]
    geometries: Mapping[str, Any] | None = None
    why_not: str = ""


def mask_of(opened: Opened, shelf: Shelf) -> Mask:
    """How a row of the version is masked. Obligations that can't be read let nothing through."""
    name = opened.version.policy_label_id or decisions.UNLABELLED
    label = decisions.label_facts().get(name)
    try:
        obligations = parse_obligations((shelf.spec.get("sensitivity") or {}).get("obligations") or ())
    except ObligationError:
        label, obligations = None, ()
    return partial(masked, label=label, obligations=obligations)


def hidden_columns(mask: Mask, names: list[str]) -> frozenset[str]:
    """The columns whose values the mask withholds from a row that is shown; all, where no row is shown at all."""
    shown = mask(Sample(1, (), dict.fromkeys(names, ""))).values
    return frozenset(name for name in names if shown.get(name, _HIDDEN) == _HIDDEN)


def rows_of(opened: Opened, run: Run, report: Mapping[str, Any] | None, mask: Mask) -> Rows:
    """The failing rows that the report names, and where they lie."""
    if not (opened.inside and opened.download):
        return Rows({}, why_not=NOT_NOW if opened.inside else WHO)
    digest = (report or {}).get("measured_digest")
    file = next((file for file in run.files.values() if file.artifact_id == digest), None)
    if report is None or file is None:
        return Rows({}, why_not="The report names no measured file of this run, so no row can be shown.")
    if not (any(check["sample_rows"] for check in report["checks"]) or report.get("failing_geometry_rows")):
        return Rows({}, {"type": "FeatureCollection", "features": []})
    if file.artifact.size_bytes > MOST_BYTES:
        return Rows({}, why_not="The measured file is too large to open here. Fetch it from the version's files.")
    return _opened(file.artifact_id, report, mask)


def _opened(digest: str, report: Mapping[str, Any], mask: Mask) -> Rows:
    try:
        return _read(digest, report, mask)
    except StoreError:
        return Rows({}, why_not="The store can't give the measured file now. Try again, or ask an operator.")
    except (OSError, pa.ArrowInvalid, NotMeasurable, ValueError, KeyError):
        return Rows({}, why_not="The measured file can't be read. An operator can run the checks again.")


def _read(digest: str, report: Mapping[str, Any], mask: Mask) -> Rows:
    with tempfile.TemporaryDirectory(prefix="kfm-quality-", dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
        path = Path(directory) / "measured.parquet"
        console_store().fetch_to(digest, path)
        shown = samples(path, report, mask=mask)
        return Rows({row["row"]: row for row in shown}, failing_geometries(path, report, mask=mask))


def drawable(collection: Mapping[str, Any]) -> dict[str, Any]:
    """The features that a map can draw: what lies off the globe is told in the table, and not drawn."""
    features = [one for one in collection["features"] if _on_globe(points_of(one["geometry"]))]
    return {"type": "FeatureCollection", "features": features}


def points_of(geometry: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Every position of a GeoJSON geometry (RFC 7946), collections too."""
    if geometry["type"] == "GeometryCollection":
        return [point for part in geometry["geometries"] for point in points_of(part)]
    return _points(geometry["coordinates"])


def _points(value: Any) -> list[tuple[float, float]]:
    if not value:
        return []
    if isinstance(value[0], int | float):
        return [(float(value[0]), float(value[1]))]
    return [point for part in value for point in _points(part)]


def _on_globe(points: list[tuple[float, float]]) -> bool:
    return bool(points) and all(abs(x) <= _FARTHEST_EAST and abs(y) <= _FARTHEST_NORTH for x, y in points)
