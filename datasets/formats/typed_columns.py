"""Decides which output type a typed source column gets, and converts its values.

Numbers, booleans, dates and instants keep their kind; decimals that a double can't hold become text, digit by digit;
nested values become compact JSON. A kind with no counterpart (bytes, durations) ends the file only if the spec keeps
that column. Helps clause A1.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.columns import ARROW_TYPES
from datasets.formats.errors import Limits, RecordProblem, UnreadableSource
from datasets.formats.places import Problem
from datasets.formats.records import check_nested

_EXACT_DIGITS = 15
_LONG_DIGITS = 18
Convert = Callable[[pa.Array], pa.Array]


def output_type(name: str, kind: pa.DataType) -> str:
    """The name, in ``ARROW_TYPES``, of the type that a column of *kind* gets. Raises ``UnreadableSource``."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    for matches, output in _RULES:
        if matches(kind):
            return output
    message = f"Column {name[:80]!r} holds {kind}, for which there is no output type."
    fix = "Name the columns to keep in the spec (normalization.canonical_fields), without this one."
    raise UnreadableSource("unsupported_column_type", "columns", message, fix)


def _is_short_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) and kind.scale == 0 and kind.precision <= _LONG_DIGITS)


def _is_exact_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) and kind.precision <= _EXACT_DIGITS and kind.scale >= 0)


def _is_textual(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_time)
    return any(test(kind) for test in (*tests, pa.types.is_null, pa.types.is_nested, pa.types.is_decimal))


_RULES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "bool"),
    (pa.types.is_integer, "int64"),
    (pa.types.is_floating, "double"),
    (_is_short_decimal, "int64"),
    (_is_exact_decimal, "double"),
    (pa.types.is_date, "date"),
    (lambda kind: bool(pa.types.is_timestamp(kind) and kind.tz is not None), "timestamp_utc"),
    (pa.types.is_timestamp, "timestamp"),
    (_is_textual, "string"),
)


def convert(array: pa.Array, column_type: str, limits: Limits, position: int) -> tuple[pa.Array, dict[int, Problem]]:
    """The values in their output type, and the rows whose value does not fit it. ``position``: of the column, from 1.

    Raises ``UnreadableSource`` (``not_utf8``) for text in another encoding than the source says.
    """
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column_type == "string":
        return _texts(array, limits, position)
    what = f"Value {position}"
    if column_type == "double":
        numbers = pc.cast(array, pa.float64())
        return _without(numbers, pc.invert(pc.is_finite(numbers)), ("not_finite", f"{what} is not a finite number."))
    if column_type == "int64" and array.type == pa.uint64():
        problem = ("too_large", f"{what} is too large for a 64-bit integer.")
        array, problems = _without(array, pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())), problem)
        return pc.cast(array, pa.int64()), problems
    try:
        return pc.cast(array, ARROW_TYPES[column_type]), {}
    except pa.ArrowInvalid as error:
        message = f"Column {position} holds values that its output type, {column_type}, can't hold without loss."
        fix = "Name the columns to keep in the spec (normalization.canonical_fields), without this one."
        raise UnreadableSource("unsupported_column_type", f"column {position}", message, fix) from error


def _without(array: pa.Array, bad: pa.Array, problem: Problem) -> tuple[pa.Array, dict[int, Problem]]:
    bad = pc.fill_null(bad, fill_value=False)
    if not pc.any(bad).as_py():
        return array, {}
    positions = np.flatnonzero(bad.to_numpy(zero_copy_only=False)).tolist()
    return pc.if_else(bad, pa.scalar(None, array.type), array), dict.fromkeys(positions, problem)


def _texts(array: pa.Array, limits: Limits, position: int) -> tuple[pa.Array, dict[int, Problem]]:
    if pa.types.is_nested(array.type):
        return _nested(array, limits, position)
    texts = pc.cast(array, pa.string(), safe=False)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        message = f"Column {position} holds text that is not in the encoding that the file declares."
        fix = "Declare its encoding in the spec (normalization.encoding), or ask for the file in UTF-8."
        raise UnreadableSource("not_utf8", f"column {position}", message, fix) from error
    what = f"Value {position}"
    texts, problems = _without(
        texts, pc.match_substring(texts, "\x00"), ("nul_character", f"{what} holds the character NUL (U+0000).")
    )
    long = ("value_too_large", f"{what} is longer than {limits.value_characters} bytes.")
    texts, more = _without(texts, pc.greater(pc.binary_length(texts), limits.value_characters), long)
    return texts, {**more, **problems}


def _nested(array: pa.Array, limits: Limits, position: int) -> tuple[pa.Array, dict[int, Problem]]:
    texts: list[str | None] = []
    problems: dict[int, Problem] = {}
    for i, value in enumerate(array.to_pylist()):
        try:
            check_nested(value, limits, f"Value {position}")
            texts.append(None if value is None else _as_json(value))
        except RecordProblem as problem:
            texts.append(None)
            problems[i] = (problem.code, problem.message)
    return pa.array(texts, pa.string()), problems


def _as_json(value: Any) -> str:
    try:
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False, default=str
        )
    except ValueError as error:
        raise RecordProblem("not_finite", "A nested value is not a finite number.") from error
