"""What SHACL shapes find in RDF: the profile's own shapes, and files that others give.

Decides nothing of its own: pyshacl judges. A file that can't be judged whole and alone (it is no Turtle, holds no
shape, runs programs of its own, or leads to another file) is "cannot check", never a silent pass; no import is ever
fetched. What others' shapes may cost is bounded in processor time. Serves clause D1.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import pyoxigraph as ox
import rdflib
from rdflib.namespace import OWL, SH

from audit.findings import Finding
from datasets.catalogs.quick_graph import QuickGraph, graph_of
from datasets.catalogs.rdf_reading import Triples, read_rdf

LIMIT_SECONDS: Final = 60.0
MAX_SHAPES_BYTES: Final = 16 * 1024 * 1024
_REBUILD: Final = "Rebuild the catalog from the facts."
_PROGRAMS: Final = frozenset(
    str(SH) + name
    for name in (
        "sparql", "select", "ask", "construct", "update", "js", "jsFunctionName", "jsLibrary", "rule", "target",
        "expression", "values", "validator", "nodeValidator", "propertyValidator", "parameter", "ConstraintComponent",
        "SPARQLFunction", "JSFunction", "TargetType", "SPARQLTargetType", "JSTargetType",
    )
)  # fmt: skip
"""Words of SHACL-SPARQL, SHACL-AF and SHACL-JS: shapes that name one run a query or a script, which may reach out."""
_SHAPE_WORDS: Final = frozenset(
    str(SH) + name
    for name in ("property", "path", "targetClass", "targetNode", "targetObjectsOf", "targetSubjectsOf", "node",
                 "NodeShape", "PropertyShape")
)  # fmt: skip


class UnusableShapesError(ValueError):
    """Shapes that can't be applied; the text names the file and why."""


class _OutOfTime(BaseException):
    """The processor time for others' shapes is used up; no Exception, because pyshacl catches those here and there."""


def shape_findings(triples: Triples, own: Sequence[Path], given: Sequence[Path]) -> list[Finding]:
    """What the shapes of all files find. ``own`` are the project's, trusted; ``given`` are anyone's, and bounded."""
    try:
        if not given:
            return _judged(triples, own)
        with _bounded(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = _judged(triples, [*own, *given])
        return [*found, *_recursion(told)]
    except UnusableShapesError as error:
        return [_unchecked(str(error))]
    except _OutOfTime:
        return [_unchecked(f"The shapes took more than {LIMIT_SECONDS:.0f} s of processor time, and were stopped.")]


def _recursion(told: Sequence[warnings.WarningMessage]) -> list[Finding]:
    """Shapes that lead back to themselves: SHACL 1.0 leaves open what they mean (§3.4.3), and pyshacl only warns."""
    if not any(warning.category.__name__ == "ShapeRecursionWarning" for warning in told):
        return []
    return [_unchecked("A shape leads back to itself on this document, and SHACL does not say what that means.")]


def _judged(triples: Triples, files: Sequence[Path]) -> list[Finding]:
    import pyshacl  # half a second to import, and most processes judge no shapes

    shapes, imported = _shapes(tuple(_identity(path) for path in files))
    try:
        data = graph_of(triples)
    except ValueError as error:
        return [_unchecked(f"SHACL can't judge this document: {error}.")]
    try:
        _, report, _ = pyshacl.validate(
            data, shacl_graph=shapes, inference="none", advanced=False, do_owl_imports=False, inplace=True
        )
    except Exception as error:  # noqa: BLE001 - malformed shapes break pyshacl in many ways: nothing is known, then
        return [_unchecked(f"The shapes could not be applied ({type(error).__name__}): {error}")]
    if not isinstance(report, rdflib.Graph):
        return [_unchecked(f"The shapes could not be applied: {report}")]
    found = sorted(_results(report), key=lambda one: (one.where, one.code, one.message))
    return [*found, *(_unchecked(f"{text}, which was not given and is never fetched.") for text in imported)]


@contextmanager
def _bounded() -> Iterator[None]:
    """Stops what runs inside after ``LIMIT_SECONDS`` of processor time. UnusableShapesError where it can't."""
    if threading.current_thread() is not threading.main_thread():
        raise UnusableShapesError("Shapes of others are judged in a process's main thread only, where time is limited.")

    def stop(_signal: int, _frame: object) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _identity(path: Path) -> tuple[str, int, int]:
    """The name, change time and size by which a file's shapes are remembered."""
    try:
        status = path.stat()
    except OSError as error:
        raise UnusableShapesError(f"The shapes {path} could not be read: {error.strerror}.") from error
    if not path.is_file() or status.st_size > MAX_SHAPES_BYTES:
        raise UnusableShapesError(f"The shapes {path} are no regular file of at most {MAX_SHAPES_BYTES} bytes.")
    return str(path), status.st_mtime_ns, status.st_size


@lru_cache(maxsize=8)
def _shapes(files: tuple[tuple[str, int, int], ...]) -> tuple[QuickGraph, tuple[str, ...]]:
    """The shapes of all files in one graph, and which imports lead out of them. UnusableShapesError.

    Read once as long as no file changes. pyshacl adds two triples of its own, the same each time.
    """
    readings = [(path, _read(path)) for path, _changed, _size in files]
    known = {str(SH), str(SH).rstrip("#")}
    known |= {_said(triple.subject) for _, read in readings for triple in read
              if _said(triple.object) == str(OWL.Ontology)}  # fmt: skip
    outside = [
        f"{path} imports {_said(triple.object)}"
        for path, read in readings
        for triple in read
        if triple.predicate.value == str(OWL.imports) and _said(triple.object) not in known
    ]
    return graph_of(triple for _, read in readings for triple in read), tuple(outside)


def _read(path: str) -> Triples:
    try:
        reading = read_rdf(Path(path).read_bytes(), "turtle")
    except OSError as error:
        raise UnusableShapesError(f"The shapes {path} could not be read: {error.strerror}.") from error
    if reading.triples is None:
        raise UnusableShapesError(f"The shapes {path} are not Turtle: {reading.findings[0].message}")
    try:
        graph_of(reading.triples)
    except ValueError as error:
        raise UnusableShapesError(f"The shapes {path} can't be read as SHACL: {error}.") from error
    words = {triple.predicate.value for triple in reading.triples}
    words |= {_said(triple.object) for triple in reading.triples}
    programs = sorted(words & _PROGRAMS)
    if programs:
        raise UnusableShapesError(
            f"The shapes {path} use sh:{programs[0].removeprefix(str(SH))}, which is not run here."
        )
    if not words & _SHAPE_WORDS:
        raise UnusableShapesError(f"{path} holds no SHACL shape, so it would find nothing in anything.")
    return reading.triples


def _said(term: object) -> str:
    """The IRI, or the text of what is no IRI."""
    return term.value if isinstance(term, ox.NamedNode) else str(term)


def _unchecked(message: str) -> Finding:
    fix = "Give SHACL Core shapes in Turtle that stand alone."
    return Finding("cannot_check", "", " ".join(message.split())[:500], fix, "error")


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
