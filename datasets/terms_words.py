"""The words of an upstream's terms, and what differs between two readings of them.

Decides what counts as the same terms: the words that a reader sees, in their order. How they are wrapped, indented or
marked up does not count, nor do scripts, styles and comments. Of a form whose words can't be read (a PDF), the bytes
count. Pure: never fetches and never stores. Keeps the comparison half of clause B2.
"""

from __future__ import annotations

import difflib
import unicodedata
from html.parser import HTMLParser
from typing import Literal

from audit.digests import digest_bytes

Sign = Literal[" ", "-", "+"]

#: Elements whose text no reader sees.
HIDDEN = frozenset({"script", "style", "template", "noscript", "head"})
#: Elements that stand inside a line; every other one begins a new line.
INLINE = frozenset(
    "a abbr b bdi bdo cite code data del dfn em font i ins kbd mark q s samp small span strong sub sup time tt u var wbr".split()  # noqa: SIM905, E501 - a list of HTML's own names
)
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr", "area", "base", "col", "embed", "source", "track"})


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
    return _folded(text if kind == "text/plain" else _seen(text))


def words_digest(words: str) -> str:
    """The digest of *words* as one line: terms that were only wrapped anew are the same terms."""
    return str(digest_bytes(" ".join(words.split()).encode("utf-8", "surrogatepass")))


def difference(before: str, after: str) -> list[tuple[Sign, str]]:
    """The lines of both, in order: ``" "`` in both, ``"-"`` only before, ``"+"`` only after."""
    found: list[tuple[Sign, str]] = []
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            found += [(" ", line) for line in old[old_from:old_to]]
        else:
            found += [("-", line) for line in old[old_from:old_to]]
            found += [("+", line) for line in new[new_from:new_to]]
    return found


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


def _seen(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.pieces)


class _Reader(HTMLParser):
    """Collects the text that a page shows, with a line end at each element that begins a block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's own
        if tag in HIDDEN:
            self._hidden.append(tag)
        elif tag == "body":
            self._hidden.clear()  # a head that was never closed ends here
        if tag not in INLINE:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        if tag not in INLINE:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(" ".join(data.split("\n")))
