"""Clause E1's form: a spec says all that its checks need, and no check twice."""

from __future__ import annotations

from copy import deepcopy

import pytest

from datasets.specs import check_spec
from tests.world import SPEC


def findings(*checks):
    spec = deepcopy(SPEC)
    spec["validation"]["checks"] = list(checks)
    return {(finding.where.removeprefix("/validation/checks/"), finding.code) for finding in check_spec(spec)}


WELL_FORMED = [
    {"name": "field_type", "field": "a", "type": "date", "threshold": 1},
    {"name": "domain", "field": "a", "values": [1, "x", None], "threshold": 1},
    {"name": "pattern", "parameters": {"field": "a", "pattern": "[0-9]+"}, "threshold": 1},
    {"name": "references", "field": "a", "dataset": "ks_counties", "dataset_field": "geoid", "threshold": 1},
    {"name": "custom_sql", "sql": "SELECT n FROM data", "returns": "rows", "threshold": 1, "severity": "warn"},
    {"name": "null_rate", "field": "a", "threshold": 0.1},
    {"name": "null_rate", "field": "b", "threshold": 0.1},
    {"name": "within_extent", "parameters": {"bbox": [-102.05, 36.99, -94.6, 40]}, "threshold": 1},
]


def test_e1_all_kinds_of_checks_are_well_formed():
    assert findings(*WELL_FORMED) == set()


@pytest.mark.parametrize(
    ("check", "where", "code"),
    [
        ({"name": "field_type", "field": "a"}, "0/type", "check_incomplete"),
        ({"name": "pattern", "pattern": "x"}, "0/field", "check_incomplete"),
        ({"name": "references", "field": "a"}, "0/dataset", "check_incomplete"),
        ({"name": "references", "dataset": "b"}, "0/field", "check_incomplete"),
        ({"name": "references", "field": "a", "dataset": "Not a slug"}, "0/dataset", "schema_pattern"),
        ({"name": "custom_sql", "sql": "SELECT 1"}, "0/returns", "check_incomplete"),
        ({"name": "custom_sql", "sql": "SELECT 1", "returns": "all"}, "0/returns", "schema_enum"),
        ({"name": "custom_sql", "sql": "x" * 4001, "returns": "rows"}, "0/sql", "schema_max_length"),
        ({"name": "pattern", "field": "a", "pattern": "x" * 501}, "0/pattern", "schema_max_length"),
    ],
)  # fmt: skip
def test_e1_a_check_that_cant_be_measured_is_found_before_any_run(check, where, code):
    assert findings({**check, "threshold": 1}) == {(where, code)}


def test_e1_the_same_measure_twice_is_one_too_many():
    check = {"name": "null_rate", "field": "a", "threshold": 0.1}
    assert findings(check, {**check, "threshold": 0.2, "severity": "warn"}) == {("1/name", "check_repeated")}
