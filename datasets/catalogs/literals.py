"""How KFM writes its literals in DCAT and PROV: the datatype and the form of each, and which prefixes mean what.

Decides, under KFM's profile, whether a literal is written as design §4 and §7 say (clause D1); never what it should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyoxigraph as ox

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.namespaces import DCAT, DCT, GEOSPARQL, KFM, PREFIXES, PROV, RDF, SPDX, XSD
from datasets.catalogs.rdf_reading import Triples
from datasets.policy.roles import Role

_STRING: Final = (XSD + "string",)
_MOMENT: Final = (XSD + "dateTime",)
_DATES: Final = tuple(XSD + name for name in ("gYear", "gYearMonth", "date", "dateTime"))
_COUNT: Final = (XSD + "nonNegativeInteger",)
_UTC: Final = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z"
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_ROLES: Final = "|".join(role.value for role in Role)
_RULES: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    DCT + "identifier": (_STRING, r".+"),
    DCT + "issued": (_MOMENT, _UTC),
    DCAT + "version": (_STRING, r".+"),
    DCAT + "byteSize": (_COUNT, r"\d+"),
    DCAT + "startDate": (_DATES, r".+"),
    DCAT + "endDate": (_DATES, r".+"),
    DCAT + "bbox": ((GEOSPARQL + "wktLiteral",), r"POLYGON\(\((-?[\d.]+(e-?\d+)? -?[\d.]+(e-?\d+)?(, )?){5}\)\)"),
    SPDX + "checksumValue": ((XSD + "hexBinary",), r"[0-9a-f]{64}"),
    KFM + "dataset_id": (_STRING, r"[a-z0-9_]+"),
    KFM + "dataset_version_id": (_STRING, r"\d{4}(-\d{2}(-\d{2})?)?\.[0-9a-f]{8}(\.[0-9a-f]{8})?"),
    KFM + "license": (_STRING, r"\S.*"),
    KFM + "policy_label": (_STRING, r"[a-z][a-z0-9_]*"),
    KFM + "spec_hash": (_STRING, _DIGEST),
    KFM + "evidence": (_STRING, r".+"),
    KFM + "notice": (_STRING, r"(?s).+"),
    KFM + "obligation": ((RDF + "JSON",), r"(?s).+"),
    KFM + "digest": (_STRING, _DIGEST),
    KFM + "receipt_digest": (_STRING, _DIGEST),
    KFM + "container_digest": (_STRING, _DIGEST),
    KFM + "git_commit": (_STRING, r"[0-9a-f]{7,64}"),
    KFM + "path": (_STRING, r"(?s).+"),
    KFM + "media_type": (_STRING, r"[a-z]+/[A-Za-z0-9.+_-]+(\s*;.*)?"),
    KFM + "artifact_role": (_STRING, r"\S+"),
    KFM + "size_bytes": (_COUNT, r"\d+"),
    KFM + "operation": (_STRING, r"\S+"),
    KFM + "principal": (_STRING, r"(?s).+"),
    KFM + "role": (_STRING, _ROLES),
    KFM + "approval_role": (_STRING, _ROLES),
    PROV + "startedAtTime": (_MOMENT, _UTC),
    PROV + "endedAtTime": (_MOMENT, _UTC),
}
"""Predicate, the datatypes it may have in KFM's documents, and the form of its text."""
_COMPILED: Final = {name: (types, re.compile(form)) for name, (types, form) in _RULES.items()}
_DECISIONS: Final = re.compile(r"kfm://policy_decision/[A-Za-z0-9_.-]+")
_FIX: Final = "Rebuild the catalog from the facts."


def check_literals(triples: Triples) -> Iterator[Finding]:
    """Literals of another datatype or form than KFM writes, and references to decisions that are no decision's id."""
    for triple in triples:
        name = triple.predicate.value
        if name == KFM + "policy_decision" and not _DECISIONS.fullmatch(str(getattr(triple.object, "value", ""))):
            yield _finding("literal_form", triple, "it is no id of a policy decision")
        if name not in _COMPILED:
            continue
        types, form = _COMPILED[name]
        literal = triple.object
        if not isinstance(literal, ox.Literal):
            yield _finding("literal_type", triple, "it is no literal")
        elif literal.datatype.value not in types:
            yield _finding("literal_type", triple, f"its datatype is {literal.datatype.value:.100}")
        elif not form.fullmatch(literal.value):
            yield _finding("literal_form", triple, "its text is not in KFM's form")


def _finding(code: str, triple: Any, reason: str) -> Finding:
    name = triple.predicate.value.rpartition("#")[2].rpartition("/")[2]
    message = f"{name} of {triple.subject} is not as KFM writes it: {reason}."
    return Finding(code, f"{triple.subject} {name}"[:300], message[:500], _FIX)


def check_prefixes(raw: bytes) -> Iterator[Finding]:
    """Prefixes of a JSON-LD document's own context that stand for another namespace than everybody's."""
    try:
        document = parse_strict(raw)
    except StrictJsonError:
        return  # Turtle; or no JSON, which the reading has found
    context = document.get("@context") if isinstance(document, dict) else None
    for entry in context if isinstance(context, list) else [context]:
        for name, iri in entry.items() if isinstance(entry, Mapping) else ():
            if name in PREFIXES and iri != PREFIXES[name]:
                message = f"The prefix {name} stands for {iri!r:.120}, not for {PREFIXES[name]}."
                yield Finding("prefix_differs", f"/@context/{name}", message, _FIX)
