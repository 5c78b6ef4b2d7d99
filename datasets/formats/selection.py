"""Decides which columns go into the output, under which names, and where the geometry comes from.

Reads ``normalization`` of a dataset spec: ``canonical_fields`` maps each output name to ``upstream.<COLUMN>`` or to one
``derived.`` geometry. Never guesses a column that the source lacks: a spec that names one ends the file. Without
``canonical_fields`` every column is kept as it is. Helps clause A2 (what the spec says is what was done).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datasets.formats.errors import UnreadableSource

_DERIVED = re.compile(r"derived\.(from_latlon|from_wkt|geometry)(?:\(([^()]*)\))?")
_LATITUDE_LONGITUDE = (
    ("begin_lat", "begin_lon"),
    ("latitude", "longitude"),
    ("lat", "lon"),
    ("lat", "lng"),
    ("lat", "long"),
    ("y", "x"),
)
_WKT = ("wkt", "geometry", "geom", "the_geom", "geometry_wkt")


@dataclass(frozen=True, slots=True)
class Derivation:
    """``kind``: ``latlon`` (columns: latitude, longitude), ``wkt`` (columns: one), ``own``, ``none``."""

    kind: Literal["latlon", "wkt", "own", "none"]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """What the spec asks for. ``fields``: output name to source column, None for all; ``geometry``: output name."""

    fields: tuple[tuple[str, str], ...] | None
    geometry: str | None
    derivation: str
    arguments: tuple[str, ...]


def _bad_spec(where: str, message: str, fix: str) -> UnreadableSource:
    return UnreadableSource("bad_normalization", f"spec /normalization{where}", message, fix)


def declared(spec: Mapping[str, Any]) -> Declared:
    """Read ``spec["normalization"]["canonical_fields"]``. Raises ``UnreadableSource`` (code ``bad_normalization``)."""
    normalization = spec.get("normalization", {})
    if not isinstance(normalization, Mapping):
        raise _bad_spec("", "normalization is not an object.", "Write it as an object.")
    canonical = normalization.get("canonical_fields")
    if canonical is None:
        return Declared(None, "geometry", "", ())
    if not isinstance(canonical, Mapping) or not canonical:
        raise _bad_spec("/canonical_fields", "It names no field.", "Name fields, or leave it out to keep all.")
    fields: list[tuple[str, str]] = []
    geometry, derivation, arguments = None, "", ""
    for name, origin in canonical.items():
        match = _DERIVED.fullmatch(origin) if isinstance(origin, str) else None
        if isinstance(origin, str) and origin.startswith("upstream.") and origin != "upstream.":
            fields.append((name, origin.removeprefix("upstream.")))
        elif match is None:
            fix = "Write upstream.<COLUMN>, derived.from_latlon, derived.from_wkt or derived.geometry."
            raise _bad_spec("/canonical_fields", f"The origin of {name!r} is not understood.", fix)
        elif geometry is not None:
            raise _bad_spec("/canonical_fields", "Two geometries are derived.", "Keep one.")
        else:
            geometry, derivation, arguments = name, match.group(1), match.group(2) or ""
    given = tuple(part.strip() for part in arguments.split(",") if part.strip())
    return Declared(tuple(fields), geometry, derivation, given)


def derivation_from_columns(wanted: Declared, header: Sequence[str]) -> Derivation:
    """Where a table's geometry comes from. Raises ``UnreadableSource`` when the spec asks for what isn't there."""
    if wanted.geometry is None:
        return Derivation("none")
    if wanted.derivation == "geometry":
        message, fix = (
            "derived.geometry needs a source with geometries of its own; this is a table.",
            "Use derived.from_latlon or derived.from_wkt.",
        )
        raise _bad_spec("/canonical_fields", message, fix)
    missing = [name for name in wanted.arguments if name not in header]
    if missing:
        raise missing_column(missing[0])
    lowered = {name.lower(): name for name in reversed(header)}
    pairs = [(lowered[a], lowered[b]) for a, b in _LATITUDE_LONGITUDE if a in lowered and b in lowered]
    texts = [lowered[name] for name in _WKT if name in lowered]
    if wanted.derivation == "from_latlon":
        return Derivation("latlon", _arguments(wanted, pairs[0] if pairs else (), 2, "latitude and longitude columns"))
    if wanted.derivation == "from_wkt":
        return Derivation("wkt", _arguments(wanted, tuple(texts[:1]), 1, "a column of well-known text"))
    if pairs:
        return Derivation("latlon", pairs[0])
    return Derivation("wkt", (texts[0],)) if texts else Derivation("none")


def _arguments(wanted: Declared, found: tuple[str, ...], count: int, what: str) -> tuple[str, ...]:
    columns = wanted.arguments or found
    if len(columns) != count:
        fix = f"Name them in the spec: derived.{wanted.derivation}({', '.join(['COLUMN'] * count)})."
        raise UnreadableSource("geometry_columns_missing", "header", f"The source has no {what} of a known name.", fix)
    return columns


def derivation_of_own(wanted: Declared) -> Derivation:
    """The geometry is the source's own. Raises ``UnreadableSource`` when the spec derives it from columns."""
    if wanted.geometry is None:
        return Derivation("none")
    if wanted.derivation in {"from_latlon", "from_wkt"}:
        message = f"derived.{wanted.derivation} needs a table; this source has geometries of its own."
        raise _bad_spec("/canonical_fields", message, "Use derived.geometry.")
    return Derivation("own")


def missing_column(name: str) -> UnreadableSource:
    """The refusal of a source that lacks a column which the spec names."""
    fix = "Correct the spec's canonical_fields, or ask the upstream why its columns changed."
    return UnreadableSource(
        "column_missing", "header", f"The source has no column {name[:80]!r}, which the spec names.", fix
    )


def output_columns(wanted: Declared, found: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """Pairs of output name and source column, and the geometry column's name that collides with none of them."""
    if wanted.fields is None:
        geometry = "geometry"
        while geometry in found:
            geometry = f"kfm_{geometry}"
        return tuple((name, name) for name in found), geometry
    for _name, column in wanted.fields:
        if column not in found:
            raise missing_column(column)
    return wanted.fields, wanted.geometry
