"""Writer: records an acquisition: the bytes as they came, where from, under which terms. Keeps clause B2.

The bytes and the terms snapshot are in the store before the row is written; nothing is parsed here. Whether the file
is readable is the ingest run's question. Each acquisition is also a look at the upstream's terms (``terms.observe``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import identity, receipts
from datasets.errors import Refused
from datasets.intake_terms import LONGEST, DeclaredTerms, check_terms
from datasets.models import Acquisition, Artifact, Dataset, DatasetSpec, Source
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.stores import keep
from datasets.terms import observe
from datasets.terms_words import words_digest, words_of

__all__ = [
    "LONGEST",
    "DeclaredTerms",
    "Origin",
    "Prepared",
    "Snapshot",
    "check_may_upload",
    "check_terms",
    "display_name",
    "prepare_acquisition",
    "record_acquisition",
    "record_prepared",
]

UPLOADS = (Role.CONTRIBUTOR, Role.OPERATOR, Role.PIPELINE)
PLAIN = "text/plain; charset=utf-8"
#: What the terms snapshot is called in RAW, by its media type.
SNAPSHOT_NAMES = {"text/plain": "terms.txt", "text/html": "terms.html", "application/xhtml+xml": "terms.xhtml"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The terms as they stood on a page: its bytes and media type."""

    raw: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bytes came from, in the acquisition manifest's words.

    ``source``: the recorded source, when it was one; ``uri``: without credentials, "" for the bytes' own reference.
    """

    type: str = "upload"
    retrieval_method: str = "browser_upload"
    uri: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An acquisition whose bytes are in the store, and of which no row says anything yet."""

    dataset: Dataset
    spec: DatasetSpec
    acquisition_id: str
    slice: str
    file_name: str
    source: Artifact
    terms: DeclaredTerms
    snapshot: Artifact
    words_digest: str
    manifest: Artifact
    upstream: Source | None
    by: Person
    role: Role
    at: datetime


def check_may_upload(person: Person, dataset: Dataset) -> Role:
    """The role *person* uploads to *dataset* in, or ``Refused``."""
    for role in UPLOADS:
        if role in person.roles_on(dataset.pk):
            return role
    raise Refused(
        "may_not_upload", f"Only a contributor or operator uploads to {dataset.slug}. Ask an admin for a grant."
    )


def record_acquisition(  # noqa: PLR0913 - the facts of one acquisition
    *,
    dataset: Dataset,
    file: Path,
    file_name: str,
    media_type: str,
    slice_: str,
    terms: DeclaredTerms,
    by: Person,
    at: datetime,
) -> Acquisition:
    """Stores an uploaded *file* and its terms, and records both. Raises ``Refused`` with findings per field."""
    prepared = prepare_acquisition(
        dataset=dataset,
        file=file,
        file_name=file_name,
        media_type=media_type,
        slice_=slice_,
        terms=terms,
        by=by,
        at=at,
        origin=Origin(),
    )
    with transaction.atomic():
        return record_prepared(prepared)


