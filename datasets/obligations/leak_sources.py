"""Reads what the leak linter looks for out of the restricted source, and leads it over a released file (C2, ADR 0029).

Decides what of the source is secret: its places where they must be generalized, the values of attributes that must go
(unless a column that stays has them too), times finer than they may be, and what only rows that were left out have.
Reads columns one by one; a source too large to be looked for whole is a ``ValueError``, never half a look.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from audit.findings import Finding
from datasets.obligations import spellings
from datasets.obligations.leak_places import PlaceSecrets
from datasets.obligations.leaks import FIX, LeakScan, Secrets, Words, as_words
from datasets.obligations.parquet_bytes import pages, read_footer
from datasets.obligations.spellings import Floats
from datasets.obligations.verify import columns
from datasets.policy.obligations import Obligation, ObligationKind

MOST_VERTICES = 10_000_000
MOST_VALUES = 3_000_000
#: So many distinct values, and this share of the rows the same: one column repeats the other.
_LEAST_REPEATED, _REPEATED_SHARE = 3, 0.5
_MOST_NUMBER_COLUMNS = 12
_BYTE_ARRAY, _DOUBLE, _FIXED = 6, 5, 7
#: The length that Parquet writes before each text, as what stands between two texts.
_LENGTH = re.compile(rb"(?s).\x00\x00\x00|..\x00\x00(?!\x00)")
_DAY = 10


def secrets_of(
    source: Path, released: Path, obligations: Sequence[Obligation], *, public: Sequence[str] = ()
) -> Secrets:
    """What of *source* must not be found in anything that goes out with *released*. Raises ``ValueError``."""
    owed = {item.kind: item.value for item in obligations}
    removed = _removed(obligations)
    size = owed.get(ObligationKind.GENERALIZE_GEOMETRY)
    places = None
    if size is not None:
        places = PlaceSecrets(float(str(size)), *_vertices(source), *_vertices(released))
    values, moments = _attributes(source, removed)
    if ObligationKind.SUPPRESS_SMALL_COUNTS in owed:
        values |= _left_out(source, released, removed)
    if (resolution := owed.get(ObligationKind.GENERALIZE_TIME)) is not None:
        moments |= _times(source, removed, str(resolution))
    if len(values) + len(moments) > MOST_VALUES:
        raise ValueError("the source has more values to look for than can be held")
    return Secrets(places, frozenset(values), frozenset(moments), tuple(public))


def repeated_columns(source: Path, obligations: Sequence[Obligation]) -> list[Finding]:
    """Columns that stay and say, row by row, what an attribute that must go says."""
    removed = _removed(obligations)
    schema = pq.read_schema(source)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    gone = [name for name in texts if _is_removed(name, removed)]
    kept = [name for name in texts if name not in gone]
    same: Counter[tuple[str, str]] = Counter()
    filled: Counter[str] = Counter()
    distinct: dict[str, set[str]] = {name: set() for name in gone}
    for batch in columns.batches(source, [*gone, *kept]) if gone and kept else ():
        table = {name: batch.column(batch.schema.get_field_index(name)) for name in (*gone, *kept)}
        for name in gone:
            filled[name] += len(batch) - table[name].null_count
            if len(distinct[name]) < _LEAST_REPEATED:
                distinct[name] |= {value for value, _ in columns.distinct(table[name])}
        for pair in itertools.product(gone, kept):
            one, other = (pc.utf8_lower(pc.utf8_trim_whitespace(table[name])) for name in pair)
            same[pair] += pc.sum(pc.equal(one, other)).as_py() or 0
    return [
        Finding("leak_attribute", stays, "The column repeats, row by row, an attribute that must go.", FIX)
        for (gone_one, stays), count in sorted(same.items())
        if len(distinct[gone_one]) >= _LEAST_REPEATED and count >= _REPEATED_SHARE * filled[gone_one]
    ]


def scan_released(scan: LeakScan, path: Path, name: str) -> None:
    """Leads *scan* over a released Parquet file: footer, what lies between, every page, every column."""
    footer = read_footer(path)
    with path.open("rb") as file:
        for start, end in [*footer.gaps(), (footer.start, footer.size)]:
            file.seek(start)
            scan.raw(name, file.read(end - start))
        for chunk in footer.chunks():
            if chunk.physical in {_BYTE_ARRAY, _DOUBLE, _FIXED}:
                for page in pages(file, chunk):
                    body = _LENGTH.sub(b"\n", page.body) if chunk.physical == _BYTE_ARRAY else page.body
                    scan.page(f"{name}#{chunk.name}", body, page.body, text=chunk.physical != _DOUBLE)
    _columns(scan, path, name)


def _columns(scan: LeakScan, path: Path, name: str) -> None:
    """Every column's values as such: numbers for their digits, and two columns together for pairs."""
    geometry = _geometry(path)
    numbers: dict[str, Floats] = {}
    for field in pq.read_schema(path):
        if field.name == geometry:
            continue
        seen: dict[str, list[Any]] = {}
        for batch in columns.batches(path, [field.name]):
            for leaf, values in columns.leaves(field.name, batch.column(0)):
                if _is_number(values.type):
                    seen.setdefault(leaf, []).append(
                        values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
                    )
                elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                    scan.text(f"{name}#{leaf}", "\n".join(value for value, _ in columns.distinct(values)))
        for leaf, parts in seen.items():
            together = np.concatenate(parts)
            scan.numbers(f"{name}#{leaf}", together)
            if leaf == field.name and len(numbers) < _MOST_NUMBER_COLUMNS and len(np.unique(together)) > 1:
                numbers[leaf] = together
    for (one, first), (other, second) in itertools.combinations(numbers.items(), 2):
        scan.number_pairs(f"{name}#{one}, {other}", first, second)


