"""Strict reading of RDF bytes (Turtle, TriG, N-Triples, RDF/XML, JSON-LD): triples, or findings that say why not.

Decides syntax, ill-typed literals and undeclared prefixes; never what a vocabulary requires, and never the network: a
remote JSON-LD context that the caller did not supply is "cannot check", not a failure of the document.
Serves clause D1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyoxigraph as ox

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding, Kind
from datasets.catalogs.json_ld_terms import without_meaningless_keys
from datasets.catalogs.namespaces import XSD
from datasets.catalogs.xsd_forms import may_mean

Triples = tuple[ox.Triple, ...]
_FORMATS: Final = {
    "turtle": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
_XML: Final = re.compile(rb"<(\?xml|!DOCTYPE|!--|[A-Za-z_][\w.-]*:RDF[\s/>])")
_QUOTING: Final = re.compile(rb"<<\(|\)>>")
_MOST_QUOTED: Final = 1_000
"""So many triple terms may lie within each other: the parser calls itself for each, which may end the process."""
_SCHEMES: Final = frozenset(
    ("http", "https", "urn", "mailto", "tel", "ftp", "doi", "info", "tag", "data", "geo", "file", "did", "_")
)
"""What may stand before a colon without being a prefix: schemes whose IRIs need no ``//``, and blank nodes."""


@dataclass(frozen=True, slots=True)
class RdfReading:
    """``triples`` is None when the bytes could not be read; ``findings`` then says why.

    ``named`` tells the triples of each named graph, which are among ``triples`` too; None names the default graph. It
    is empty when there is no other.
    """

    triples: Triples | None
    findings: tuple[Finding, ...]
    named: Mapping[str | None, Triples] = field(default_factory=dict)


def detect_media(raw: bytes) -> str:
    """``jsonld`` for what opens as a JSON object or array, ``rdfxml`` for what opens as XML, else ``turtle``."""
    head = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _XML.match(head):
        return "rdfxml"
    return "jsonld" if head[:1] in {b"{", b"["} else "turtle"


def read_rdf(raw: bytes, media: str | None = None, contexts: Mapping[str, bytes] | None = None) -> RdfReading:
    """Triples of all graphs. ``media``: as in ``_FORMATS``, ``jsonld``, or None to look at the bytes.

    ``contexts`` maps the address of a remote JSON-LD context to its bytes.
    """
    media = media or detect_media(raw)
    if media not in {*_FORMATS, "jsonld"}:
        return _unread("cannot_check", f"{media} can't be read here.", "Give Turtle, N-Triples or JSON-LD.", "error")
    if media == "rdfxml" and b"<!DOCTYPE" in raw:  # the parser would write its entities out, however large they grow
        return _unread("cannot_check", "XML with a DOCTYPE is not read here.", "Write it without one.", "error")
    early: list[Finding] = []
    if media == "jsonld":
        prepared = _prepare_json_ld(raw, contexts or {})
        if isinstance(prepared, RdfReading):
            return prepared
        raw, early = prepared
    quads = _quads(raw, media)
    if isinstance(quads, RdfReading):
        return quads
    triples = tuple(quad.triple for quad in quads)
    return RdfReading(triples, (*early, *_ill_typed(triples)), _named(quads))


def _quads(raw: bytes, media: str) -> tuple[ox.Quad, ...] | RdfReading:
    if _too_deeply_quoted(raw):
        return _unread("cannot_check", f"Triple terms lie more than {_MOST_QUOTED} deep.", "Write them flat.", "error")
    try:
        return tuple(ox.parse(raw, format=_FORMATS.get(media, ox.RdfFormat.JSON_LD), base_iri="kfm://base/"))
    except (SyntaxError, ValueError, OSError) as error:
        return _unread("rdf_syntax", f"Not valid {media}: {error}"[:500], "Mend the syntax.")
    except MemoryError:  # the parser holds one token at a time, of at most 16 MiB
        return _unread("cannot_check", "One value is longer than can be read.", "Write it apart.", "error")


def _too_deeply_quoted(raw: bytes) -> bool:
    """Whether brackets of triple terms may lie deeper than ``_MOST_QUOTED``; those in texts are counted too."""
    depth = 0
    for found in _QUOTING.finditer(raw):
        depth = depth + 1 if found[0] == b"<<(" else max(depth - 1, 0)
        if depth > _MOST_QUOTED:
            return True
    return False


