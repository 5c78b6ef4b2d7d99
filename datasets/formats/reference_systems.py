"""Coordinate reference systems by name, WKT or PROJJSON.

Decides whether one is known, and whether it places anything on Earth. Never guesses one. Pure.
"""

from __future__ import annotations

from typing import Any

import pyproj

from datasets.formats.errors import UnreadableSource


def crs_of(name: Any, where: str) -> pyproj.CRS:
    """A coordinate system by authority code, WKT or PROJJSON. Raises ``UnreadableSource`` (``unknown_crs``)."""
    try:
        if isinstance(name, dict):
            return pyproj.CRS.from_json_dict(name)
        return pyproj.CRS.from_user_input(name)
    except (pyproj.exceptions.CRSError, ValueError, TypeError) as error:
        fix = "Write an authority code such as EPSG:4326."
        what = "target" if where == "spec /normalization/crs" else "source's"
        raise UnreadableSource("unknown_crs", where, f"The {what} coordinate system is not known.", fix) from error


def crs_name(crs: pyproj.CRS) -> str:
    """``EPSG:26914`` where it has a code, else its name."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)


def is_declared(crs: pyproj.CRS) -> bool:
    """Whether it places anything on Earth: "undefined cartesian" and other local systems do not."""
    return not crs.is_engineering and "undefined" not in crs.name.lower() and crs.name.lower() != "unknown"


def missing_crs() -> UnreadableSource:
    """The refusal of coordinates of which no one says where on Earth they are."""
    fix = "Find out from the upstream, and write it into the spec: normalization.source_crs, such as EPSG:26914."
    return UnreadableSource("crs_missing", "source", "The file does not say its coordinate system.", fix)
