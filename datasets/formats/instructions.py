"""Reads what a spec's ``normalization`` says about reading: encoding, layer, member, reference systems, repair.

Decides that each instruction is of the right kind; a wrong one ends the file, none is guessed. Helps clause A2 (what
the spec says is what was done).
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.formats.errors import UnreadableSource
from datasets.formats.sniff import DELIMITERS

WGS84 = "EPSG:4326"
# Of host names and of Python's own source text.
_NOT_OF_FILES = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})


@dataclass(frozen=True, slots=True)
class Instructions:
    """``crs``: the target's; ``source_crs``: what the file itself does not say, or None; ``layer``: of a container;
    ``member``: of an archive; ``concatenate``: several tables of one archive become one; ``repair``: mend geometries;
    ``encoding``, ``delimiter``: of text, None where the spec leaves it to the file.
    """

    crs: str = WGS84
    source_crs: str | None = None
    layer: str | None = None
    member: str | None = None
    concatenate: bool = False
    repair: bool = False
    encoding: str | None = None
    delimiter: str | None = None


def bad_instruction(name: str, message: str, fix: str) -> UnreadableSource:
    """The refusal of one entry of ``normalization``."""
    return UnreadableSource("bad_normalization", f"spec /normalization{'/' if name else ''}{name}", message, fix)


def instructions(spec: Mapping[str, Any]) -> Instructions:
    """Read ``spec["normalization"]``. Raises ``UnreadableSource`` (code ``bad_normalization``)."""
    given = spec.get("normalization", {})
    if not isinstance(given, Mapping):
        raise bad_instruction("", "normalization is not an object.", "Write it as an object.")
    texts = {name: _text(given, name) for name in ("crs", "source_crs", "layer", "member", "delimiter")}
    if texts["delimiter"] is not None and texts["delimiter"] not in DELIMITERS:
        message = "The declared CSV delimiter is not a comma, tab, semicolon or bar."
        raise bad_instruction("delimiter", message, "Use one of them.")
    repair = given.get("repair_geometry", False)
    if not isinstance(repair, bool):
        raise bad_instruction("repair_geometry", "It is neither true nor false.", "Write true or false.")
    archive = given.get("archive")
    if archive not in (None, "concatenate"):
        raise bad_instruction("archive", "It is not the word concatenate.", "Write concatenate, or leave it out.")
    return Instructions(
        crs=texts["crs"] or WGS84,
        source_crs=texts["source_crs"],
        layer=texts["layer"],
        member=texts["member"],
        concatenate=archive == "concatenate",
        repair=repair,
        encoding=_encoding(given["encoding"]) if "encoding" in given else None,
        delimiter=texts["delimiter"],
    )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise bad_instruction(name, "It is not a text.", "Write a text, or leave it out.")
    return value


def _encoding(name: Any) -> str:
    fix = "Use utf-8 or, say, cp1252."
    try:
        found = codecs.lookup(name).name
        io.TextIOWrapper(io.BytesIO(), encoding=found)  # Python also knows codecs that make no text, such as hex
    except (LookupError, TypeError, ValueError) as error:
        raise bad_instruction("encoding", "The declared encoding is not known.", fix) from error
    if found in _NOT_OF_FILES:
        raise bad_instruction("encoding", "The declared encoding is not one that files are written in.", fix)
    return found
