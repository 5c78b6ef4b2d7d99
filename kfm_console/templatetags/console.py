"""Display tags: how times, sizes, digests, words of state and the rail are written on a page.

Decides wording and truncation; never a verdict, a right or a standing. Keeps look.md's Times, Digests and People.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kfm_console.templatetags import layout

register = template.Library()

ABSENT = "–"  # noqa: RUF001 (an en dash is how a table says that there is no value)

_UNITS = (("y", 31_557_600), ("mo", 2_629_800), ("d", 86_400), ("h", 3_600), ("min", 60))
_DIGEST_SHOWN = 8  # look.md: the first eight hex digits
_MIDDLE = 28  # a longer identifier is truncated in the middle


def _moment(value: object) -> datetime | None:
    """An aware datetime from a datetime, a date or ISO text; None for anything else."""
    if isinstance(value, str):
        value = parse_datetime(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return None
    return value if timezone.is_aware(value) else value.replace(tzinfo=UTC)


def relative(moment: datetime, now: datetime) -> str:
    """``3 h ago``, ``in 2 d``, ``just now``: the largest whole unit between two aware datetimes."""
    seconds = (now - moment).total_seconds()
    for unit, size in _UNITS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "just now"


@register.filter
def when(value: object) -> str | SafeString:
    """``<time>`` with relative words, the full UTC on hover; text that is no time is shown as it is, None as a dash."""
    moment = _moment(value)
    if moment is None:
        return str(value) if value else ABSENT
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
        relative(utc, timezone.now()),
    )


@register.filter
def duration(value: object) -> str:
    """Seconds or a timedelta in words: ``1 h 5 min``, ``42 s``; at most two units; a dash for None."""
    if value is None or value == "":
        return ABSENT
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(str(value))
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    rest, words = int(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


@register.filter(name="bytes")
def size_in_words(value: object) -> str:
    """A count of bytes in decimal units: ``1.2 MB``; a dash for None."""
    if value is None or value == "":
        return ABSENT
    size = float(str(value))
    if size < 1000:  # noqa: PLR2004 (the step between decimal units)
        return f"{int(size)} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:  # noqa: PLR2004
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


@register.filter
def short_digest(value: object) -> str:
    """``sha256:d282c86f…`` from a whole digest; other text is returned as it is, None as a dash."""
    text = str(value or "")
    algorithm, colon, hexadecimal = text.rpartition(":")
    if len(hexadecimal) <= _DIGEST_SHOWN:
        return text or ABSENT
    return f"{algorithm}{colon}{hexadecimal[:_DIGEST_SHOWN]}…"


@register.filter
def middle(value: object, length: int = _MIDDLE) -> str:
    """An identifier cut in the middle to ``length`` characters, its head and tail kept."""
    text = str(value if value is not None else ABSENT)
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


@register.filter
def tone(value: object) -> str:
    """The state colour's name (pass, block, quarantine, idle, waived, accent) for a word of state."""
    return layout.tone_of(value)


@register.filter
def words(value: object) -> str:
    """``restricted_sensitive_location`` as ``restricted sensitive location``."""
    return str(value).replace("_", " ")


@register.filter
def tile_state(value: object) -> str:
    """The gate tile's state; an unknown one is ``error`` (could not check)."""
    return layout.tile(value)[0]


@register.filter
def tile_shape(value: object) -> str:
    return layout.tile(value)[1]


@register.filter
def tile_word(value: object) -> str:
    return layout.tile(value)[2]


@register.filter
def entry(mapping: Mapping[str, Any], key: str) -> Any:
    """``mapping[key]``, or None: for templates that hold the key in a variable."""
    return mapping.get(key)


@register.simple_tag
def rail_layout(rail: Mapping[str, Any] | None) -> dict[str, Any]:
    """Geometry of ``components/rail.html``; see ``layout.rail_layout``."""
    return layout.rail_layout(rail or {})


@register.simple_tag(takes_context=True)
def query_replace(context: template.Context, **changes: object) -> str:
    """The page's query string with ``changes`` put in; None or "" removes a key. Needs ``request`` in the context."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else None
    if query is None:
        from django.http import QueryDict

        query = QueryDict(mutable=True)
    for key, value in changes.items():
        if value is None or value == "":
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode(safe='/:')}"


@register.simple_tag(takes_context=True)
def here(context: template.Context, prefix: str) -> bool:
    """Whether the page's path is ``prefix`` or below it; ``/`` is only itself."""
    request = context.get("request")
    if request is None or not prefix:
        return False
    return bool(request.path == prefix or (prefix != "/" and request.path.startswith(prefix)))


@cache
def _version() -> str:
    with (Path(settings.BASE_DIR) / "pyproject.toml").open("rb") as stream:
        return str(tomllib.load(stream)["project"]["version"])


@register.simple_tag
def console_version() -> str:
    """The console's version, from pyproject.toml."""
    return _version()
