"""C2: what apply writes, verify accepts; what is planted, verify finds."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from datasets.obligations.apply import ObligationNotApplicable, apply_obligations
from datasets.obligations.verify import verify_obligations
from datasets.policy.obligations import parse_obligations

ALL = parse_obligations(
    [
        {"type": "generalize_geometry", "min_cell_size_m": 5000},
        {"type": "remove_attributes", "fields": ["owner"]},
        {"type": "generalize_time", "resolution": "month"},
        {"type": "suppress_small_counts", "k": 3},
    ]
)


def write(path, extra=None, points=((-98.0, 38.5),) * 4 + ((-95.0, 37.5),)):
    n = len(points)
    columns = {
        "geometry": pa.array([shapely.to_wkb(shapely.Point(p)) for p in points], pa.binary()),
        "owner": ["A. Person"] * n,
        "seen": ["2024-05-17"] * n,
        **(extra or {}),
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    pq.write_table(pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def test_c2_what_was_applied_verifies(tmp_path):
    log = apply_obligations(write(tmp_path / "in.parquet"), tmp_path / "out.parquet", ALL)
    assert verify_obligations(tmp_path / "out.parquet", ALL, {}) == []
    assert (log.rows_in, log.rows_out, log.suppressed_groups) == (5, 4, 1)
    kept = [item for item in ALL if item.kind != "remove_attributes"]
    again = apply_obligations(tmp_path / "out.parquet", tmp_path / "again.parquet", kept)
    assert again.bbox_out == pytest.approx(log.bbox_out, abs=1e-9)


def test_c2_verify_finds_each_planted_violation(tmp_path):
    path = write(tmp_path / "raw.parquet")
    codes = {finding.code for item in ALL for finding in verify_obligations(path, [item], {})}
    assert codes == {"grid_undeclared", "attribute_present", "time_too_fine", "small_group"}


def test_c2_a_column_that_gives_the_place_away_is_refused(tmp_path):
    source = write(tmp_path / "in.parquet", {"lat": [38.5] * 5})
    with pytest.raises(ObligationNotApplicable, match="lat"):
        apply_obligations(source, tmp_path / "out.parquet", ALL)
    assert not (tmp_path / "out.parquet").exists()


def test_c2_documents_must_carry_attribution_and_notice(tmp_path):
    owed = parse_obligations([{"type": "require_attribution"}, {"type": "show_notice", "message": "Handle with care"}])
    good = {"collection.json": b'{"kfm:attribution": "KGS", "description": "Handle with care."}'}
    assert verify_obligations(None, owed, good) == []
    found = verify_obligations(None, owed, {"collection.json": b"{}"})
    assert {finding.code for finding in found} == {"attribution_absent", "notice_absent"}
    assert {finding.kind for finding in verify_obligations(None, owed, {})} == {"missing"}


def test_c2_metadata_only_lets_no_bytes_out(tmp_path):
    owed = parse_obligations([{"type": "metadata_only"}])
    assert verify_obligations(None, owed, {}) == []
    assert verify_obligations(write(tmp_path / "in.parquet"), owed, {})[0].code == "bytes_published"


def test_c2_unreadable_bytes_are_an_error(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"not parquet")
    assert {f.kind for f in verify_obligations(tmp_path / "x.parquet", ALL, {})} == {"error"}


@pytest.mark.parametrize("named", ["ovner", "owner.name", "geometry_"])
def test_c2_a_field_to_remove_that_is_not_there_is_refused(tmp_path, named):
    source = write(tmp_path / "in.parquet")
    with pytest.raises(ObligationNotApplicable, match="remove_attributes names"):
        apply_obligations(
            source, tmp_path / "out.parquet", parse_obligations([{"type": "remove_attributes", "fields": [named]}])
        )
    assert not (tmp_path / "out.parquet").exists()


BY_MONTH = parse_obligations([{"type": "generalize_time", "resolution": "month"}])
#: (column, values): times that ISO 8601's extended form doesn't spell, or that no one can read.
UNREAD_TIMES = [
    ("noted", ["17-MAY-24 10:00:00"]),
    ("noted", ["5/17/2024"]),
    ("noted", ["17.05.2024 10:00"]),
    ("noted", ["2024/05/17"]),
    ("noted", ["20240517"]),
    ("noted", ["20240517T1000Z"]),
    ("noted", ["May 17, 2024"]),
    ("noted", ["2024-138"]),
    ("noted", ["2024-W20-5"]),
    ("begin_date", ["last Tuesday"]),
    ("BeginDate", ["17 5 24"]),
    ("event_time", [1530]),
    ("epoch", [1715900000.0]),
    ("BEGIN_DAY", [17]),
]


@pytest.mark.parametrize(("column", "values"), UNREAD_TIMES)
def test_c2_a_time_that_cant_be_read_is_refused_and_found(tmp_path, column, values):
    source = write(tmp_path / "in.parquet", {column: values * 5})
    with pytest.raises(ObligationNotApplicable, match=column):
        apply_obligations(source, tmp_path / "out.parquet", BY_MONTH)
    found = {f.where: f.code for f in verify_obligations(source, BY_MONTH, {})}
    assert found == {"seen": "time_too_fine", column: "time_unreadable"}


@pytest.mark.parametrize(
    ("column", "values", "kept"),
    [
        ("note", ["Drilled in May."], "Drilled in May."),
        ("year", [1987], 1987),
        ("depth_m", [20.5], 20.5),
        ("code", ["12345678"], "12345678"),
        ("begin_date", [" 2024-05-17T10:00:00Z "], "2024-05"),
        ("begin_date", ["2024"], "2024"),
        ("begin_date", [None], None),
        ("begin_date", [""], ""),
    ],
)
def test_c2_what_is_no_time_or_coarse_enough_is_kept(tmp_path, column, values, kept):
    source = write(tmp_path / "in.parquet", {column: pa.array(values * 5, pa.string() if None in values else None)})
    apply_obligations(source, tmp_path / "out.parquet", BY_MONTH)
    assert pq.read_table(tmp_path / "out.parquet").column(column).to_pylist() == [kept] * 5
    assert verify_obligations(tmp_path / "out.parquet", BY_MONTH, {}) == []


def test_c2_a_notice_is_shown_not_only_listed_as_owed():
    owed = parse_obligations([{"type": "show_notice", "message": "Handle with care"}])
    listed = {"collection.json": b'{"kfm:obligations": [{"type": "show_notice", "message": "Handle with care"}]}'}
    assert [finding.code for finding in verify_obligations(None, owed, listed)] == ["notice_absent"]


def test_c2_a_notice_is_no_attribution():
    label = [{"@value": "Handle with care"}]
    nodes = [{"@id": "b", "@type": "dct:RightsStatement", "rdfs:label": label}]
    record = {"@graph": [{"@id": "a", "dct:accessRights": {"@id": "b"}}, *nodes]}
    documents = {"dcat.jsonld": json.dumps(record).encode()}
    owed = parse_obligations([{"type": "require_attribution"}, {"type": "show_notice", "message": "Handle with care"}])
    assert [finding.code for finding in verify_obligations(None, owed, documents)] == ["attribution_absent"]
