"""Whether any time in a file is finer than it may be: C2, over every column and every nested value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from audit.findings import Finding
from datasets.obligations.verify import columns
from datasets.obligations.verify.words import found
from datasets.policy.obligations import Obligation

_LENGTH = {"day": 10, "month": 7, "year": 4}
_DATE_LIKE = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?")
#: What a date looks like when it isn't written as ISO 8601 has it: three groups, or eight digits that make a day.
_OTHER_DATES = (
    re.compile(r"[12]\d{3}[01]\d[0-3]\d([T ]?\d.*)?"),
    re.compile(r"\d{1,2}\s*[-/.\s]\s*(\d{1,2}|[a-z]{3,9})\s*[-/.\s,]\s*\d{2,4}([\sT].*)?", re.IGNORECASE),
    re.compile(r"\d{4}\s*[/.\s]\s*\d{1,2}\s*[/.\s]\s*\d{1,2}([\sT].*)?"),
    re.compile(r"\d{4}-(W\d{2}(-\d)?|\d{3})", re.IGNORECASE),
    re.compile(
        r"([a-z]+\W+)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+\d{1,2}\W+\d{4}(\W.*)?", re.IGNORECASE
    ),
)
_TIME_NAME = re.compile(
    r"(.*_)?(date|date_?time|time|time_?stamp|day|month|year_?month|hour|minute|second|epoch)(_.*)?"
)


def times(path: Path, item: Obligation) -> list[Finding]:
    """Every column with a time that is finer than *item* lets it be, or that may be one and can't be read.

    Raises ``ValueError`` for a resolution that is not known.
    """
    resolution = str(item.value)
    if resolution not in _LENGTH:
        raise ValueError("a resolution that is not known")
    fine: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for batch in columns.batches(path):
        for top, column in zip(batch.schema.names, batch.columns, strict=True):
            for name, values in columns.leaves(top, column):
                _count(name, values, resolution, fine, unread)
    return _time_findings(fine, unread, resolution)


def _count(name: str, values: Any, resolution: str, fine: Counter[str], unread: Counter[str]) -> None:
    """Counts the values of one leaf; a distinct value is read once."""
    kind = values.type
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        fine[name] += len(values) - values.null_count
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        texts = values.cast(pa.timestamp("ns")).cast(pa.string())
        fine[name] += sum(count for text, count in columns.distinct(texts) if _finer(text, resolution))
    elif any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        for text, count in columns.distinct(values):
            fine[name] += count * _longer(text, resolution)
            unread[name] += count * _unread(text, name)
    elif _says_time(name) and not (pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        unread[name] += len(values) - values.null_count


def _says_time(name: str) -> bool:
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).casefold()
    return _TIME_NAME.fullmatch(spelled) is not None


def _time_findings(counts: Mapping[str, int], unread: Mapping[str, int], resolution: str) -> list[Finding]:
    unreadable = [
        found("time_unreadable", f"{count} values of {name} may be times, not written as ISO 8601.", name)
        for name, count in unread.items()
        if count
    ]
    return unreadable + [
        found("time_too_fine", f"{count} values of {name} are finer than a {resolution}.", name)
        for name, count in counts.items()
        if count
    ]


def _finer(text: str, resolution: str) -> bool:
    start = {"day": text[:10], "month": f"{text[:7]}-01", "year": f"{text[:4]}-01-01"}[resolution]
    return text[:10] != start or bool(text[10:].strip(" 0:.Z"))


def _longer(text: str, resolution: str) -> bool:
    stripped = text.strip()
    return bool(_DATE_LIKE.fullmatch(stripped)) and len(stripped) > _LENGTH[resolution]


def _unread(text: str, name: str) -> bool:
    """A value that may be a time and isn't ISO 8601: by its shape, or because its column is called after times."""
    stripped = text.strip()
    if not stripped or _DATE_LIKE.fullmatch(stripped):
        return False
    return _says_time(name) or any(shape.fullmatch(stripped) for shape in _OTHER_DATES)
