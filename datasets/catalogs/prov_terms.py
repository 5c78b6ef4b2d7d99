"""Terms of PROV statements that may turn out to be one: names, moments, and the unknowns that stand for either.

Decides whether two terms can be one and remembers that they are (union and find, by size); never what makes them one
(prov_normal_form does) and never reads bytes. Serves clause D1.
"""

from __future__ import annotations

from typing import Final

from datasets.catalogs.xsd_forms import instant

NONE: Final = "-"
"""The argument that is known to be absent, where its absence does not mean "unknown" (PROV-CONSTRAINTS §4.1)."""
BLANK: Final = "_:"
"""How the names of unknowns begin: blank nodes of the document, and those that a statement leaves out."""


def moment(text: str) -> str:
    """The term of a time: one for every way to write the same moment."""
    found = instant(text.strip())
    return f"time {found or text.strip()}"


class Terms:
    """Which terms are one. Unknowns are one with anything; two different names or moments never are."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._made = 0

    def unknown(self) -> str:
        """A term that nothing is known of yet."""
        self._made += 1
        return f"{BLANK} {self._made}"

    def root(self, term: str) -> str:
        """What stands for the term and all that are one with it."""
        parents, above = self._parents, self._parents.get(term)
        while above is not None:
            further = parents.get(above)
            if further is not None:
                parents[term] = further
            term, above = above, further
        return term

    def name(self, term: str) -> str:
        """The name or moment that the term turned out to be; an unknown's own root when it is still unknown."""
        root = self.root(term)
        return self._names.get(root, root)

    def unite(self, one: str, other: str) -> tuple[str, str] | None:
        """Make two terms one: (what was the other's root, the root of both). None when they were one already.

        ValueError when two different names or moments would have to be the same.
        """
        first, second = self.root(one), self.root(other)
        if first == second:
            return None
        names = [self._names.get(root, root) for root in (first, second)]
        known = [name for name in names if not name.startswith(BLANK)]
        if len(known) > 1:
            raise ValueError(f"{names[0]} is not {names[1]}")
        if self._sizes.get(first, 1) < self._sizes.get(second, 1):
            first, second = second, first
        self._parents[second] = first
        self._sizes[first] = self._sizes.get(first, 1) + self._sizes.pop(second, 1)
        if known:
            self._names[first] = known[0]
        return second, first
