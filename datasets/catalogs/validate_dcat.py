"""Whether a DCAT record is valid: strict RDF, DCAT resources, and under profile ``kfm`` the shapes of design §7.

Decides clause D1 for DCAT; never raises for bad bytes and never reaches the network. Profile ``core`` judges
RDF syntax and literals, and that the record says something; shapes given by the caller are judged under both profiles.
An undeclared JSON-LD prefix is legal RDF (it makes an absolute IRI), so only ``kfm`` refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import pyoxigraph as ox
import rdflib
from rdflib.namespace import SH

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.literals import check_literals, check_prefixes
from datasets.catalogs.namespaces import DCAT, KFM, RDF
from datasets.catalogs.rdf_reading import Triples, read_rdf

SHAPES: Final = Path(__file__).parent / "shapes" / "kfm_dcat.ttl"
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

    ``media``: ``turtle``, ``ntriples``, ``jsonld`` or None (looks at the bytes); ``shapes``: SHACL files (Turtle),
    judged besides the profile's own; ``contexts``: remote JSON-LD contexts by address, as bytes.
    """
    reading = read_rdf(raw, media, contexts)
    if reading.triples is None:
        return list(reading.findings)
    findings = [found for found in reading.findings if profile == "kfm" or found.code != "undeclared_prefix"]
    if not reading.triples:
        findings.append(Finding("dcat_empty", "", "The document states nothing in RDF.", _REBUILD, "missing"))
    files = [*([SHAPES] if profile == "kfm" else []), *shapes]
    if profile == "kfm":
        findings += [*_one_dataset(reading.triples), *_notices(reading.triples)]
        findings += [*check_literals(reading.triples), *check_prefixes(raw)]
    if files and reading.triples:
        findings += _shape_findings(reading.triples, files)
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


def graph_of(triples: Iterable[ox.Triple]) -> rdflib.Graph:
    """The same triples as an rdflib graph, by way of N-Triples."""
    lines = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES)
    return rdflib.Graph().parse(data=lines, format="nt")


def _shape_findings(triples: Triples, files: Sequence[Path]) -> list[Finding]:
    import pyshacl  # half a second to import, and most processes judge no shapes

    try:
        shapes = _shapes(tuple((str(path), path.stat().st_mtime_ns) for path in files))
    except OSError as error:
        return [_unchecked(str(error.filename), f"The shapes could not be read: {error.strerror}.")]
    except _NotTurtleError as error:
        return [_unchecked(str(error), "The shapes are not Turtle.")]
    data = graph_of(triples)
    try:
        _, report, _ = pyshacl.validate(
            data, shacl_graph=shapes, inference="none", advanced=False, do_owl_imports=False
        )
    except (
        pyshacl.errors.ShapeLoadError,
        pyshacl.errors.ConstraintLoadError,
        pyshacl.errors.ReportableRuntimeError,
    ) as error:
        return [_unchecked("", f"The shapes could not be applied: {error}")]
    if not isinstance(report, rdflib.Graph):
        return [_unchecked("", f"The shapes could not be applied: {report}")]
    return sorted(_results(report), key=lambda found: (found.where, found.code, found.message))


class _NotTurtleError(ValueError):
    """A shapes file is not Turtle; the text names it."""


@lru_cache(maxsize=8)
def _shapes(files: tuple[tuple[str, int], ...]) -> rdflib.Graph:
    """The shapes of all files in one graph, read once as long as no file changes. OSError, _NotTurtleError."""
    shapes = rdflib.Graph()
    for path, _changed in files:
        reading = read_rdf(Path(path).read_bytes(), "turtle")
        if reading.triples is None:
            raise _NotTurtleError(f"{path}: {reading.findings[0].message}")
        shapes += graph_of(reading.triples)
    return shapes


def _unchecked(where: str, message: str) -> Finding:
    return Finding("cannot_check", where, message[:500], "Give SHACL shapes in Turtle that stand alone.", "error")


def _results(report: rdflib.Graph) -> Iterator[Finding]:
    for result in report.subjects(rdflib.RDF.type, SH.ValidationResult):
        if report.value(result, SH.resultSeverity) != SH.Violation:
            continue
        focus, path = report.value(result, SH.focusNode), report.value(result, SH.resultPath)
        component: Any = report.value(result, SH.sourceConstraintComponent)
        name = str(component).rsplit("#", 1)[-1]
        place = f"{focus} {path}" if isinstance(path, rdflib.URIRef) else str(focus)
        message = str(report.value(result, SH.resultMessage) or name)
        kind: Literal["missing", "violated"] = "missing" if name == "MinCountConstraintComponent" else "violated"
        yield Finding("shape_violation", place, f"{message} ({name})"[:500], _REBUILD, kind)
