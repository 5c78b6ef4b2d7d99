"""The words of an upstream's terms, and what differs between two readings of them.

Decides what counts as the same terms: the words that a reader sees, in their order. How they are wrapped, indented or
marked up does not count, nor do scripts, styles and comments. Of a form whose words can't be read (a PDF), the bytes
count. Pure: never fetches and never stores. Keeps the comparison half of clause B2.

A page comes from a stranger: everything here takes time in proportion to its length. ``html.parser`` and ``difflib``
do not (200 kB of ``<a`` hold the first up for 20 s, 6,000 equal lines the second for minutes).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from audit.digests import digest_bytes

Sign = Literal[" ", "-", "+"]

#: Elements whose text no reader sees; of the first four even tags and comments inside are mere text.
RAW = ("script", "style", "noscript", "title")
HIDDEN = frozenset({*RAW, "template", "head"})
#: Elements that stand inside a line; every other one begins a new line.
INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"),
        *("mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    )
)
_TAG_NAME = re.compile(r"/?([A-Za-z][^\s/>]*)")
_TAG_STOP = re.compile(r"[>\"']")
#: The most differences that are told one by one, and the most steps taken to find them.
MOST_EDITS, MOST_STEPS = 600, 4_000_000


def words_of(raw: bytes, media_type: str) -> str:
    """The words of *raw*, one line a paragraph, white space folded; ``sha256:…`` of the bytes where they can't be read.

    ``media_type`` may carry a ``charset``. Read are ``text/plain``, ``text/html`` and ``application/xhtml+xml``.
    """
    kind, charset = _kind_of(media_type)
    if kind not in {"text/plain", "text/html", "application/xhtml+xml"}:
        return str(digest_bytes(raw))
    text = _decoded(raw, charset)
    if text is None:
        return str(digest_bytes(raw))
    return _folded(text if kind == "text/plain" else html.unescape("".join(_seen(text))))


def words_digest(words: str) -> str:
    """The digest of *words* as one line: terms that were only wrapped anew are the same terms."""
    return str(digest_bytes(" ".join(words.split()).encode("utf-8", "surrogatepass")))


def difference(before: str, after: str) -> list[tuple[Sign, str]]:
    """The lines of both, in order: ``" "`` in both, ``"-"`` only before, ``"+"`` only after.

    The fewest differences there can be (Myers 1986); texts with very many are told as one block out, one block in.
    """
    old, new = before.splitlines(), after.splitlines()
    trace = _trace(old, new)
    if trace is None:
        return [("-", line) for line in old] + [("+", line) for line in new]
    return _walk_back(old, new, trace)


def _kind_of(media_type: str) -> tuple[str, str]:
    kind, *parameters = [part.strip() for part in media_type.split(";")]
    charset = next((p.partition("=")[2] for p in parameters if p.lower().startswith("charset=")), "")
    return kind.lower(), charset.strip("\"' ")


def _decoded(raw: bytes, charset: str) -> str | None:
    """UTF-8 unless something else is said; what is not that is read byte for byte as Latin-1, which loses nothing."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        return raw.decode(charset or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
    except LookupError:
        return None


def _folded(text: str) -> str:
    printable = "".join(c if unicodedata.category(c) != "Cf" else "" for c in unicodedata.normalize("NFC", text))
    lines = (" ".join(line.split()) for line in printable.splitlines())
    return "\n".join(line for line in lines if line)


def _seen(page: str) -> Iterator[str]:
    """The text that a page shows, with a line end at each tag that begins or ends a block; entities still escaped."""
    hidden: list[str] = []
    place = 0
    while place < len(page):
        mark = page.find("<", place)
        mark = len(page) if mark < 0 else mark
        if not hidden:
            yield " ".join(page[place:mark].split("\n"))
        if mark == len(page):
            return
        place, name = _past_markup(page, mark)
        if name is None and place == mark + 1 and not hidden:
            yield "&lt;"  # a mere “<”
        if name is None:
            continue
        closes = page.startswith("</", mark)
        if name in RAW and not closes:
            end = re.compile(f"</{name}", re.IGNORECASE).search(page, place)
            place = len(page) if end is None else end.start()
        _nest(hidden, name, closes=closes)
        if name not in INLINE:
            yield "\n"


def _nest(hidden: list[str], name: str, *, closes: bool) -> None:
    """Keeps *hidden*, the unseen elements we are inside of; one that is never closed ends with what holds it."""
    if closes and name in hidden:
        del hidden[hidden.index(name) :]
    elif not closes and name == "body":
        hidden.clear()
    elif not closes and name in HIDDEN and name not in hidden:
        hidden.append(name)


def _past_markup(page: str, mark: int) -> tuple[int, str | None]:
    """Where the markup at *mark* ends, and its element's name when it is a tag; what never ends takes all the rest."""
    if page.startswith("<!--", mark):
        return _after(page, "-->", mark + 4), None
    if page.startswith(("<!", "<?"), mark):
        return _after(page, ">", mark + 2), None
    tag = _TAG_NAME.match(page, mark + 1)
    if tag is None:
        return mark + 1, None
    place = tag.end()
    while (stop := _TAG_STOP.search(page, place)) is not None:
        if stop[0] == ">":
            return stop.end(), tag[1].lower()
        place = _after(page, stop[0], stop.end())
    return len(page), tag[1].lower()


def _after(page: str, text: str, place: int) -> int:
    found = page.find(text, place)
    return len(page) if found < 0 else found + len(text)


def _trace(old: list[str], new: list[str]) -> list[dict[int, int]] | None:
    """For each number of edits, how far each diagonal had come before it; ``None``: there are too many edits."""
    furthest, trace = {1: 0}, []
    for edits in range(min(MOST_EDITS, MOST_STEPS // (len(old) + len(new) + 1)) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = _goes_down(furthest, diagonal, edits)
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            furthest[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return trace
    return None


def _goes_down(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    """Whether a line is put in here, rather than taken out."""
    return diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])


def _walk_back(old: list[str], new: list[str], trace: list[dict[int, int]]) -> list[tuple[Sign, str]]:
    found: list[tuple[Sign, str]] = []
    x, y = len(old), len(new)
    for edits in range(len(trace) - 1, -1, -1):
        down = _goes_down(trace[edits], x - y, edits)
        before = x - y + (1 if down else -1)
        to_x = trace[edits][before]
        to_y = to_x - before
        while x > to_x and y > to_y:
            x, y = x - 1, y - 1
            found.append((" ", old[x]))
        if edits:
            found.append(("+", new[to_y]) if down else ("-", old[to_x]))
        x, y = to_x, to_y
    return found[::-1]
