"""Clause E2: a spec's own SQL answers from the data alone, and reaches nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from datasets.quality import custom_sql, one_pass, sandbox
from datasets.quality.checks import measure_checks
from datasets.quality.measures import CustomSql, NotMeasurable, Table
from tests.quality.files import write_geoparquet

COLUMNS = {"id": [1, 2, 2, 4], "Depth in m": [5.0, 50.0, None, 900.0], 'a"b': ["x", "y", "z", "w"]}


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    shapes = ["POINT (-98 38)"] * 4
    return write_geoparquet(tmp_path_factory.mktemp("it's here") / "data.parquet", COLUMNS, shapes)


def check(parquet, sql, returns="rows", **more):
    declared = {"name": "custom_sql", "threshold": 1, "operator": ">=", "sql": sql, "returns": returns, **more}
    (result,) = measure_checks(
        parquet, spec={"validation": {"checks": [declared]}}, rows_rejected=0, previous_rows=0
    ).results
    return result


@pytest.mark.parametrize(
    ("sql", "returns", "value", "rows"),
    [
        ('SELECT n FROM data WHERE "Depth in m" > 10', "rows", 0.5, (2, 4)),
        ("SELECT n FROM data WHERE false", "rows", 1, ()),
        ("SELECT n FROM data UNION ALL SELECT n FROM data WHERE n = 3", "rows", 0, (1, 2, 3, 4)),
        ('WITH deep AS (SELECT n, "a""b" AS w FROM data) SELECT n FROM deep WHERE w = \'w\';', "rows", 0.75, (4,)),
        ("SELECT max(id) FROM data", "number", 4, ()),
        ("SELECT count(*) FROM range(3) r(i), data", "number", 12, ()),
    ],
)
def test_e2_sql_says_which_rows_fail_or_gives_a_number(parquet, sql, returns, value, rows):
    result = check(parquet, sql, returns)
    assert (result.value, result.sample_rows) == (value, rows), result.message


ATTACKS = [
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM '/etc/passwd'",
    "SELECT count(*) FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM read_blob('/etc/passwd')",
    "SELECT count(*) FROM glob('/*')",
    "SELECT count(*) FROM parquet_metadata('/etc/passwd')",
    "SELECT count(*) FROM sniff_csv('/etc/passwd')",
    "SELECT count(*) FROM (SELECT * FROM read_csv('/etc/passwd'))",
    "SELECT (SELECT count(*) FROM read_csv('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_csv('/etc/passwd')) SELECT count(*) FROM x",
    "WITH x AS MATERIALIZED (SELECT * FROM glob('/*')) SELECT count(*) FROM x",
    "SELECT count(*) FROM data WHERE EXISTS (SELECT 1 FROM glob('/*'))",
    "SELECT length(getenv('PATH'))",
    "SELECT length(current_setting('home_directory'))",
    "SELECT count(*) FROM duckdb_settings()",
    "SELECT count(*) FROM duckdb_secrets()",
    "SELECT count(*) FROM duckdb_views()",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM pg_catalog.pg_class",
    "SELECT count(*) FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('data')",
    "SHOW TABLES",
    "SELECT count(*) FROM (DESCRIBE data)",
    "COPY data TO '/tmp/kfm-stolen.csv'",
    "COPY (SELECT * FROM data) TO '/tmp/kfm-stolen.parquet'",
    "EXPORT DATABASE '/tmp/kfm-stolen'",
    "ATTACH '/tmp/kfm-stolen.db' AS stolen",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '100GB'",
    "RESET enable_external_access",
    "CREATE TABLE x AS SELECT 1",
    "DROP VIEW data",
    "DELETE FROM data",
    "CALL pragma_version()",
    "CHECKPOINT",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY data TO '/tmp/kfm-stolen.csv'",
    "SELECT 1) TO '/tmp/kfm-stolen.csv' --",
    "SELECT random()",
    "SELECT epoch(now())",
    "SELECT epoch(CURRENT_TIMESTAMP)",
    "SELECT length(CAST(current_date AS VARCHAR))",
    "SELECT length(CAST(uuid() AS VARCHAR))",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT sleep_ms(100000)",
    "SELECT count(*) FROM read_csv('http://127.0.0.1:9/x')",
    "SELECT count(*) FROM 's3://bucket/key.parquet'",
    "SELECT",
    "not sql at all",
    "\x00",
    "SELECT 'x'",
    "SELECT 1, 2",
    "SELECT 1 UNION ALL SELECT 2",
    "SELECT NULL",
    "SELECT 'nan'::DOUBLE",
    "SELECT true",
]


def asked(parquet, sql, returns="number"):
    """What the sandbox answers, asked in this process to be quick."""
    columns = [*COLUMNS, "geometry", "n"]
    return sandbox.respond({"parquet": str(parquet), "columns": columns, "sql": sql, "returns": returns, "rows": 4})


@pytest.mark.parametrize("sql", ATTACKS, ids=lambda sql: sql[:50].replace("\x00", "NUL"))
def test_e2_sql_that_reaches_for_anything_but_the_data_is_an_error(parquet, sql):
    before = parquet.read_bytes()
    said = asked(parquet, sql)
    assert set(said) == {"error"}, said
    assert "/etc" not in said["error"]
    assert "root:" not in said["error"]
    assert parquet.read_bytes() == before
    assert not list(Path("/tmp").glob("kfm-stolen*"))


FILES = [
    sql for sql in ATTACKS if any(word in sql for word in ("/etc", "glob", "COPY data", "ATTACH", "INSTALL", "SET"))
]


@pytest.mark.parametrize("sql", FILES, ids=lambda sql: sql[:50])
def test_e2_the_engine_itself_is_locked_should_the_look_at_the_sql_miss_something(parquet, sql):
    connection = sandbox.connect(str(parquet), [*COLUMNS, "geometry", "n"])
    with pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()


def test_e2_the_attack_tests_can_fail(parquet):
    assert asked(parquet, "SELECT count(*) FROM data") == {"number": 4.0}


@pytest.mark.parametrize("sql", [ATTACKS[0], "COPY data TO '/tmp/kfm-stolen.csv'", "SELECT 1; SELECT 2"])
def test_e2_the_check_itself_says_error_and_no_value(parquet, sql):
    result = check(parquet, sql, "number")
    assert (result.verdict, result.value) == ("error", None)


@pytest.mark.parametrize(
    "sql", ["SELECT 0", "SELECT 5", "SELECT id + 100 FROM data", "SELECT 1.5", "SELECT NULL", "SELECT n, id FROM data"]
)
def test_e2_rows_that_the_data_lack_are_an_error(parquet, sql):
    assert set(asked(parquet, sql, "rows")) == {"error"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 3000000000))",
        "SELECT len(list(i)) FROM range(1000000000) t(i)",
        "SELECT length(string_agg(i, ',')) FROM range(1000000000) t(i)",
    ],
)
def test_e2_sql_that_asks_for_too_much_memory_is_an_error(parquet, sql):
    assert check(parquet, sql, "number").verdict == "error"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM generate_series(1, 100000000000) g(i) WHERE i % 7 = 3",
        "SELECT count(*) FROM range(1000000) a(i), range(1000000) b(j) WHERE i * j % 7 = 3",
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_e2_sql_that_never_ends_is_killed(parquet, sql):
    table = Table(parquet)
    began = time.monotonic()
    with pytest.raises(NotMeasurable, match=r"no answer after|engine refused|too much"):
        custom_sql.ask(table, CustomSql(sql, "number"), seconds=0.7)
    table.close()
    assert time.monotonic() - began < 20


def test_e2_the_sandbox_knows_nothing_of_the_servers_environment(parquet, monkeypatch):
    seen = {}

    def run(*_args, **options):
        seen.update(options)
        raise custom_sql.subprocess.TimeoutExpired("x", 1)

    monkeypatch.setattr(custom_sql.subprocess, "run", run)
    assert check(parquet, "SELECT n FROM data").verdict == "error"
    assert seen["env"] == {}


@pytest.mark.parametrize(
    "more",
    [
        {"sql": ""},
        {"sql": None},
        {"sql": "SELECT n FROM data" + " " * 4_000},
        {"returns": "everything"},
        {"returns": None},
    ],
)
def test_e2_a_misdeclared_sql_check_is_an_error(parquet, more):
    assert check(parquet, **{"sql": "SELECT n FROM data", "returns": "rows", **more}).verdict == "error"


def test_e2_a_number_needs_its_operator(parquet):
    declared = {"name": "custom_sql", "threshold": 1, "sql": "SELECT 1", "returns": "number"}
    (result,) = measure_checks(
        parquet, spec={"validation": {"checks": [declared]}}, rows_rejected=0, previous_rows=0
    ).results
    assert result.verdict == "error"


def test_e2_a_spec_has_only_so_much_sql_of_its_own(parquet, monkeypatch):
    monkeypatch.setattr(one_pass, "MOST_CUSTOM_SQL", 1)
    declared = {"name": "custom_sql", "threshold": 1, "sql": "SELECT n FROM data WHERE false", "returns": "rows"}
    found = measure_checks(
        parquet, spec={"validation": {"checks": [declared, declared]}}, rows_rejected=0, previous_rows=0
    )
    assert [result.verdict for result in found.results] == ["pass", "error"]


def test_e2_a_column_called_n_keeps_its_name(tmp_path):
    path = write_geoparquet(tmp_path / "x.parquet", {"N": [7, 8]})
    assert check(path, 'SELECT kfm_row FROM data WHERE "N" = 8').sample_rows == (2,)
    both = write_geoparquet(tmp_path / "y.parquet", {"N": [7, 8], "n": [1, 2]})
    assert check(both, "SELECT kfm_row FROM data").verdict == "error"
