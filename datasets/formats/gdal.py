"""Loads GDAL's vector side with everything off that could reach beyond the one file given to it.

Decides which drivers there are (three), and that no environment variable, side file, virtual format, extension or
network address is followed. The first call in a process decides; it must come before any other use of pyogrio.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DRIVERS = {"gpkg": "GPKG", "flatgeobuf": "FlatGeobuf", "shapefile": "ESRI Shapefile"}
_SKIPPED = (
    "MEM,PCIDSK,PDS4,VICAR,PDF,MBTiles,EEDA,OGCAPI,GDALG,MapInfo File,LVBAG,S57,DGN,OGR_VRT,CSV,GML,GPX,LIBKML,KML,"
    "GeoJSON,GeoJSONSeq,ESRIJSON,TopoJSON,OGR_GMT,SQLite,WAsP,OpenFileGDB,DXF,GeoRSS,VFK,PGDUMP,OSM,GPSBabel,OGR_PDS,"
    "WFS,OAPIF,EDIGEO,Idrisi,ODS,XLSX,Elasticsearch,Carto,AmigoCloud,SXF,Selafin,JML,PLSCENES,CSW,VDV,MVT,NGW,MapML,"
    "GTFS,PMTiles,JSONFG,MiraMonVector,ADBC,AVCBin,AVCE00,AIVector,HTTP"
)
_OPTIONS: dict[str, str | bool] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none-is-allowed",
    "CPL_ALLOW_VSISTDIN": "NO",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
    "OGR_SQLITE_STATIC_VIRTUAL_OGR": "NO",
    "OGR_SQLITE_LIST_VIRTUAL_OGR": "NO",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_SQLITE_DIALECT_ALLOW_CREATE_VIRTUAL_TABLE": "NO",
    "ALLOW_VIRTUAL_OGR_FROM_TRIGGER_AND_VIEW": "NO",
    "SHAPE_RESTORE_SHX": "NO",
    # Its own stream writes offsets that run backwards where a geometry is null (GDAL 3.12.4): reading it crashes.
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
    "OGR_CURRENT_DATE": "1970-01-01T00:00:00Z",
}


@contextmanager
def _while_loading() -> Iterator[None]:
    """The variables that are read when drivers are registered, only for as long as that takes."""
    wanted = {"OGR_SKIP": _SKIPPED, "GDAL_DRIVER_PATH": "disable"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def vector_gdal(batch_bytes: int = 32 * 1024 * 1024) -> Any:
    """The module ``pyogrio``, narrowed. ``batch_bytes``: of rows in memory at a time."""
    with _while_loading():
        import pyogrio
    pyogrio.set_gdal_config_options({**_OPTIONS, "OGR_ARROW_MEM_LIMIT": str(batch_bytes)})
    return pyogrio
