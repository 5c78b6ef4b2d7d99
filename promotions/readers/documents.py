"""Which stored documents speak for which clause, and which document of a version has a digest.

Only small documents that are evidence are found here, never data bytes. Decides nothing about who may read them: each
says the action that ``enforcement`` must allow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from audit.canonical import StrictJsonError, parse_strict
from audit.digests import digest_bytes
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.policy.requests import Action
from datasets.runs import current_receipts
from datasets.stores import read_document
from datasets.zones.store import DamagedObject, ObjectNotFound, ObjectTooLarge
from promotions.models import Dossier, Release
from promotions.readers.quality_runs import knows_values, read_report, without_values
from promotions.readers.version_page import Opened
from promotions.shelf import CATALOG_PARTS

#: Parts of a version that are documents, what each is called, and the rule that judges it.
PARTS: dict[str, tuple[str, str]] = {
    "qa_report": ("QA report", "E1, E2: a report exists for exactly these bytes, and every threshold is met."),
    "verification": ("Obligations verified on the output", "C2: every obligation was verified on the output bytes."),
    "catalog_verification": (
        "Obligations verified on the catalogs",
        "C2: every obligation was verified on the output bytes.",
    ),
    "leak_report": (
        "Leak check of what goes out",
        "C2: nothing that goes out holds an exact place, time or value that an obligation hides.",
    ),
    "dcat": ("DCAT dataset", "D1, D2: the catalogs validate, and their links resolve."),
    "stac_collection": ("STAC collection", "D1, D2: the catalogs validate, and their links resolve."),
    "stac_item": ("STAC item", "D1, D2: the catalogs validate, and their links resolve."),
    "prov": ("PROV bundle", "D1, D2: the catalogs validate, and their links resolve."),
    "dcat_turtle": ("DCAT dataset as Turtle", "D1: DCAT validates under KFM's profile."),
    "prov_turtle": ("PROV bundle as Turtle", "D1: PROV validates under KFM's profile."),
    "terms": ("Terms as captured", "B2: the upstream terms were captured at ingest."),
}
QA_PARTS = frozenset({"qa_report", "verification", "catalog_verification", "leak_report"})
#: What whoever reads the version reads too; the other documents are the workflow's.
OPEN_PARTS = frozenset({*CATALOG_PARTS, "terms", "qa_report"})
CLAUSE_PARTS: dict[str, tuple[str, ...]] = {
    "A1": ("acquisition_manifest",),
    "A2": ("receipt",),
    "B1": ("acquisition_manifest",),
    "B2": ("terms",),
    "C1": ("decision",),
    "C2": ("verification", "catalog_verification", "leak_report"),
    "D1": ("dcat", "stac_collection", "prov"),
    "D2": ("dcat", "stac_item", "prov"),
    "D3": ("stac_item",),
    "E1": ("qa_report",),
    "E2": ("qa_report",),
    "F1": ("receipt",),
    "F2": ("receipt",),
    "G1": ("manifest",),
}
MAX_SHOWN_BYTES = 512 * 1024
MAX_LINES = 4_000


@dataclass(frozen=True, slots=True)
class Document:
    """One document that is evidence. ``text``: stored as a row, else the bytes lie in the store under ``digest``."""

    part: str
    title: str
    rule: str
    digest: str
    made_by: str
    made_at: datetime
    run: str = ""
    text: str | None = None
    path: str = ""

    @property
    def action(self) -> Action:
        """What the reader must be allowed: QA documents have a rule of their own."""
        return Action.READ_QA if self.part in QA_PARTS else Action.READ


@dataclass(frozen=True, slots=True)
class Shown:
    """A document's bytes as they are now: ``measured`` is the digest over them (``None``: they can't be read)."""

    measured: str | None
    lines: tuple[str, ...]
    problem: str = ""
    truncated: bool = field(default=False)


def documents_of(
    version: DatasetVersion,
    *,
    files: Iterable[VersionArtifact],
    receipts: Iterable[RunReceipt],
    decision: PolicyDecision | None,
    release: Release | None,
) -> list[Document]:
    """The documents of the current runs, from rows that the caller has read."""
    found = [_of_file(file) for file in files if file.part in PARTS]
    found += [_of_receipt(receipt) for receipt in receipts]
    found += _of_acquisition(version)
    found += [_of_decision(decision)] if decision else []
    found += [_of_release(release)] if release else []
    return found


def for_clause(code: str, documents: Sequence[Document]) -> list[Document]:
    """The documents that clause *code* was judged on, each digest once."""
    wanted = CLAUSE_PARTS.get(code, ())
    return list({d.digest: d for d in documents if d.part in wanted}.values())


def find(version: DatasetVersion, digest: str) -> Document | None:
    """The document of *version* with *digest*, of any run; ``None`` when it has none."""
    files = VersionArtifact.objects.filter(version=version, artifact_id=digest, part__in=list(PARTS)).select_related(
        "receipt", "artifact"
    )
    file = files.order_by("-pk").first()
    if file is not None:
        return _of_file(file)
    receipt = RunReceipt.objects.filter(version=version, document_id=digest).first()
    if receipt is not None:
        return _of_receipt(receipt)
    dossier = Dossier.objects.filter(version=version, digest=digest).first()
    if dossier is not None:
        rule = "A signature binds this digest; any byte that changes afterwards voids it."
        return Document("dossier", "Dossier", rule, digest, "", dossier.gathered_at, text=dossier.canonical)
    release = Release.objects.filter(version=version, manifest_digest=digest).first()
    if release is not None:
        return _of_release(release)
    small = [*_of_acquisition(version), *(_of_decision(row) for row in _assessments(version))]
    return next((document for document in small if document.digest == digest), None)


def is_theirs(document: Document, opened: Opened) -> bool:
    """Whether the reader may have this copy: what an earlier run made may tell what a tighter label hides today.

    So it is for those who may open what is not released; a QA report that tells values, for those who may know them.
    """
    inside = opened.inside and opened.download
    if document.part == "dossier":  # older ones hold the QA report as it was made
        return inside
    counts = not document.path or document.run in {row.run_id for row in current_receipts(opened.version).values()}
    if not (counts or inside):
        return False
    if document.part != "qa_report" or knows_values(opened):
        return True
    file = VersionArtifact.objects.filter(version=opened.version, artifact_id=document.digest).select_related(
        "artifact"
    )
    report = read_report(file[0])
    return report is not None and report == without_values(report)


def read(document: Document) -> Shown:
    """The document's bytes, hashed now, as numbered lines; JSON is written out one value a line."""
    if document.text is not None:
        raw = document.text.encode()
    else:
        try:
            raw = read_document(document.digest)
        except ObjectNotFound:
            return Shown(None, (), "The bytes are not in the store.")
        except DamagedObject:
            return Shown(None, (), "The stored bytes no longer hash to this digest: they were damaged or changed.")
        except ObjectTooLarge:
            return Shown(None, (), "The document is too large to show here.")
    measured = str(digest_bytes(raw))
    if len(raw) > MAX_SHOWN_BYTES:
        return Shown(measured, (), f"The document has {len(raw)} bytes; only up to {MAX_SHOWN_BYTES} are shown here.")
    lines = _lines(raw)
    return Shown(measured, tuple(lines[:MAX_LINES]), truncated=len(lines) > MAX_LINES)


