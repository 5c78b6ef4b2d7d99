"""Whether a DCAT record is valid: strict RDF, DCAT resources, and under profile ``kfm`` the shapes of design §7.

Decides clause D1 for DCAT; never raises for bad bytes and never reaches the network. Profile ``core`` judges
RDF syntax and literals, and that the record says something; shapes given by the caller are judged under both profiles.
An undeclared JSON-LD prefix is legal RDF (it makes an absolute IRI), so only ``kfm`` refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import pyoxigraph as ox

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.facts import WHOLE_DEGREE_LABEL
from datasets.catalogs.literals import check_literals, check_prefixes
from datasets.catalogs.namespaces import DCAT, KFM, RDF
from datasets.catalogs.rdf_reading import Triples, read_rdf
from datasets.catalogs.shacl import shape_findings

SHAPES: Final = Path(__file__).parent / "shapes" / "kfm_dcat.ttl"
_GUARDED: Final = ox.Literal(WHOLE_DEGREE_LABEL)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_REBUILD: Final = "Rebuild the catalog from the facts."


def validate_dcat(
    raw: bytes,
    *,
    profile: Literal["core", "kfm"],
    media: str | None = None,
    shapes: Sequence[Path] = (),
    contexts: Mapping[str, bytes] | None = None,
) -> list[Finding]:
    """Findings about one DCAT document; [] is valid.

    ``media``: ``turtle``, ``ntriples``, ``rdfxml``, ``jsonld`` or None (looks at the bytes); ``shapes``: SHACL files in
    Turtle, judged besides the profile's own; ``contexts``: remote JSON-LD contexts by address, as bytes.
    """
    reading = read_rdf(raw, media, contexts)
    if reading.triples is None:
        return list(reading.findings)
    findings = [found for found in reading.findings if profile == "kfm" or found.code != "undeclared_prefix"]
    if not reading.triples:
        findings.append(Finding("dcat_empty", "", "The document states nothing in RDF.", _REBUILD, "missing"))
    own = [SHAPES] if profile == "kfm" else []
    if profile == "kfm":
        findings += [*_one_dataset(reading.triples), *_notices(reading.triples), *_places(reading.triples)]
        findings += [*check_literals(reading.triples), *check_prefixes(raw)]
    if reading.triples and (own or shapes):
        findings += shape_findings(reading.triples, own, shapes)
    return findings


def _one_dataset(triples: Triples) -> Iterator[Finding]:
    datasets = {
        str(triple.subject)
        for triple in triples
        if triple.predicate.value == RDF + "type" and triple.object == ox.NamedNode(DCAT + "Dataset")
    }
    if len(datasets) != 1:
        message = f"KFM's record describes exactly one dcat:Dataset; this one has {len(datasets)}."
        yield Finding("dataset_count", "", message, _REBUILD, "violated" if datasets else "missing")


def _places(triples: Triples) -> Iterator[Finding]:
    """Under the label for guarded places, an extent is in whole degrees."""
    if not any(t.predicate.value == KFM + "policy_label" and t.object == _GUARDED for t in triples):
        return
    for triple in triples:
        text = str(getattr(triple.object, "value", "")) if triple.predicate.value == DCAT + "bbox" else ""
        if any(not float(number).is_integer() for number in _NUMBER.findall(text)):
            message = (
                f"Under {WHOLE_DEGREE_LABEL} an extent is shown in whole degrees only; this one could locate a site."
            )
            yield Finding("extent_too_exact", f"{triple.subject} dcat:bbox", message, _REBUILD)


def _notices(triples: Triples) -> Iterator[Finding]:
    """Each ``show_notice`` among the obligations is shown, word for word, in ``kfm:notice`` of the same subject."""
    stated = [(str(t.subject), t.predicate.value, t.object.value) for t in triples if isinstance(t.object, ox.Literal)]
    shown = {(subject, value) for subject, predicate, value in stated if predicate == KFM + "notice"}
    for subject, predicate, value in stated:
        if predicate != KFM + "obligation":
            continue
        try:
            owed = parse_strict(value)
        except StrictJsonError:
            message = "An obligation is not JSON, so what it asks for can't be checked."
            yield Finding("obligation_unreadable", f"{subject} kfm:obligation", message, _REBUILD)
            continue
        if isinstance(owed, dict) and owed.get("type") == "show_notice" and (subject, owed.get("message")) not in shown:
            message = "A notice that policy asks for is not shown in kfm:notice."
            yield Finding("notice_missing", f"{subject} kfm:notice", message, _REBUILD, "missing")
