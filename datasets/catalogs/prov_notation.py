"""PROV records out of PROV-N (W3C PROV-N), in the one shape that the constraints can judge.

Decides whether the text is PROV-N at all (its tokens, its expressions, its declared prefixes); never judges whether the
records agree (prov_constraints does). Serves clause D1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_records import (
    ELEMENTS,
    OWN_PREFIXES,
    RELATIONS,
    Bundle,
    MalformedProvError,
    Record,
    checked_time,
    expanded,
    formal_names,
    is_time,
    type_name,
)

_SPACES: Final = r"(?:\s|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+"
"""Space and comments; possessive, or a comment that holds ``//`` often would be read in exponentially many ways."""
_TOKEN: Final = re.compile(
    _SPACES
    + r"""(?:
      (?P<iri><[^<>"{}|^`\\\s]*>)
    | (?P<text>\"\"\"(?:[^"\\]|\\.|"(?!""))*\"\"\"|"(?:[^"\\\n]|\\.)*")
    | (?P<quoted>'(?:[^'\\\s]|\\.)+')
    | (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)
    | (?P<mark>%%|[()\[\],;=])
    | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    | (?P<name>(?:[^\s()\[\],;='"<>\\%@]|\\.|%[0-9A-Fa-f]{2}|(?<=[^\s(\[,;=])@)+)
    )""",
    re.VERBOSE,
)
_START: Final = re.compile(_SPACES + r"document\b")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT")
Token = tuple[str, str, int]
"""Its kind, its text and where it begins."""


def is_notation(raw: bytes) -> bool:
    """Whether the bytes open as a PROV-N document does: space and comments, then ``document``."""
    return _START.match(raw[:65_536].decode("utf-8", "replace").lstrip("\ufeff")) is not None


