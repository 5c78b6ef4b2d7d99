"""How one column is made coarser: its times shortened, its nested fields left out (C2).

Decides nothing about what is owed, and nothing about places (``grids`` and ``places`` do). Every function takes and
gives Arrow values and is deterministic; what it can't read with certainty it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from datasets.obligations.grids import ObligationNotApplicable
from datasets.obligations.side_channels import folded, holds_dates, spelled

_WIDTH = {"day": 10, "month": 7, "year": 4}
_ISO_START = r"^\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?$"
#: Words in a column's name that say it holds a time. ``year`` alone is never finer than any resolution.
_TIME_WORDS = frozenset(
    (  # noqa: SIM905 - words
        "date datetime time timestamp day month yearmonth hour minute second week doy epoch dob birthday weekday julian"
    ).split()
)
#: Endings of words that say it, where a name is written without a break, and words that only look so.
_TIME_ENDINGS, _NO_TIMES = ("date", "datetime", "timestamp", "epoch"), frozenset({"candidate", "mandate"})
#: Whole texts that are dates in another notation than ISO 8601's extended one, whatever the column is called.
_OTHER_DATE = re.compile(
    r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T?\d{4,6}Z?)?"
    r"|\d{1,2}(?P<first>[-/. ])(\d{1,2}|[a-z]{3,9})(?P=first)(\d{4}|\d{2})([ T].*)?"
    r"|\d{4}(?P<second>[/. ])\d{1,2}(?P=second)\d{1,2}([ T].*)?"
    r"|\d{4}-(W\d{2}(-\d)?|\d{3})"
    r"|([a-z]{3,9},? )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2},? \d{4}.*",
    re.IGNORECASE | re.DOTALL,
)


def coarsen_time(column: pa.Array, resolution: str, name: str) -> pa.Array:
    """Times at the start of their day, month or year (UTC); ISO 8601 texts cut to that length; else unchanged.

    Raises :class:`ObligationNotApplicable` where a time would pass unnoticed: a text in another notation or with a
    date inside it, anything but ISO 8601 in a column whose name says it holds times, numbers that may be times.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        utc = column.cast(pa.timestamp(kind.unit, "UTC")) if kind.tz else column
        return pc.floor_temporal(utc, unit=resolution)
    if pa.types.is_date(kind):
        return pc.floor_temporal(column.cast(pa.timestamp("ms")), unit=resolution).cast(kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _cut(column, resolution, name)
    if says_time(name) and not pa.types.is_boolean(kind) and not pa.types.is_null(kind):
        raise ObligationNotApplicable(
            f"Column {name} seems to hold times as {kind}: write them as ISO 8601 or remove it."
        )
    _refuse_dates(column, resolution, name)
    return column


def says_time(name: str) -> bool:
    """True when a word of the column's name says that it holds a time."""
    words = re.split(r"[^a-z]+", spelled(name))
    return not _TIME_WORDS.isdisjoint(words) or any(w.endswith(_TIME_ENDINGS) and w not in _NO_TIMES for w in words)


def _cut(column: pa.Array, resolution: str, name: str) -> pa.Array:
    """Texts that are ISO 8601, cut; the others looked at, each different one once."""
    stripped = pc.utf8_trim_whitespace(column)
    iso = pc.match_substring_regex(stripped, _ISO_START)
    others = column.filter(pc.invert(iso).fill_null(False))
    named = says_time(name)
    for text in others.unique().to_pylist():
        stripped_text = text.strip()
        if stripped_text and (named or _OTHER_DATE.fullmatch(stripped_text)):
            raise ObligationNotApplicable(
                f"Column {name} holds a time that is not ISO 8601: rewrite it or remove the column."
            )
    _refuse_dates(others, resolution, name)
    return pc.if_else(iso, pc.utf8_slice_codeunits(stripped, 0, _WIDTH[resolution]), column).cast(column.type)


def _refuse_dates(column: pa.Array, resolution: str, name: str) -> None:
    found = holds_dates(column, resolution)
    if found:
        raise ObligationNotApplicable(
            f"Column {name} holds {found}: write times as ISO 8601 in a column of their own, or remove it; "
            "declare an identifier as text."
        )


def without_fields(column: pa.Array, path: str, removed: Collection[str]) -> pa.Array:
    """The column without any nested field whose name or dotted path (folded) is removed."""
    kind = column.type
    if pa.types.is_struct(kind):
        kept = [(f, column.field(i)) for i, f in enumerate(kind) if not is_removed(f"{path}.{f.name}", removed)]
        if not kept:
            return pa.nulls(len(column), pa.bool_())
        arrays = [without_fields(value, f"{path}.{f.name}", removed) for f, value in kept]
        return pa.StructArray.from_arrays(arrays, names=[f.name for f, _ in kept], mask=column.is_null())
    return column


def is_removed(path: str, removed: Collection[str]) -> bool:
    """True when the dotted path, or its last name, is one of the folded ``removed``."""
    name = folded(path)
    return name in removed or name.rpartition(".")[2].strip() in removed
