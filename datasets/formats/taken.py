"""The formats that are taken, in one list: their names for people and their media types.

Pages, messages and the media types of uploads all read it here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """``format``: as ``sniff`` names it; ``name``: for people; ``media_type``: as IANA or its makers have it."""

    format: str
    name: str
    media_type: str


TAKEN: tuple[Taken, ...] = (
    Taken("geojson", "GeoJSON", "application/geo+json"),
    Taken("geojsonseq", "GeoJSON with one feature a line", "application/geo+json-seq"),
    Taken("csv", "CSV", "text/csv"),
    Taken("gpkg", "GeoPackage", "application/geopackage+sqlite3"),
    Taken("flatgeobuf", "FlatGeobuf", "application/vnd.flatgeobuf"),
    Taken("kml", "KML or KMZ", "application/vnd.google-earth.kml+xml"),
    Taken("parquet", "GeoParquet or Parquet", "application/vnd.apache.parquet"),
    Taken("tiff", "Cloud-Optimized GeoTIFF", "image/tiff"),
    Taken("zip", "zipped Shapefile", "application/zip"),
)


def names() -> str:
    """All of them in one phrase: ``GeoJSON, …, zipped Shapefile; alone or in a ZIP archive``."""
    *most, last = (taken.name for taken in TAKEN)
    return f"{', '.join(most)} or {last}, alone or in a ZIP archive"