def _is_number(kind: Any) -> bool:
    return any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))


def _removed(obligations: Sequence[Obligation]) -> frozenset[str]:
    lists = [item.value for item in obligations if item.kind is ObligationKind.REMOVE_ATTRIBUTES]
    return frozenset(str(name).casefold() for names in lists if isinstance(names, tuple) for name in names)


def _is_removed(path: str, removed: frozenset[str]) -> bool:
    """Whether the field, or one that it lies in, must go."""
    parts = path.casefold().split(".")
    return any(".".join(parts[: n + 1]) in removed or parts[n] in removed for n in range(len(parts)))


def _geometry(path: Path) -> str | None:
    raw = dict(pq.read_metadata(path).metadata or {}).get(b"geo")
    return None if raw is None else str(json.loads(raw)["primary_column"])


def _vertices(path: Path) -> tuple[Floats, Floats]:
    """Longitude and latitude of every distinct vertex, and of the middle of what is no point."""
    geometry = _geometry(path)
    found = [np.empty((0, 2))]
    held = 0
    for batch in columns.batches(path, [geometry]) if geometry else ():
        shapes = shapely.from_wkb(batch.column(0).drop_null().to_numpy(zero_copy_only=False))
        middles = shapely.centroid(shapes[shapely.get_type_id(shapes) != 0])
        points = np.concatenate([shapely.get_coordinates(shapes), shapely.get_coordinates(middles)])
        once = np.unique(points[:, 0] + 1j * points[:, 1])
        found.append(np.column_stack([once.real, once.imag]))
        held += len(once)
        if held > MOST_VERTICES:
            raise ValueError("the source has more vertices to look for than can be held")
    every = np.concatenate(found)
    return np.ascontiguousarray(every[:, 0]), np.ascontiguousarray(every[:, 1])


def _leaves(path: Path) -> Iterator[tuple[str, Any]]:
    """(dotted path, values) of every leaf but the geometry, batch by batch, column by column."""
    geometry = _geometry(path)
    for name in pq.read_schema(path).names:
        if name != geometry:
            for batch in columns.batches(path, [name]):
                yield from columns.leaves(name, batch.column(0))


def _attributes(source: Path, removed: frozenset[str]) -> tuple[set[str], set[str]]:
    """The words of values that only attributes have that must go, and their days and times."""
    gone: set[str] = set()
    moments: set[str] = set()
    if not removed:
        return gone, moments
    for name, values in _leaves(source):
        if _is_removed(name, removed):
            for value, _ in columns.distinct(values):
                days = set(_moments(value))
                moments |= days
                words = None if days else as_words(value)
                gone |= {words} if words else set()
            if len(gone) > MOST_VALUES:
                raise ValueError("the source has more values to look for than can be held")
    for name, values in _leaves(source) if gone else ():
        if not _is_removed(name, removed):
            gone -= {words for value, _ in columns.distinct(values) if (words := as_words(value))}
    return gone, moments


def _left_out(source: Path, released: Path, removed: frozenset[str]) -> set[str]:
    """The words of texts that no released row has, though their column goes out: rows were left out with them."""
    texts = {words for name, words in _words(source) if not _is_removed(name, removed)}
    texts -= {words for _, words in _words(released)}
    inside = Words(frozenset(texts))
    for _name, values in _leaves(released):
        if pa.types.is_string(values.type):
            texts -= inside.hits("\n".join(value for value, _ in columns.distinct(values)))
    return texts


def _words(path: Path) -> Iterator[tuple[str, str]]:
    for name, values in _leaves(path):
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            for value, _ in columns.distinct(values):
                words = None if any(_moments(value)) else as_words(value)
                if words:
                    yield name, words


def _times(source: Path, removed: frozenset[str], resolution: str) -> set[str]:
    """The days and times of columns that go out coarser than they are here."""
    found: set[str] = set()
    for name, values in _leaves(source):
        if not _is_removed(name, removed):
            for value, _ in columns.distinct(values):
                found |= set(_moments(value))
    return {moment for moment in found if resolution != "day" or len(moment) > _DAY}


def _moments(value: Any) -> Iterator[str]:
    """The day or time that a value is, as ``spellings.times`` writes it; nothing for what is none."""
    if hasattr(value, "isoformat"):
        text = str(value.isoformat())[:19]
        yield text if not text.endswith("T00:00:00") else text[:_DAY]
        if len(text) > _DAY and not text.endswith(":00"):
            return
        yield text[:16] if len(text) > _DAY and not text.endswith("T00:00:00") else text[:_DAY]
    elif isinstance(value, str) and value[:2].isdigit():
        yield from spellings.times(value)
