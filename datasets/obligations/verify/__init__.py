"""Verifies obligations on the bytes that came out (C2: applied -> verified), sharing no code with what applied them.

Decides whether each obligation shows in the output; never mends it, never trusts a log. A kind it does not know, or
bytes it can't read, is ``kind="error"``: not checked is not fine. Where an obligation changes bytes, the file may carry
nothing beside its rows either: no dictionary entry, statistic, index or note (``carried``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import shapely

from audit.findings import Finding
from datasets.obligations.verify.carried import beside_the_rows
from datasets.obligations.verify.documents import attribution, notice
from datasets.obligations.verify.fields import named_in_documents, removed
from datasets.obligations.verify.places import on_the_grid, small_groups
from datasets.obligations.verify.previews import preview_on_the_grid
from datasets.obligations.verify.times import times
from datasets.obligations.verify.words import error, found
from datasets.policy.obligations import Obligation

__all__ = ["verify_obligations"]

_UNREADABLE = (
    OSError,
    pa.ArrowException,
    TypeError,
    ValueError,
    LookupError,
    RecursionError,
    struct.error,
    shapely.errors.ShapelyError,
)
_BYTE_CHECKS: dict[str, Callable[[Path, Obligation], list[Finding]]] = {
    "generalize_geometry": on_the_grid,
    "remove_attributes": removed,
    "generalize_time": times,
    "suppress_small_counts": small_groups,
}


def verify_obligations(
    path: Path | None, obligations: Sequence[Obligation], documents: Mapping[str, bytes]
) -> list[Finding]:
    """Everything that is not as owed. ``path``: the output GeoParquet, or ``None`` when no bytes go out; ``documents``:
    by path, the catalog documents and what else goes out beside the data.
    """
    findings = [finding for item in obligations for finding in _verify_one(path, item, documents)]
    if path is not None and any(str(item.kind) in _BYTE_CHECKS for item in obligations):
        findings += _checked("file", lambda: beside_the_rows(path))
    return findings


def _verify_one(path: Path | None, item: Obligation, documents: Mapping[str, bytes]) -> list[Finding]:
    kind = str(item.kind)
    if kind == "metadata_only":
        message = "The obligation metadata_only lets no bytes out, and this version carries bytes."
        return [] if path is None else [found("bytes_published", message)]
    if kind == "show_notice":
        return notice(str(item.value), documents)
    if kind == "require_attribution":
        return attribution(documents)
    check = _BYTE_CHECKS.get(kind)
    if check is None:
        return [error("unknown_obligation", kind, f"No check is known for the obligation {kind}.")]
    if path is None:
        return []
    findings = _checked(kind, lambda: check(path, item))
    if kind == "remove_attributes":
        findings += _checked(kind, lambda: named_in_documents(documents, item))
    if kind == "generalize_geometry":
        findings += _checked(kind, lambda: preview_on_the_grid(path, documents))
    return findings


def _checked(kind: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What *check* finds; that it could not be made is a finding too."""
    try:
        return check()
    except _UNREADABLE as problem:
        return [error("obligation_not_checkable", kind, f"{kind} could not be checked: {type(problem).__name__}.")]
