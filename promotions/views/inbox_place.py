"""Where someone is in the inbox: filters, page and case, as the address holds them. Brings them back after an act.

An address is only ever built from what was understood, so no form can send anyone to another site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from promotions.readers.inbox import Filters, filters_from

_LONGEST_NUMBER = 12
_LONGEST_QUERY = 4000


@dataclass(frozen=True, slots=True)
class Place:
    """``case``: the one that is open beside the list, ``None`` when none is."""

    filters: Filters
    page: int = 1
    case: int | None = None

    @property
    def query(self) -> str:
        """What ``place_of`` reads back; without the case."""
        page = urlencode({"page": self.page}) if self.page > 1 else ""
        return "&".join(part for part in (self.filters.query(), page) if part)

    @property
    def href(self) -> str:
        """The list, with the case that is open."""
        case = urlencode({"case": self.case}) if self.case else ""
        query = "&".join(part for part in (self.query, case) if part)
        return reverse("promotions:quarantine") + (f"?{query}" if query else "")

    def at(self, case: int | None) -> Place:
        """The same list with *case* open."""
        return replace(self, case=case)


def place_of(asked: Mapping[str, Any]) -> Place:
    """The place that the parameters name; what can't be meant is left out."""
    return Place(filters_from(asked), number_of(asked.get("page")) or 1, number_of(asked.get("case")))


def place_in(query: str) -> Place:
    """The place that a form carries along as the text of a query."""
    return place_of(QueryDict(query[:_LONGEST_QUERY]))


def number_of(text: object) -> int | None:
    """A whole number from 1 that a row may have, or ``None``."""
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
        return None
    return int(text) or None
