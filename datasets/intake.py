"""Writer: records an acquisition: the bytes as they came, where from, under which terms. Keeps clause B2.

The bytes and the terms snapshot are in the store before the row is written; nothing is parsed here. Whether the file
is readable is the ingest run's question.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import identity, receipts, rights
from datasets.errors import Refused
from datasets.models import Acquisition, Dataset
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.stores import keep

#: The longest text that each field of an acquisition holds, in characters.
LONGEST = {"license": 200, "rights_holder": 300, "attribution": 500, "terms_uri": 500}
UPLOADS = (Role.CONTRIBUTOR, Role.OPERATOR, Role.PIPELINE)


@dataclass(frozen=True, slots=True)
class DeclaredTerms:
    """The upstream's terms as the contributor captured them; ``text`` is the snapshot, word for word."""

    license: str
    rights_holder: str
    attribution: str
    terms_uri: str
    text: str


def check_may_upload(person: Person, dataset: Dataset) -> Role:
    """The role *person* uploads to *dataset* in, or ``Refused``."""
    for role in UPLOADS:
        if role in person.roles_on(dataset.pk):
            return role
    raise Refused(
        "may_not_upload", f"Only a contributor or operator uploads to {dataset.slug}. Ask an admin for a grant."
    )


def check_terms(terms: DeclaredTerms) -> list[Finding]:
    """Faults in the declared terms, one a field; ``where`` is the field's name."""
    findings = [Finding(f.code, "license", f.message, f.fix, f.kind) for f in rights.check_license(terms.license)]
    findings += [
        Finding(
            f"{name}_missing",
            name,
            f"Say who: the {name.replace('_', ' ')} is empty.",
            "It is shown with every published copy.",
            "missing",
        )
        for name in ("rights_holder", "attribution")
        if not getattr(terms, name).strip()
    ]
    findings += [_unfit(name, getattr(terms, name)) for name in LONGEST if _is_unfit(name, getattr(terms, name))]
    if terms.terms_uri and not _is_web_address(terms.terms_uri):
        message = "The address of the terms is no absolute http or https address."
        findings.append(
            Finding("terms_uri_invalid", "terms_uri", message, "Give the page's address, or leave it empty.")
        )
    if not terms.text.strip():
        findings.append(
            Finding(
                "terms_missing",
                "terms_text",
                "Paste the upstream's terms, as they stand today.",
                "They are kept as the terms snapshot (clause B2).",
                "missing",
            )
        )
    return findings


def _is_unfit(name: str, text: str) -> bool:
    return len(text) > LONGEST[name] or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text)


def _unfit(name: str, text: str) -> Finding:
    """Why a text can't be kept: it is shown with every copy, so it is one line of ordinary characters."""
    longest, words = LONGEST[name], name.replace("_", " ")
    if len(text) > longest:
        return Finding(f"{name}_too_long", name, f"The {words} has {len(text)} characters.", f"Use at most {longest}.")
    return Finding(
        f"{name}_unprintable", name, f"The {words} holds characters that can't be shown.", "Write it on one line."
    )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that hold no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not re.search(r"[\s\"<>\\^`{|}]", text)


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
    """Stores *file* and its terms snapshot and records the acquisition. Raises ``Refused`` with findings per field."""
    role = check_may_upload(by, dataset)
    spec = dataset.current_spec
    if spec is None:
        raise Refused("no_spec", f"{dataset.slug} has no spec yet. Record one first.")
    findings = [Finding(f.code, "slice", f.message, f.fix, f.kind) for f in identity.check_slice(slice_)]
    findings += check_terms(terms)
    if file.stat().st_size == 0:
        findings.append(
            Finding(
                "file_empty", "file", "The file is empty: it has no bytes at all.", "Choose the file again.", "missing"
            )
        )
    if findings:
        raise Refused(
            "acquisition_faulty", f"{len(findings)} thing(s) must be mended before the upload can be kept.", findings
        )
    name = display_name(file_name)
    source = keep(file, media_type=media_type, at=at)
    snapshot = keep(terms.text.encode("utf-8", "surrogatepass"), media_type="text/plain; charset=utf-8", at=at)
    identifier = identity.acquisition_id(at, str(identity.inputs_digest([source.digest])))
    document = receipts.build_acquisition_manifest(
        dataset_slug=dataset.slug,
        acquisition_id=identifier,
        fetched_at=at,
        source={
            "name": name,
            "type": "upload",
            "uri": f"kfm://artifact/{source.digest}",
            "retrieval_method": "browser_upload",
        },
        terms={
            "license": terms.license,
            "rights_holder": terms.rights_holder,
            "terms_uri": terms.terms_uri or f"kfm://artifact/{snapshot.digest}",
            "snapshot_file": "terms.txt",
        },
        artifacts=[
            {
                "path": "source",
                "media_type": source.media_type,
                "sha256": source.digest.removeprefix("sha256:"),
                "size_bytes": source.size_bytes,
            },
            {
                "path": "terms.txt",
                "media_type": snapshot.media_type,
                "sha256": snapshot.digest.removeprefix("sha256:"),
                "size_bytes": snapshot.size_bytes,
            },
        ],
    )
    manifest = keep(canonical_bytes(document), media_type="application/json", at=at)
    with transaction.atomic():
        row = Acquisition.objects.create(
            dataset=dataset,
            spec=spec,
            acquisition_id=identifier,
            slice=slice_,
            file_name=name,
            source=source,
            terms=snapshot,
            manifest=manifest,
            license=terms.license,
            rights_holder=terms.rights_holder.strip(),
            attribution=terms.attribution.strip(),
            terms_uri=terms.terms_uri,
            acquired_by=by.principal,
            acquired_at=at,
        )
        ledger.append(
            event=Event.ACQUISITION_RECORDED,
            actor=by.principal,
            role=role.value,
            subject=f"kfm://dataset/{dataset.slug}",
            references={
                "acquisition": identifier,
                "source": source.digest,
                "terms": snapshot.digest,
                "manifest": manifest.digest,
            },
            at=at,
        )
    return row


def display_name(file_name: str) -> str:
    """A file name fit for showing: its last part, without control characters, at most 120 characters. Never a path."""
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return kept[:120] or "unnamed"
