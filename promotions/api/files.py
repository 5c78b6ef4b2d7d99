"""Reader: a release's files by their catalog address, and their stored bytes, verified before the first one is sent.

Only what the promotion manifest lists is served. Small objects are verified whole; of a large one the last chunk is
held back until the whole has proved itself, so that damaged bytes end in a cut stream. Keeps clause G1 at the door.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast
from urllib.parse import quote
from wsgiref.util import FileWrapper

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, parse_etags

from audit.canonical import StrictJsonError, parse_strict
from audit.digests import Digest
from datasets.catalogs.triplet import TripletDocuments
from datasets.models import Artifact, VersionArtifact
from datasets.policy.requests import Action
from datasets.stores import console_store, read_document
from datasets.zones.store import DamagedObject, StoreError
from promotions.api.answers import CACHE_CONTROL, NotServable
from promotions.api.reading import Released
from promotions.readers.quality_runs import tells_values
from promotions.shelf import RECORD_PARTS

logger = logging.getLogger(__name__)

VERIFIED_WHOLE_BYTES = 64 * 1024 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_ARTIFACT = "kfm://artifact/"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release. ``key``: its name in the catalogs; empty for a catalog document."""

    key: str
    path: str
    digest: str
    media_type: str
    size_bytes: int

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


def artifacts(found: Released) -> list[File]:
    """Every artifact of the release, in the manifest's order; two queries' worth of facts, one document read."""
    listed = found.manifest["artifacts"]
    keys = {digest: key for key, digest in asset_digests(found).items()}
    sizes = _sizes([row["digest"] for row in listed])
    return [
        File(keys.get(r["digest"], ""), r["path"], r["digest"], r["media_type"], sizes[r["digest"]].size_bytes)
        for r in listed
    ]


def catalogs(found: Released) -> list[File]:
    """Every catalog document and receipt of the release."""
    listed = found.manifest["catalogs"]
    rows = _sizes([row["digest"] for row in listed])
    return [
        File("", r["path"], r["digest"], rows[r["digest"]].media_type, rows[r["digest"]].size_bytes) for r in listed
    ]


def _sizes(digests: list[str]) -> dict[str, Artifact]:
    rows = Artifact.objects.in_bulk(digests)
    if set(rows) != set(digests):
        raise NotServable("The promotion manifest lists a file that is not on record; nothing is served.")
    return rows


def find_artifact(found: Released, key: str) -> File | None:
    """The artifact by its key in the catalogs, or by its path in the manifest; exactly, never nearly."""
    return next((file for file in artifacts(found) if key in {file.key, file.path} and key), None)


def find_catalog(found: Released, path: str) -> File | None:
    """The catalog document by its path inside the version's catalog zone, such as ``prov/bundle.jsonld``."""
    whole = f"catalog/{found.slug}/{found.version_id}/{path}"
    return next((file for file in catalogs(found) if file.path == whole), None)


def catalog_bytes(found: Released, path: str) -> tuple[bytes, str]:
    """A catalog document's verified bytes and digest. Raises ``NotServable`` when the release lists none there."""
    whole = f"catalog/{found.slug}/{found.version_id}/{path}"
    digest = next((row["digest"] for row in found.manifest["catalogs"] if row["path"] == whole), None)
    if digest is None:
        raise NotServable(f"The release lists no {path}; the record is not whole.")
    return read_document(digest), digest


def item_path(found: Released) -> str:
    return f"stac/items/{found.version_id}.json"


def json_document(found: Released, path: str) -> dict[str, Any]:
    """A released JSON document, strictly parsed."""
    raw, _ = catalog_bytes(found, path)
    try:
        value = parse_strict(raw)
    except StrictJsonError as error:
        raise NotServable(f"The released {path} can't be read as JSON ({error.code}).") from error
    if not isinstance(value, dict):
        raise NotServable(f"The released {path} is not a JSON object.")
    return value


def triplet(found: Released) -> TripletDocuments:
    """The released catalog documents as bytes."""
    return TripletDocuments(
        dcat=catalog_bytes(found, "dcat.jsonld")[0],
        stac_collection=catalog_bytes(found, "stac/collection.json")[0],
        stac_items=(catalog_bytes(found, item_path(found))[0],),
        prov=catalog_bytes(found, "prov/bundle.jsonld")[0],
    )


