"""The words of the Catalogs tab: verdicts, states, and how what a document says is shown to a reader.

Decides only how things are put, never whether they hold.
"""

from __future__ import annotations

import json
from collections import Counter

from datasets.catalogs.alignment import Verdict
from datasets.catalogs.sayings import Said
from promotions.readers.version_page import obligation_words

#: A verdict's shape and word; the words stand on the page, the shape only repeats them.
VERDICTS: dict[str, tuple[str, str]] = {
    "agree": ("pass", "agree"),
    "alone": ("pass", "said once"),
    "differ": ("block", "differ"),
    "missing": ("quarantine", "missing"),
    "unread": ("error", "can't compare"),
}
STATES: dict[str, tuple[str, str]] = {
    "resolved": ("pass", "✓ resolved"),
    "unresolved": ("block", "unresolved"),
    "unchecked": ("error", "could not check"),
}
_LONGEST = 160
#: Facts that the documents write in forms of their own; what is compared is easier to read.
_SHOWN_AS_COMPARED = frozenset({"Extent", "Media type"})


def fields_sentence(said: Counter[Verdict], total: int) -> str:
    """``Of 37 fields 2 differ, 1 is missing somewhere; 34 agree.``"""
    off = [(said["differ"], "differ", "differs"), (said["missing"], "are missing somewhere", "is missing somewhere")]
    off.append((said["unread"], "can't be compared", "can't be compared"))
    parts = [f"{count} {one if count == 1 else many}" for count, many, one in off if count]
    if not parts:
        return f"All {total} fields agree."
    return f"Of {total} fields {', '.join(parts)}; {said['agree'] + said['alone']} agree."


def document_word(source: str) -> str:
    """``stac/items/2024.0a1b2c3d`` as ``item``."""
    named = {"dcat": "DCAT", "prov": "PROV", "stac/collection": "collection", "receipt": "receipt", "": "stored bytes"}
    return named.get(source, "item")


def last_name(at: str) -> str:
    """The last name of a place: ``kfm:artifact``."""
    return at.rpartition(" ")[2].rpartition("/")[2] if " " in at or "/" in at else at


def shown(said: Said, name: str) -> str:
    text = said.key if name in _SHOWN_AS_COMPARED else said.text
    if name in ("Obligations", "Notice"):
        text = in_words(text)
    if name in ("Run id", "Made by run"):
        text = text.removeprefix("kfm://run/")
    if text.startswith("sha256:"):
        return f"{text[:15]}…"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def in_words(text: str) -> str:
    """A JSON list of obligations or of texts, as a person reads it; any other text as it is."""
    try:
        listed = json.loads(text)
    except ValueError:
        return text
    if not isinstance(listed, list):
        return text
    sentences = sorted(obligation_words(one) for one in listed if isinstance(one, dict))
    words = sorted(str(one) for one in listed if not isinstance(one, dict))
    return " ".join(filter(None, [*sentences, "; ".join(words)])) or "none"