def line_of(lines: Sequence[str], where: str) -> int | None:
    """The number (from 1) of the line that *where* points at, or ``None``: of its last name that is found.

    *where* is a path (``properties/kfm:license``, ``assets/data#…``), a node of linked data with the name of what it
    says (``kfm://dataset/x@2024.0a1b2c3d kfm:license``), or a text that stands in the document whole.
    """
    node, _, name = where.rpartition(" ")
    first, last = _block(lines, node or where)
    if first is not None:
        return _first(lines, f'"{name}"', first, last) or first if node else first
    whole = _first(lines, f'"{where}"', 1, len(lines)) or _first(lines, f"<{where}>", 1, len(lines))
    return whole or _by_path(lines, (node and name) or where)


def _by_path(lines: Sequence[str], where: str) -> int | None:
    parts = [part for part in where.replace("#", "/").replace(".", "/").split("/") if part and not part.isdigit()]
    found, start = None, 1
    for part in parts:  # each below the one before it
        found = _first(lines, f'"{part}"', start, len(lines)) or found
        start = found or start
    return found


def _first(lines: Sequence[str], needle: str, start: int, end: int) -> int | None:
    return next((number for number in range(start, end + 1) if needle in lines[number - 1]), None)


def _block(lines: Sequence[str], node: str) -> tuple[int | None, int]:
    """First and last line of what a JSON-LD document says of *node*: where its ``@id`` stands the least indented."""
    needle = f'"@id": {json.dumps(node, ensure_ascii=False)}'
    named = [number for number, line in enumerate(lines, start=1) if line.strip().rstrip(",") == needle]
    if not named:
        return None, 0
    first = min(named, key=lambda number: (_indent(lines[number - 1]), number))
    depth = _indent(lines[first - 1])
    below = (number for number in range(first + 1, len(lines) + 1) if _indent(lines[number - 1]) < depth)
    return first, next(below, len(lines))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _lines(raw: bytes) -> list[str]:
    try:
        return json.dumps(parse_strict(raw), indent=2, ensure_ascii=False).splitlines()
    except StrictJsonError:
        return raw.decode("utf-8", errors="replace").splitlines()


def _of_file(file: VersionArtifact) -> Document:
    title, rule = PARTS[file.part]
    receipt = file.receipt
    return Document(
        file.part, title, rule, file.artifact_id, receipt.principal, receipt.created_at, receipt.run_id, path=file.path
    )


def _of_receipt(receipt: RunReceipt) -> Document:
    rule = "F1, F2: each run left a complete receipt, and it is in the ledger."
    return Document(
        "receipt",
        f"Run receipt: {receipt.operation}",
        rule,
        receipt.document_id,
        receipt.principal,
        receipt.created_at,
        receipt.run_id,
    )


def _of_acquisition(version: DatasetVersion) -> list[Document]:
    taken = version.acquisition
    made = (taken.acquired_by, taken.acquired_at)
    rule = "A1, B1: the source and its terms, as they were acquired."
    return [
        Document("acquisition_manifest", "Acquisition manifest", rule, taken.manifest_id, *made),
        Document("terms", *PARTS["terms"], taken.terms_id, *made),
    ]


def _of_decision(row: PolicyDecision) -> Document:
    rule = "C1: one valid label is assigned, with a policy decision that says allow."
    digest = str(digest_bytes(row.canonical.encode()))
    return Document("decision", "Policy decision", rule, digest, row.principal, row.decided_at, text=row.canonical)


def _of_release(row: Release) -> Document:
    rule = "G1: the manifest lists every artifact and catalog with its digest."
    return Document(
        "manifest", "Promotion manifest", rule, row.manifest_digest, row.released_by, row.released_at, text=row.manifest
    )


def _assessments(version: DatasetVersion) -> Iterable[PolicyDecision]:
    return PolicyDecision.objects.filter(version=version, action=Action.ASSESS.value).order_by("-decided_at")[:100]
