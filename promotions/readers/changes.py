"""What a promotion changes against what is published now: files, rows, columns, checks, extent, rights, label.

Reads the recorded facts of both versions and sets them side by side; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.models import DatasetVersion, VersionArtifact
from promotions.readers.quality_checks import Asked, asked_of
from promotions.shelf import RELEASED_PARTS, Shelf

Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of one version. ``columns``: name to type; ``checks``: what each asks for;
    ``None``: not known.
    """

    files: Mapping[str, VersionArtifact]
    rows: int | None
    rejected: int | None
    apart: int | None
    checks: Mapping[str, Asked]
    columns: Mapping[str, str] | None
    bbox: tuple[float, ...] | None
    stated: Mapping[str, str | None]


def facts_of(shelf: Shelf) -> Facts:
    """The facts of the version on *shelf*."""
    version, report = shelf.version, shelf.json(shelf.digest_of("qa_report"))
    columns = {str(c["name"]): str(c.get("type", "")) for c in report.get("columns") or []} if report else None
    return Facts(
        files={_name(file, version): file for file in shelf.parts(("source", *RELEASED_PARTS))},
        rows=report.get("rows") if report else None,
        rejected=report.get("rows_rejected") if report else None,
        apart=report.get("rows_quarantined") if report else None,
        checks=asked_of(report, shelf.spec) if report else {},
        columns=columns,
        bbox=_bbox(shelf),
        stated={
            "Policy label": version.policy_label_id,
            "Licence": version.acquisition.license,
            "Rights holder": version.acquisition.rights_holder,
            "Attribution": version.acquisition.attribution,
            "Spec": version.spec.spec_hash[:15] + "…",
        },
    )


def compare(before: Facts | None, after: Facts) -> list[Change]:
    """One row a fact, as ``components/diff.html`` has them; with *before* absent, everything is new.

    What *after* was not brought to yet (rows, extent, the files that later steps make) is left out: it is not removed.
    """
    rows = [_change(name, before.stated.get(name) if before else None, value) for name, value in after.stated.items()]
    if after.rows is not None:
        rows.append(
            _change("Rows", _figure(before.rows) if before else None, _figure(after.rows), _delta(before, after))
        )
    if after.rejected:
        rows.append(_change("Records not read", _figure(before.rejected) if before else None, _figure(after.rejected)))
    if after.apart:
        rows.append(_change("Rows set apart", _figure(before.apart) if before else None, _figure(after.apart)))
    rows += _checks(before.checks if before else {}, after.checks)
    if after.bbox is not None:
        rows.append(_change("Extent (W, S, E, N)", _box(before.bbox) if before else None, _box(after.bbox)))
    rows += _columns(before.columns if before else None, after.columns)
    known = before.files if before and after.rows is not None else {}
    shared = {name: file for name, file in before.files.items() if name in after.files} if before else {}
    return rows + _files(known or shared, after.files)


def _checks(before: Mapping[str, Asked], after: Mapping[str, Asked]) -> list[Change]:
    """How many checks can stop the version, each that asks for something else than before, and each that is weak."""
    if not after:
        return []
    found = [_change("Checks", _stopping(before), _stopping(after))]
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        told = (old.words if old else None, new.words if new else None)
        if (before and told[0] != told[1]) or (new and new.note):
            found.append(_change(f"Check {name}", *told, new.note if new else ""))
    return found


def _stopping(checks: Mapping[str, Asked]) -> str | None:
    return f"{sum(one.stops for one in checks.values())} of {len(checks)} can stop it" if checks else None


def _columns(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> list[Change]:
    if after is None:
        return []
    if before is None:
        return [_change("Columns", None, f"{len(after)}: {_some(list(after))}")]
    found = [
        _change(f"Column {n}", before.get(n), after.get(n))
        for n in {**before, **after}
        if before.get(n) != after.get(n)
    ]
    return found or [_change("Columns", f"{len(before)}, same names and types", f"{len(after)}, same names and types")]


def _files(before: Mapping[str, VersionArtifact], after: Mapping[str, VersionArtifact]) -> list[Change]:
    rows = []
    for name in sorted({**before, **after}):
        old, new = before.get(name), after.get(name)
        rows.append(_change(name, _digest(old), _digest(new), _bytes(new.artifact.size_bytes) if new else ""))
    return rows


def _change(what: str, before: str | None, after: str | None, note: str = "") -> Change:
    state = "same" if before == after else "added" if before is None else "removed" if after is None else "changed"
    return {"what": what, "before": before, "after": after, "state": state, "note": note}


def _name(file: VersionArtifact, version: DatasetVersion) -> str:
    return file.path.replace(version.version_id, "…").rsplit("/", 1)[-1]


def _bbox(shelf: Shelf) -> tuple[float, ...] | None:
    collection = shelf.json(shelf.digest_of("stac_collection")) or {}
    boxes: Sequence[Any] = ((collection.get("extent") or {}).get("spatial") or {}).get("bbox") or []
    return tuple(float(value) for value in boxes[0]) if boxes else None


def _box(box: tuple[float, ...] | None) -> str | None:
    return None if box is None else ", ".join(f"{value:.3f}" for value in box)


def _delta(before: Facts | None, after: Facts) -> str:
    if before is None or before.rows is None or after.rows is None or before.rows == after.rows:
        return ""
    return f"{after.rows - before.rows:+,}"


def _figure(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _digest(file: VersionArtifact | None) -> str | None:
    return None if file is None else file.artifact_id[:15] + "…"


def _bytes(size: int) -> str:
    return f"{size:,} B"


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
