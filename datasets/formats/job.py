"""One normalization: what was asked, where it goes, and what came of it.

Decides which coordinate system a file is in: its own, or else the spec's; never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyproj

from datasets.formats.errors import Limits
from datasets.formats.instructions import WGS84, Instructions, bad_instruction
from datasets.formats.places import Placer
from datasets.formats.reference_systems import crs_of, is_declared, missing_crs
from datasets.formats.result import Rejects
from datasets.formats.selection import Declared
from datasets.formats.sniff import Format

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One file to read: ``name``: of the member it was in an archive, else empty."""

    path: Path
    format: Format | str
    delimiter: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """``scratch``: a directory of this job's own; ``progress``: called with bytes done and bytes in all."""

    wanted: Declared
    told: Instructions
    target: Path
    scratch: Path
    rejects: Rejects
    progress: Progress
    limits: Limits

    def placer(self, source: pyproj.CRS) -> Placer:
        """What brings geometries from *source* into the spec's system."""
        target = crs_of(self.told.crs, "spec /normalization/crs")
        return Placer(source, target, self.limits, repair=self.told.repair)

    def declared_crs(self, default: str | None) -> pyproj.CRS:
        """The system that the spec declares, or the *default*. Raises ``UnreadableSource`` when there is neither."""
        name = self.told.source_crs or default
        if name is None:
            raise missing_crs()
        return crs_of(name, "spec /normalization/source_crs")

    def crs_of_file(self, own: pyproj.CRS | None) -> pyproj.CRS:
        """The file's *own* system, or the one that the spec declares for a file that says none."""
        return own if own is not None and is_declared(own) else self.declared_crs(None)

    def wgs84_only(self, what: str) -> pyproj.CRS:
        """WGS 84. Raises ``UnreadableSource`` when the spec declares another system for what is always WGS 84."""
        wgs84 = crs_of(WGS84, "")
        if self.told.source_crs is not None and not self.declared_crs(None).equals(wgs84, ignore_axis_order=True):
            message = f"{what} is always WGS 84 longitude, latitude; the spec declares another system for it."
            raise bad_instruction("source_crs", message, "Leave it out, or ask the upstream what the file really is.")
        return wgs84

    def no_layers(self, what: str) -> None:
        """Refuse a spec that names a layer of a file that has none."""
        if self.told.layer is not None:
            raise bad_instruction("layer", f"The spec names a layer; {what} has none.", "Leave it out.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``columns``: output name to type, the geometry's left out; ``placer``: None for a table."""

    rows_read: int
    rows_written: int
    columns: dict[str, str]
    geometry: str | None
    placer: Placer | None
    layer: str | None = None