def bundles_from_notation(raw: bytes) -> list[Bundle]:
    """The document's own records first, then each bundle's. MalformedProvError."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedProvError(f"byte {error.start}", "The text is not valid UTF-8.") from error
    return _Reader(text).document()


def _tokens(text: str) -> Iterator[Token]:
    place, end = 0, re.compile(_SPACES + r"\Z")
    while not end.match(text, place):
        found = _TOKEN.match(text, place)
        if found is None:
            raise MalformedProvError(_line(text, place), "The text is not PROV-N here.")
        kind = str(found.lastgroup)
        yield kind, found[kind], found.start(kind)
        place = found.end()
    yield "end", "", len(text)


def _line(text: str, place: int) -> str:
    return f"line {text.count(chr(10), 0, place) + 1}"


class _Reader:
    """One document, read from its first token to its last, with one token in hand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rest = _tokens(text)
        self._counted, self._lines = 0, 1
        self._kind, self._value, self._place = next(self._rest)

    def document(self) -> list[Bundle]:
        self._expect("document")
        bundles = self._bundle(None, OWN_PREFIXES, "endDocument")
        if self._kind != "end":
            raise self._malformed("Something follows endDocument.")
        return bundles

    def _malformed(self, message: str) -> MalformedProvError:
        return MalformedProvError(self._where(), message)

    def _where(self) -> str:
        """The line of the token in hand; lines are counted once, from the last place that was asked for."""
        self._lines += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return f"line {self._lines}"

    def _next(self) -> str:
        value = self._value
        self._kind, self._value, self._place = next(self._rest, ("end", "", len(self._text)))
        return value

    def _expect(self, value: str) -> None:
        if self._value != value:
            raise self._malformed(f"{value} is expected here, not {self._value!r:.60}.")
        self._next()

    def _bundle(self, name: str | None, known: Mapping[str, str], last: str) -> list[Bundle]:
        """One instance, and those within it; a bundle holds no bundle (PROV-DM §5.4)."""
        where = self._where()
        known = self._prefixes(known)
        own: list[Record] = []
        inner: list[Bundle] = []
        while self._value != last:
            if self._kind != "name":
                raise self._malformed(f"An expression or {last} is expected here, not {self._value!r:.60}.")
            if self._value == "bundle" and last == "endDocument":
                self._next()
                inner += self._bundle(self._name(known), known, "endBundle")
            else:
                own += self._expression(known)
        self._next()
        return [Bundle(name, where, own), *inner]

    def _prefixes(self, outer: Mapping[str, str]) -> Mapping[str, str]:
        known = dict(outer)
        while self._value in {"prefix", "default"} and self._kind == "name":
            declared = self._next() if self._value == "default" else (self._next(), self._next())[1]
            if self._kind != "iri":
                raise self._malformed(f"The namespace of {declared!r:.60} is written as <IRI>.")
            known[declared] = self._next()[1:-1]
        return known

    def _name(self, known: Mapping[str, str]) -> str:
        """A qualified name whose prefix is declared."""
        if self._kind != "name":
            raise self._malformed(f"An identifier is expected here, not {self._value!r:.60}.")
        name = expanded(self._value, known, self._where())
        self._next()
        return name

    def _expression(self, known: Mapping[str, str]) -> Iterator[Record]:
        where, kind = self._where(), self._next()
        extension = ":" in kind and kind.partition(":")[0] in known
        if kind not in {*ELEMENTS, *RELATIONS} and not extension:
            raise MalformedProvError(where, f"{kind!r:.80} is no kind of PROV record.")
        self._expect("(")
        identifier, values = self._arguments(known)
        types = self._attributes(known) if self._value == "[" else frozenset()
        self._expect(")")
        if not extension:
            yield _record(kind, identifier, values, types, where)

    def _arguments(self, known: Mapping[str, str]) -> tuple[str | None, list[str | None]]:
        """The identifier before the semicolon, if any, and the arguments up to the attributes or the end."""
        identifier, values = None, [self._argument(known)]
        if self._value == ";":
            self._next()
            identifier, values = values[0], [self._argument(known)]
        while self._value == ",":
            self._next()
            if self._value == "[":
                break
            values.append(self._argument(known))
        return identifier, values

    def _argument(self, known: Mapping[str, str]) -> str | None:
        if self._value == "-":
            self._next()
            return None
        return self._next() if self._kind == "time" else self._name(known)

    def _attributes(self, known: Mapping[str, str]) -> frozenset[str]:
        """The values of prov:type among the attributes."""
        types: set[str] = set()
        self._expect("[")
        while self._value != "]":
            name = self._name(known)
            self._expect("=")
            value = self._literal(known)
            if name == PROV + "type":
                types.add(type_name(value, known))
            if self._value != "]":
                self._expect(",")
        self._next()
        return frozenset(types)

    def _literal(self, known: Mapping[str, str]) -> str:
        if self._kind not in {"text", "quoted", "time", "name"}:
            raise self._malformed(f"A value is expected here, not {self._value!r:.60}.")
        if self._kind == "name" and not re.fullmatch(r"[+-]?\d+", self._value):
            raise self._malformed("A value is a text, a whole number or a name in single quotes.")
        value = self._next()
        if self._value == "%%":
            self._next()
            self._name(known)
        elif self._kind == "language":
            self._next()
        return value.strip("\"'")


def _record(kind: str, identifier: str | None, values: list[str | None], types: frozenset[str], where: str) -> Record:
    names = formal_names(kind)
    if kind in ELEMENTS:
        identifier, values = values[0], values[1:]
        if identifier is None:
            raise MalformedProvError(where, f"{kind} needs an identifier.")
    if len(values) > len(names):
        raise MalformedProvError(where, f"{kind} takes {len(names)} arguments at most.")
    given = {name: value for name, value in zip(names, values, strict=False) if value is not None}
    for name, value in given.items():
        if is_time(name) != bool(_TIME.match(value)):
            raise MalformedProvError(where, f"{value!r:.80} can't be the {name} of {kind}.")
        if is_time(name):
            checked_time(value, where)
    return Record(kind, identifier, given, where, types)
