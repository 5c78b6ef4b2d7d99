"""Small files of every format, written by the libraries that the world writes them with."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from datasets.formats.errors import UnreadableSource
from datasets.formats.gdal import DRIVERS, vector_gdal
from datasets.formats.normalize import NormalizeResult, normalize

GDAL = vector_gdal()


def run(folder: Path, source: Path | bytes, normalization=None, **options) -> NormalizeResult:
    if isinstance(source, bytes):
        (folder / "source").write_bytes(source)
        source = folder / "source"
    return normalize(
        source,
        spec={"normalization": normalization or {}},
        target=folder / "out.parquet",
        rejects=folder / "rejects.jsonl",
        progress=lambda _done, _total: None,
        **options,
    )


def refused(folder: Path, source: Path | bytes, normalization=None, **options) -> UnreadableSource:
    with pytest.raises(UnreadableSource) as caught:
        run(folder, source, normalization, **options)
    assert not (folder / "out.parquet").exists()
    assert not list(folder.glob(".normalize-*"))
    assert caught.value.message.endswith(".")
    assert caught.value.fix
    return caught.value


def rows(folder: Path) -> list[dict]:
    found = pq.read_table(folder / "out.parquet").to_pylist()
    for row in found:
        if "geometry" in row:
            row["geometry"] = None if row["geometry"] is None else shapely.from_wkb(row["geometry"])
    return found


def rejects(folder: Path) -> list[tuple[int, str]]:
    lines = (folder / "rejects.jsonl").read_text().splitlines()
    return [(line["row"], line["code"]) for line in map(json.loads, lines)]


def geo(folder: Path) -> dict:
    found = json.loads(pq.read_schema(folder / "out.parquet").metadata[b"geo"])
    return found["columns"][found["primary_column"]]


def write(
    path: Path, kind: str, columns: dict, shapes, *, crs="EPSG:4326", layer=None, geometry_type="Unknown"
) -> Path:
    """Write a container with GDAL, or GeoParquet with Arrow; a shapefile comes zipped."""
    table = pa.table({**columns, "geometry": pa.array(shapely.to_wkb(list(shapes), flavor="iso"), pa.binary())})
    if kind == "parquet":
        return write_parquet(path, table, crs)
    if kind != "shapefile":
        extra = {"layer": layer} if layer else {}
        if kind == "flatgeobuf":
            extra["SPATIAL_INDEX"] = "NO"  # keeps the order of features, and allows those without geometry
        target = str(path.with_suffix({"gpkg": ".gpkg", "flatgeobuf": ".fgb"}[kind]))
        append = {"append": True} if Path(target).exists() else {}
        GDAL.write_arrow(
            table,
            target,
            driver=DRIVERS[kind],
            geometry_name="geometry",
            geometry_type=geometry_type,
            crs=crs,
            **extra,
            **append,
        )
        return Path(target)
    folder = path.with_suffix(".parts")
    folder.mkdir()
    GDAL.write_arrow(
        table,
        str(folder / "shapes.shp"),
        driver="ESRI Shapefile",
        geometry_name="geometry",
        geometry_type=geometry_type,
        crs=crs,
        encoding="UTF-8",
    )
    return zipped(path.with_suffix(".zip"), {f"in a folder/{p.name}": p.read_bytes() for p in sorted(folder.iterdir())})


def write_parquet(path: Path, table: pa.Table, crs: str | None = "EPSG:4326", **column) -> Path:
    described = {"encoding": "WKB", "geometry_types": [], **column}
    if crs != "absent":
        described["crs"] = pyproj.CRS(crs).to_json_dict() if crs else None
    metadata = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": described}}
    target = path.with_suffix(".parquet")
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(metadata)}), target)
    return target


def zipped(path: Path, members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return path


def zip_bytes(members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return buffer.getvalue()
