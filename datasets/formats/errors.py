"""How reading a source can fail, and the sizes beyond which it is refused.

Decides the two kinds of failure: ``UnreadableSource`` ends the whole file, ``RecordProblem`` ends one record, which
then goes to the rejects file. Never carries a coordinate or a cell's value. Keeps clause E2 (failing records are
counted and set apart, never dropped in silence).
"""

from __future__ import annotations

from dataclasses import dataclass


class UnreadableSource(Exception):  # noqa: N818 - the name is the public contract of this package
    """The whole file is refused. ``code``: lower_snake, stable; ``where``: byte, line or column; rest: sentences."""

    def __init__(self, code: str, where: str, message: str, fix: str) -> None:
        super().__init__(f"{where}: {message} {fix}".strip() if where else f"{message} {fix}".strip())
        self.code = code
        self.where = where
        self.message = message
        self.fix = fix


class RecordProblem(Exception):  # noqa: N818 - not an error of the program but a fact about one record
    """One record can't be kept. ``message`` names the rule and the member, never the values."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, each refused with its own code when exceeded.

    ``columns``: number of columns; ``vertices``: positions in one geometry; ``value_characters``: text of one feature
    or one CSV field; ``property_depth``: nesting inside one property; ``markup_depth``: nesting of XML elements;
    ``rows``: rows that a compressed table may claim; ``members``: of an archive; ``expanded_bytes``: what an archive
    may unpack to; ``expansion``: how many times larger than it was packed; ``batch_rows``, ``batch_bytes``: rows, or
    bytes of them, in memory and in one row group.
    """

    columns: int = 2_000
    vertices: int = 1_000_000
    value_characters: int = 64 * 1024 * 1024
    property_depth: int = 64
    markup_depth: int = 64
    rows: int = 100_000_000
    members: int = 2_000
    expanded_bytes: int = 8 * 1024**3
    expansion: int = 200
    batch_rows: int = 16_384
    batch_bytes: int = 32 * 1024 * 1024
