"""CSV in blocks: whatever way a block is read, the rows, rejects and types are those of the strict reader."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats import csv_blocks, csv_source
from datasets.formats.columns import kind_of_text, type_of
from datasets.formats.csv_blocks import Block, Remainder, blocks_of
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.text_columns import TextTypes, convert_cells
from tests.formats.making import refused, rejects, rows, run

pa = pytest.importorskip("pyarrow")


def strict(text: str, width: int) -> tuple[list[list[str]], list[int]] | None:
    """Rows and the numbers of ragged ones, by Python's strict reader over lines; None when it refuses."""
    try:
        found = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None
    kept = [row for row in found[1:] if len(row) == width]
    return kept, [i for i, row in enumerate(found[1:], start=1) if len(row) != width]


def blockwise(path, text: str, width: int, monkeypatch, chunk: int):
    path.write_bytes(text.encode())
    monkeypatch.setattr(csv_blocks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(csv_blocks.decoded, "__kwdefaults__", {"chunk_bytes": chunk})
    kept, ragged = [], []
    try:
        for part in csv_source.read_csv(path, csv_source.Dialect("utf-8", ","), width, Limits(), lambda _done: None):
            kept += [list(cells) for cells in zip(*(column.to_pylist() for column in part.columns), strict=True)]
            ragged += [reject.row for reject in part.rejects]
    except UnreadableSource as error:
        return None if error.code == "invalid_csv" else ([], [])
    return kept, ragged


cell = st.text(st.sampled_from('ab",\n\r é1'), max_size=5)
quoted = st.builds(lambda text: '"' + text.replace('"', '""') + '"', cell)
bare = st.text(st.sampled_from("ab é1"), max_size=4)
line = st.lists(st.one_of(bare, quoted), min_size=2, max_size=2).map(",".join)
ends = st.sampled_from(["\n", "\r\n", "\n\n"])
well_formed = st.lists(st.tuples(line, ends), min_size=1, max_size=8).map(
    lambda parts: "h1,h2\n" + "".join(a + b for a, b in parts)
)
anything = st.text(st.sampled_from('ab",\n1'), max_size=30).map(lambda text: "h1,h2\n" + text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(well_formed, anything), chunk=st.sampled_from([1, 3, 7, 64, 4096]))
def test_both_ways_of_reading_agree(tmp_path, monkeypatch, text, chunk):
    expected = strict(text, 2)
    if expected is not None and not expected[0] and not expected[1]:
        expected = ([], [])
    assert blockwise(tmp_path / "t", text, 2, monkeypatch, chunk) == expected


def test_plain_quoted_text_is_read_in_blocks_and_stray_quotes_by_the_strict_reader():
    def kinds(text, chunk=8):
        pieces = (text[i : i + chunk] for i in range(0, len(text), chunk))
        return {type(block) for block in blocks_of(pieces, ",", Limits())}

    assert kinds('a,b\n1,"x ""y"" \n z"\n2,""\n') == {Block}
    assert Remainder in kinds('a,b\n1,5" pipe\n')
    assert Remainder in kinds("a,b\n1,2\r3,4\n")
    assert Remainder in kinds('a,b\n1,"x"y\n')


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(st.sampled_from("0123456789.-+eE tru"), max_size=20),
            st.integers().map(str),
            st.floats().map(str),
            st.sampled_from(
                ["", "true", "FALSE", "-0", "0.1", "12345678901234567", "9223372036854775808", "1.2345678901234567"]
            ),
        ),
        max_size=12,
    )
)
def test_types_in_blocks_are_the_types_cell_by_cell(cells):
    types = TextTypes(["a"])
    types.observe("a", pa.array(cells[:5], pa.string()))
    types.observe("a", pa.array(cells[5:], pa.string()))
    expected = type_of(kind_of_text(cell) for cell in cells if cell)
    assert types.types() == {"a": expected}
    values = convert_cells(pa.array(cells, pa.string()), expected).to_pylist()
    read = {"int64": int, "double": float, "bool": lambda text: text.lower() == "true", "string": str}[expected]
    assert values == [read(cell) if cell else None for cell in cells]


def test_rows_keep_their_numbers_across_blocks(tmp_path):
    raw = b"lat,lon,n\n" + b"".join(b"38,-98,%d\n" % i if i % 40_000 else b"38,-98\n" for i in range(1, 200_001))
    result = run(tmp_path, raw)
    assert rejects(tmp_path) == [(i, "ragged_row") for i in range(40_000, 200_001, 40_000)]
    assert result.rows_read == 200_000
    kept = [row["n"] for row in rows(tmp_path)[::1_000]]
    assert kept[:2] == [1, 1_001]


def test_a_quote_that_never_closes_names_its_line_and_a_header_may_hold_a_line_end(tmp_path):
    raw = b'a,"b\nc"\n' + b"1,2\n" * 100
    assert [column["name"] for column in run(tmp_path, raw).columns] == ["a", "b\nc"]
    (tmp_path / "out.parquet").unlink()
    assert refused(tmp_path, raw + b'1,"x\n' + b"1,2\n" * 100).code == "invalid_csv"
    assert refused(tmp_path, b"a,b\n1,2\n1,3\r4,5\n").code == "invalid_csv"
    assert refused(tmp_path, b'a,"b' + b"x" * 300_000, limits=Limits(value_characters=100_000)).code in {
        "value_too_large",
        "invalid_csv",
    }


def test_a_declared_system_is_obeyed_for_coordinates_in_columns(tmp_path):
    raw = b"y,x,n\n4261000,543000,1\n4261000,,2\n1e400,5,3\n+4261000, 543000 ,4\n"
    run(tmp_path, raw, {"source_crs": "EPSG:26914"})
    assert [round(row["geometry"].x, 2) for row in rows(tmp_path)] == [-98.51, -98.51]
    assert rejects(tmp_path) == [(2, "half_a_position"), (3, "not_finite")]


def test_well_known_text_with_curves_depth_and_a_declared_system(tmp_path):
    deep = "GEOMETRYCOLLECTION (" * 50_000 + "POINT (1 2)" + ")" * 50_000
    texts = [
        "POINT (543000 4261000)",
        "CIRCULARSTRING (0 0, 1 1, 2 0)",
        deep,
        "POINT EMPTY",
        "POINT Z (543000 4261000 7)",
    ]
    raw = "wkt|n\n" + "".join(f"{text}|{i}\n" for i, text in enumerate(texts))
    run(tmp_path, raw.encode(), {"source_crs": "EPSG:26914"})
    assert rejects(tmp_path) == [(2, "unknown_geometry_type"), (3, "too_deep"), (4, "too_few_positions")]
    assert rows(tmp_path)[1]["geometry"].z == 7


def test_a_table_without_geometry_is_a_table(tmp_path):
    result = run(tmp_path, b"a,b\n1,x\n", {"canonical_fields": {"b": "upstream.b"}})
    assert (result.kind, result.geometry_column, result.bbox, result.source_crs) == ("table", None, None, None)
    assert rows(tmp_path) == [{"b": "x"}]