def prepare_acquisition(  # noqa: PLR0913 - the facts of one acquisition
    *,
    dataset: Dataset,
    file: Path,
    file_name: str,
    media_type: str,
    slice_: str,
    terms: DeclaredTerms,
    by: Person,
    at: datetime,
    origin: Origin,
    members: Sequence[Mapping[str, Any]] = (),
    snapshot: Snapshot | None = None,
) -> Prepared:
    """Checks everything and puts the bytes into the store, outside any transaction: a large file holds up no one.

    *members*: what is inside a bundle, or came with it, as the manifest lists files: ``{path, media_type, sha256 (bare
    hex), size_bytes}``; their bytes are the caller's to keep. *snapshot*: the terms as they stood on a page; ``None``:
    the text declared in *terms*. Raises ``Refused`` with findings per field.
    """
    role = check_may_upload(by, dataset)
    spec = dataset.current_spec
    if spec is None:
        raise Refused("no_spec", f"{dataset.slug} has no spec yet. Record one first.")
    _check(file, slice_, terms)
    name = display_name(file_name)
    page = snapshot or Snapshot(terms.text.encode("utf-8", "surrogatepass"), PLAIN)
    source = keep(file, media_type=media_type, at=at)
    kept = keep(page.raw, media_type=page.media_type, at=at)
    identifier = identity.acquisition_id(at, str(identity.inputs_digest([source.digest])))
    document = receipts.build_acquisition_manifest(
        dataset_slug=dataset.slug,
        acquisition_id=identifier,
        fetched_at=at,
        source={
            "name": origin.source.name if origin.source else name,
            "type": origin.type,
            "uri": origin.uri or f"kfm://artifact/{source.digest}",
            "retrieval_method": origin.retrieval_method,
        },
        terms={
            "license": terms.license,
            "rights_holder": terms.rights_holder,
            "terms_uri": terms.terms_uri or f"kfm://artifact/{kept.digest}",
            "snapshot_file": snapshot_name(kept.media_type),
        },
        artifacts=[_listed("source", source), _listed(snapshot_name(kept.media_type), kept), *members],
    )
    manifest = keep(canonical_bytes(document), media_type="application/json", at=at)
    return Prepared(
        dataset=dataset,
        spec=spec,
        acquisition_id=identifier,
        slice=slice_,
        file_name=name,
        source=source,
        terms=terms,
        snapshot=kept,
        words_digest=words_digest(words_of(page.raw, page.media_type)),
        manifest=manifest,
        upstream=origin.source,
        by=by,
        role=role,
        at=at,
    )


def record_prepared(prepared: Prepared) -> Acquisition:
    """Writes the row, the look at the terms and the ledger entries. Inside the caller's transaction."""
    dataset, terms = prepared.dataset, prepared.terms
    observe(
        dataset=dataset,
        source=prepared.upstream,
        snapshot=prepared.snapshot,
        words_digest=prepared.words_digest,
        by=prepared.by,
        at=prepared.at,
    )
    row = Acquisition.objects.create(
        dataset=dataset,
        spec=prepared.spec,
        acquisition_id=prepared.acquisition_id,
        slice=prepared.slice,
        file_name=prepared.file_name,
        source=prepared.source,
        terms=prepared.snapshot,
        manifest=prepared.manifest,
        license=terms.license,
        rights_holder=terms.rights_holder.strip(),
        attribution=terms.attribution.strip(),
        terms_uri=terms.terms_uri,
        acquired_by=prepared.by.principal,
        acquired_at=prepared.at,
        upstream=prepared.upstream,
    )
    ledger.append(
        event=Event.ACQUISITION_RECORDED,
        actor=prepared.by.principal,
        role=prepared.role.value,
        subject=f"kfm://dataset/{dataset.slug}",
        references={
            "acquisition": prepared.acquisition_id,
            "source": prepared.source.digest,
            "terms": prepared.snapshot.digest,
            "manifest": prepared.manifest.digest,
        },
        at=prepared.at,
    )
    return row


def _check(file: Path, slice_: str, terms: DeclaredTerms) -> None:
    findings = [Finding(f.code, "slice", f.message, f.fix, f.kind) for f in identity.check_slice(slice_)]
    findings += check_terms(terms)
    if file.stat().st_size == 0:
        message = "The file is empty: it has no bytes at all."
        findings.append(Finding("file_empty", "file", message, "Choose the file again.", "missing"))
    if findings:
        raise Refused(
            "acquisition_faulty", f"{len(findings)} thing(s) must be mended before the upload can be kept.", findings
        )


def snapshot_name(media_type: str) -> str:
    """What a terms snapshot is called beside its source: ``terms.txt``, ``terms.html``, else ``terms.bin``."""
    return SNAPSHOT_NAMES.get(media_type.partition(";")[0].strip().lower(), "terms.bin")


def _listed(path: str, artifact: Artifact) -> dict[str, Any]:
    return {
        "path": path,
        "media_type": artifact.media_type,
        "sha256": artifact.digest.removeprefix("sha256:"),
        "size_bytes": artifact.size_bytes,
    }


def display_name(file_name: str) -> str:
    """A file name fit for showing: its last part, without control characters, at most 120 characters. Never a path."""
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return kept[:120] or "unnamed"
