"""A STAC item search: its parameters as values, and which of the readable versions it finds, page by page.

Refuses what it does not understand: a filter that is ignored would answer too much. Place and time are judged on the
released documents; who may read is the ``Reader``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

from datasets.policy.requests import Action
from promotions.api.answers import BadParameter
from promotions.api.base import page_size
from promotions.api.reading import SLUG, VERSION_ID, Reader, Released, released

PARAMETERS = ("limit", "collections", "ids", "bbox", "datetime", "token")
#: Versions looked at in one search; the next page goes on from there.
_SCANNED = 500


@dataclass(frozen=True, slots=True)
class Page:
    """``after``: the last dataset looked at, when there may be more."""

    documents: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search. ``collections`` and ``ids``: ``None`` for all."""

    limit: int
    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    bbox: tuple[float, float, float, float] | None = None
    period: tuple[datetime | None, datetime | None] | None = None
    token: str = ""
    asked: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Search:
        """Raises ``BadParameter``, also for a parameter it does not know: a filter ignored would answer too much."""
        unknown = sorted(set(given) - set(PARAMETERS))
        if unknown:
            raise BadParameter(f"Unknown parameter {unknown[0]!r:.40}. Known: {', '.join(PARAMETERS)}.")
        return cls(
            limit=page_size(given.get("limit"), default=10),
            collections=_names(given.get("collections"), SLUG.fullmatch),
            ids=_names(given.get("ids"), VERSION_ID.fullmatch),
            bbox=_bbox(given["bbox"]) if "bbox" in given else None,
            period=_period(given["datetime"]) if "datetime" in given else None,
            token=token(given.get("token")),
            asked=tuple((name, value) for name, value in sorted(given.items()) if name not in {"token", "limit"}),
        )

    def run(self, reader: Reader, document_of: Callable[[Released], dict[str, Any]]) -> Page:
        """One page: at most ``limit`` documents, after looking at a bounded number of versions."""
        versions = reader.published(Action.READ).filter(dataset__slug__gt=self.token)
        if self.collections is not None:
            versions = versions.filter(dataset__slug__in=self.collections)
        if self.ids is not None:
            versions = versions.filter(version_id__in=self.ids)
        documents: list[dict[str, Any]] = []
        filtered = self.bbox is not None or self.period is not None
        window = _SCANNED if filtered else self.limit
        after = None
        for looked_at, version in enumerate(versions[: window + 1]):
            if looked_at == window or len(documents) == self.limit:
                return Page(documents, after)
            document = document_of(released(version))
            if self.matches(document):
                documents.append(document)
            after = version.dataset.slug
        return Page(documents, None)

    def matches(self, item: Mapping[str, Any]) -> bool:
        """Place by bbox overlap, time by interval overlap; an item without a place is in no bbox."""
        if self.bbox is not None and not _overlaps(self.bbox, item.get("bbox")):
            return False
        return self.period is None or _within(self.period, item.get("properties") or {})

    def next_query(self, page: Page) -> str:
        """The query of the page after *page*; empty when there is none."""
        if page.after is None:
            return ""
        return urlencode([*self.asked, ("limit", str(self.limit)), ("token", page.after)])


def _names(given: str | None, well_formed: Callable[[str], object]) -> tuple[str, ...] | None:
    """The well-formed names; one that is not well formed names nothing."""
    return None if given is None else tuple(name for name in given.split(",")[:1000] if well_formed(name))


def token(given: str | None) -> str:
    if given and SLUG.fullmatch(given) is None:
        raise BadParameter("token must come from a next link.")
    return given or ""


def _bbox(given: str) -> tuple[float, float, float, float]:
    try:
        numbers = [float(part) for part in given.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # noqa: PLR2004 - with heights: west, south, lowest, east, north, highest
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(-360 <= n <= 360 for n in numbers) or numbers[1] > numbers[3]:  # noqa: PLR2004 - degrees
        raise BadParameter("bbox is west,south,east,north in degrees.")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _overlaps(asked: tuple[float, float, float, float], found: object) -> bool:
    if not isinstance(found, list) or len(found) not in (4, 6):
        return False
    west, south, east, north = (*found[:2], *found[len(found) // 2 :][:2])
    across = asked[0] <= east and west <= asked[2]
    if asked[0] > asked[2]:  # over the antimeridian (RFC 7946 §5.2)
        across = asked[0] <= east or west <= asked[2]
    return bool(across and asked[1] <= north and south <= asked[3])


def _period(given: str) -> tuple[datetime | None, datetime | None]:
    parts = given.split("/")
    ends = [None if part in ("..", "") else _instant(part) for part in parts]
    if len(parts) == 1 and ends[0] is not None:
        return ends[0], ends[0]
    if len(parts) != 2 or ends == [None, None] or (ends[0] and ends[1] and ends[0] > ends[1]):  # noqa: PLR2004 - begin and end
        raise BadParameter("datetime is an RFC 3339 instant, or an interval begin/end with .. for an open end.")
    return ends[0], ends[1]


def _instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadParameter("datetime is an RFC 3339 instant with its zone, such as 2026-02-20T00:00:00Z.")
    return found


def _within(period: tuple[datetime | None, datetime | None], properties: Mapping[str, Any]) -> bool:
    texts = [
        properties.get("start_datetime") or properties.get("datetime"),
        properties.get("end_datetime") or properties.get("datetime"),
    ]
    start, end = (parse_datetime(text) if isinstance(text, str) else None for text in texts)
    if start is None or end is None:
        return False
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return (period[0] or earliest) <= end and start <= (period[1] or latest)