def asset_digests(found: Released) -> dict[str, str]:
    """Digest by key, as the released STAC item names the artifacts; only those that the manifest lists too."""
    assets = json_document(found, item_path(found)).get("assets")
    listed = {row["digest"] for row in found.manifest["artifacts"]}
    named = {
        key: str(asset.get("kfm:artifact", "")) for key, asset in (assets or {}).items() if isinstance(asset, dict)
    }
    return {key: name.removeprefix(_ARTIFACT) for key, name in named.items() if name.removeprefix(_ARTIFACT) in listed}


def action_for(found: Released, file: File) -> Action:
    """What opening *file* is: reading a record of the data, or downloading the data itself.

    A QA report that tells values of the data is not read with less than the data are.
    """
    parts = set(
        VersionArtifact.objects.filter(version=found.version, artifact_id=file.digest).values_list("part", flat=True)
    )
    if parts == {"qa_report"} and tells_values(file.digest):
        return Action.DOWNLOAD
    return RECORD_PARTS[parts.pop()] if len(parts) == 1 and parts <= set(RECORD_PARTS) else Action.DOWNLOAD


# --- bytes over HTTP ---


def bytes_answer(request: HttpRequest, raw: bytes, digest: str, media_type: str) -> HttpResponseBase:
    """A small verified document, as it is stored."""
    if _not_modified(request, digest):
        return _headed(HttpResponse(status=304), digest)
    return _headed(HttpResponse(raw, content_type=media_type), digest)


def file_answer(request: HttpRequest, file: File, headers: Mapping[str, str], *, attachment: bool) -> HttpResponseBase:
    """The file's stored bytes, or 304 when the client has them. Raises the store's errors before anything is sent."""
    if _not_modified(request, file.digest):
        return _headed(HttpResponse(status=304), file.digest, headers)
    response: HttpResponseBase
    if request.method == "HEAD":
        console_store().open(file.digest)
        response = HttpResponse(content_type=file.media_type)
    else:
        response = StreamingHttpResponse(_verified_chunks(file), content_type=file.media_type)
    response["Content-Length"] = str(file.size_bytes)
    disposition = content_disposition_header(attachment, file.name)
    if disposition:
        response["Content-Disposition"] = disposition
    return _headed(response, file.digest, headers)


def _not_modified(request: HttpRequest, digest: str) -> bool:
    """RFC 9110 §13.1.2, by weak comparison; stored bytes never change under their digest."""
    held = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in held or any(tag.removeprefix("W/") == f'"{digest}"' for tag in held)


def _headed(response: HttpResponseBase, digest: str, headers: Mapping[str, str] | None = None) -> HttpResponseBase:
    value = base64.b64encode(bytes.fromhex(Digest.parse(digest).hex)).decode()
    response["ETag"] = f'"{digest}"'
    response["Repr-Digest"] = f"sha-256=:{value}:"  # RFC 9530
    response["Cache-Control"] = CACHE_CONTROL
    response["Accept-Ranges"] = "none"  # a part of a file can't be verified
    for name, text in (headers or {}).items():
        response[name] = text
    return response


def _verified_chunks(file: File) -> Iterator[bytes] | FileWrapper:
    if file.size_bytes > VERIFIED_WHOLE_BYTES:
        return _large(file.digest, console_store().open(file.digest))
    return FileWrapper(cast("IO[bytes]", _verified_whole(file)), _CHUNK_BYTES)


def _verified_whole(file: File) -> SpooledTemporaryFile[bytes]:
    kept = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, dir=str(settings.FILE_UPLOAD_TEMP_DIR))  # noqa: SIM115 - the response closes it
    size = 0
    try:
        for chunk in console_store().open(file.digest):
            size += kept.write(chunk)
        if size != file.size_bytes:
            raise DamagedObject(f"Object {file.digest} has {size} bytes, and {file.size_bytes} on record.")
    except StoreError:
        kept.close()
        raise
    kept.seek(0)
    return kept


def _large(digest: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except StoreError:
        logger.exception("the download of %s was cut: its bytes could not be verified", digest)
        raise


def base_url() -> str:
    """The API's public address, as the catalogs write it."""
    return f"{settings.KFM_PUBLIC_URL.rstrip('/')}/api/v1"


def version_url(found: Released) -> str:
    return f"{base_url()}/datasets/{found.slug}/versions/{found.version_id}"


def artifact_url(found: Released, file: File) -> str:
    return f"{version_url(found)}/artifacts/{quote(file.key or file.path)}"