def _named(quads: Iterable[ox.Quad]) -> dict[str | None, Triples]:
    graphs: dict[str | None, list[ox.Triple]] = {}
    for quad in quads:
        name = None if isinstance(quad.graph_name, ox.DefaultGraph) else str(quad.graph_name)
        graphs.setdefault(name, []).append(quad.triple)
    return {name: tuple(triples) for name, triples in graphs.items()} if graphs.keys() - {None} else {}


def _unread(code: str, message: str, fix: str, kind: Any = "violated", where: str = "") -> RdfReading:
    return RdfReading(None, (Finding(code, where, message, fix, kind),))


def _ill_typed(triples: Triples) -> Iterator[Finding]:
    for triple in triples:
        literal = triple.object
        if not isinstance(literal, ox.Literal) or not literal.datatype.value.startswith(XSD):
            continue
        name = literal.datatype.value.removeprefix(XSD)
        if not may_mean(name, literal.value.strip(" \t\r\n")):
            message = f"{literal.value!r:.120} is no xsd:{name}."
            where = f"{triple.subject} {triple.predicate}"
            yield Finding("ill_typed_literal", where, message, "Write the value in its datatype's lexical form.")


def _prepare_json_ld(raw: bytes, contexts: Mapping[str, bytes]) -> tuple[bytes, list[Finding]] | RdfReading:
    try:
        document = parse_strict(raw)
    except StrictJsonError as error:
        kind: Kind = "error" if error.unread else "violated"
        return _unread(error.code, str(error), "Write the document as strict JSON.", kind, error.where)
    absent = sorted({address for address in _remote_contexts(document) if address not in contexts})
    if absent:
        message = f"The JSON-LD context {absent[0]} is not packaged, and contexts are never fetched."
        fix = "Write the context inline, or give it to the validator."
        return _unread("cannot_check", message, fix, "error", "/@context")
    try:
        document = _inlined(document, lambda address: parse_strict(contexts[address]))
    except StrictJsonError as error:
        return _unread("cannot_check", f"A supplied JSON-LD context is no JSON: {error}", "Mend it.", "error")
    nested = list(_remote_contexts(document))
    if nested:
        message = f"The supplied contexts lead to another remote context, {nested[0]}."
        return _unread("cannot_check", message, "Give a context that stands alone.", "error", "/@context")
    return json.dumps(without_meaningless_keys(document)).encode(), list(_undeclared(document, frozenset(), ""))


def _remote_contexts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        context = value.get("@context")
        for entry in context if isinstance(context, list) else [context]:
            if isinstance(entry, str):
                yield entry
            elif isinstance(entry, dict) and isinstance(entry.get("@import"), str):
                yield entry["@import"]
        for part in value.values():
            yield from _remote_contexts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _remote_contexts(part)


def _inlined(value: Any, load: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(part, load) for part in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _inlined(part, load) for key, part in value.items() if key != "@context"}
    if "@context" in value:
        context = value["@context"]
        entries = context if isinstance(context, list) else [context]
        loaded = [load(entry) if isinstance(entry, str) else entry for entry in entries]
        plain = [entry.get("@context", entry) if isinstance(entry, dict) else entry for entry in loaded]
        copy["@context"] = plain if isinstance(context, list) else plain[0]
    return copy


def _declared(context: object, known: frozenset[str]) -> frozenset[str]:
    for entry in context if isinstance(context, list) else [context]:
        if isinstance(entry, dict):
            known |= frozenset(entry)
    return known


def _undeclared(value: object, known: frozenset[str], where: str) -> Iterator[Finding]:
    """Compact IRIs in keys, ``@type`` and ``@id`` whose prefix no context declares: they would become nonsense IRIs."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _undeclared(part, known, f"{where}/{index}")
        return
    if not isinstance(value, dict):
        return
    known = _declared(value.get("@context"), known)
    names = [key for key in value if not key.startswith("@")]
    for key in ("@type", "@id"):
        given = value.get(key)
        names += [name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str)]
    for name in names:
        prefix, colon, rest = name.partition(":")
        if colon and prefix not in known and prefix not in _SCHEMES and not rest.startswith("//"):
            message = f"{name!r:.120} uses the prefix {prefix!r:.60}, which @context does not declare."
            yield Finding("undeclared_prefix", where or "/", message, f"Declare {prefix} in @context.")
    for key, part in value.items():
        if key != "@context":
            yield from _undeclared(part, known, f"{where}/{key}")
