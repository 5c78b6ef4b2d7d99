"""Reads KML 2.2/2.3 as a stream of records, one for each Placemark, wherever in the document it stands.

Decides what a Placemark's columns are (its name, description, times and ExtendedData, typed by its Schema or else text)
and its geometry (WGS 84). A document type declaration ends the file before anything is declared; nothing is ever
fetched: NetworkLinks, styles, icons and overlays are stepped over. Never holds more than one Placemark. Serves clause
E1; the threat is entity expansion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from datasets.formats.errors import Limits, RecordProblem, UnreadableSource
from datasets.formats.kml_placemark import Element, placemark_record
from datasets.formats.records import Record, Reject

_CHUNK_BYTES = 256 * 1024
_MOST_ELEMENTS = 200_000
_XML_FIX = "Ask the upstream for a well-formed file."


def read_kml(source: Path, limits: Limits, progress: Callable[[int], None]) -> Iterator[Record | Reject]:
    """Records of a KML document. Raises ``UnreadableSource`` wherever the XML breaks, or declares a document type."""
    document = _Document(limits)
    read = 0
    with source.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK_BYTES)
            read += len(chunk)
            document.feed(chunk)
            progress(read)
            while document.found:
                yield document.found.popleft()
            if not chunk:
                break
    if not document.rows:
        what = "only links to other files" if document.has_links else "no Placemark"
        fix = "Fetch the file that it links to." if document.has_links else "Fetch it again from the upstream."
        raise UnreadableSource("no_records", "Placemark", f"The KML document holds {what}.", fix)


@dataclass(slots=True)
class _Open:
    """The Placemark being read: its elements from the outermost in, and how much it holds so far."""

    path: list[Element]
    elements: int = 1
    characters: int = 0


@dataclass(slots=True)
class _Document:
    limits: Limits
    found: deque[Record | Reject] = field(default_factory=deque)
    rows: int = 0
    has_links: bool = False
    _depth: int = 0
    _fed: int = 0
    _schemas: dict[str, dict[str, str]] = field(default_factory=dict)
    _schema: dict[str, str] | None = None
    _placemark: _Open | None = None
    _parser: Any = None

    def __post_init__(self) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._refuse_declaration
        parser.EntityDeclHandler = self._refuse_declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._parser = parser

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            where = f"line {error.lineno}, column {error.offset + 1}"
            message = f"This is not XML: {expat.errors.messages[error.code]}."
            raise UnreadableSource("invalid_xml", where, message, _XML_FIX) from error
        self._fed += len(chunk)
        if chunk and self._fed - max(self._parser.CurrentByteIndex, 0) > self.limits.value_characters:
            self._refuse("value_too_large", "One tag is longer than the limit.", "Split it.")

    def _refuse(self, code: str, message: str, fix: str) -> NoReturn:
        raise UnreadableSource(code, f"line {self._parser.CurrentLineNumber}", message, fix)

    def _refuse_declaration(self, *_declaration: object) -> NoReturn:
        fix = "Ask the upstream for a file without one: declarations can grow without bound or fetch other files."
        self._refuse("document_type", "The XML has a document type declaration.", fix)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self.limits.markup_depth:
            self._refuse("too_deep", f"Elements are nested deeper than {self.limits.markup_depth} levels.", _XML_FIX)
        local = name.rpartition(" ")[2]
        if self._depth == 1 and local != "kml":
            self._refuse("unsupported_format", "The XML document is not KML.", "Give a KML document.")
        if self._placemark is not None:
            self._open_inside(self._placemark, local, attributes)
        elif local == "Placemark":
            self._placemark = _Open([Element(local, attributes)])
        elif local == "Schema":
            self._schema = self._schemas.setdefault(attributes.get("id", ""), {})
        elif local == "SimpleField" and self._schema is not None:
            if len(self._schema) >= self.limits.columns:
                self._refuse("too_many_columns", f"There are more than {self.limits.columns} columns.", "Split it.")
            self._schema[attributes.get("name", "")] = attributes.get("type", "string")
        elif local == "NetworkLink":
            self.has_links = True

    def _open_inside(self, placemark: _Open, local: str, attributes: dict[str, str]) -> None:
        placemark.elements += 1
        if placemark.elements > _MOST_ELEMENTS:
            self._refuse("value_too_large", f"One Placemark has more than {_MOST_ELEMENTS} elements.", "Split it.")
        element = Element(local, attributes)
        placemark.path[-1].children.append(element)
        placemark.path.append(element)

    def _text(self, text: str) -> None:
        if self._placemark is None:
            return
        self._placemark.characters += len(text)
        if self._placemark.characters > self.limits.value_characters:
            message = f"One Placemark is longer than {self.limits.value_characters} characters."
            self._refuse("value_too_large", message, "Split it.")
        self._placemark.path[-1].texts.append(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._placemark is None:
            if name.rpartition(" ")[2] == "Schema":
                self._schema = None
            return
        element = self._placemark.path.pop()
        if not self._placemark.path:
            self._placemark = None
            self.rows += 1
            self.found.append(self._record(element))

    def _record(self, element: Element) -> Record | Reject:
        try:
            return placemark_record(element, self.rows, self._schemas, self.limits)
        except RecordProblem as problem:
            return Reject(self.rows, problem.code, problem.message)
