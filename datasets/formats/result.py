"""What reading and writing one source came to, and the tally of the records that could not be kept.

Decides when so much of a file was refused that the file is. Never carries a value of the data. Helps clause E2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Literal

from datasets.formats.errors import UnreadableSource
from datasets.formats.records import Reject

PARQUET = "application/vnd.apache.parquet"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
Bbox = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class NormalizeResult:
    """What was read and written. ``bbox``: west, south, east, north in degrees of WGS 84; types as in GeoParquet.

    ``columns``: ``{"name", "type"}`` of each output column, the geometry's type being ``geometry``. ``kind``:
    ``vector``, ``table`` (rows without geometry) or ``raster`` (the target is the source itself). ``source_crs``: what
    was read or declared; ``rows_repaired``: geometries mended because the spec says so; ``measures_dropped``:
    geometries whose M values were left out; ``layer``: of a container; ``members``: of an archive, as read; ``raster``:
    width, height, bands, crs, nodata, footprint of a raster.
    """

    source_format: str
    rows_read: int
    rows_written: int
    rows_rejected: int
    columns: tuple[dict[str, str], ...]
    geometry_column: str | None
    geometry_types: tuple[str, ...]
    bbox: Bbox | None
    vertices: int
    rejected_by_code: dict[str, int]
    preview_bytes: int = 0
    kind: Literal["vector", "table", "raster"] = "vector"
    media_type: str = PARQUET
    source_crs: str | None = None
    rows_repaired: int = 0
    measures_dropped: int = 0
    layer: str | None = None
    members: tuple[str, ...] = ()
    raster: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """A document that JSON keeps."""
        return asdict(self)


class Rejects:
    """Writes refused records as JSON lines and counts them by code."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.by_code: Counter[str] = Counter()

    def add(self, reject: Reject) -> None:
        self.by_code[reject.code] += 1
        self._stream.write(reject.as_line())

    def add_all(self, rejects: Iterable[Reject]) -> None:
        """In the order of their rows."""
        for reject in sorted(rejects, key=lambda one: one.row):
            self.add(reject)


def judge(rejected: Counter[str], rows_read: int) -> None:
    """Refuse a file of which nothing, or not what it claims to be, could be read. Raises ``UnreadableSource``."""
    if not rows_read:
        message = "The source has no records."
        raise UnreadableSource("no_records", "records", message, "Fetch it again from the upstream.")
    if rejected["outside_lon_lat"] * 2 > rows_read:
        message = "Most coordinates are outside longitude -180 to 180 and latitude -90 to 90: probably projected."
        fix = "Reproject it to EPSG:4326 before ingest, or declare its system (normalization.source_crs)."
        raise UnreadableSource("probably_projected", "coordinates", message, fix)
    if rejected["ragged_row"] * 2 > rows_read:
        message = "Most rows have another number of cells than the header: this is not a table."
        raise UnreadableSource("not_a_table", "rows", message, "Give a CSV whose rows all have the header's columns.")
    if rejected.total() == rows_read:
        code, count = min(rejected.items(), key=lambda item: (-item[1], item[0]))
        message = f"None of the {rows_read} records can be kept; {count} were refused as {code}."
        raise UnreadableSource("no_valid_records", "records", message, "Read the rejects file, then mend the source.")
