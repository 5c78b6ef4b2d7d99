"""Who signs sees on the board which checks could not have stopped the version. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from promotions.readers.changes import Facts, compare
from promotions.readers.quality_checks import asked_of

SOUND = {"name": "null_rate", "operator": "<=", "threshold": 0.1, "severity": "fail", "field": "depth_m"}


def asked(*checks: dict[str, Any], **told: Any) -> Any:
    rows = [{"verdict": "pass", "judges": "table", **check, **told} for check in checks]
    report = {"checks": rows, "columns": [{"name": "depth_m"}]}
    return asked_of(report, {"validation": {"checks": list(checks)}})


def facts(checks: Any) -> Facts:
    return Facts(files={}, rows=None, rejected=None, apart=None, checks=checks, columns=None, bbox=None, stated={})


def shown(before: Any, after: Any) -> dict[str, tuple[Any, Any, str, str]]:
    rows = compare(facts(before) if before is not None else None, facts(after))
    return {row["what"]: (row["before"], row["after"], row["state"], row["note"]) for row in rows}


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"operator": ">=", "threshold": 0.0}, "no data can miss it"),
        ({"operator": "<=", "threshold": 1.0}, "no data can miss it"),
        ({"operator": "<", "threshold": 2.0}, "no data can miss it"),
        ({"severity": "warn"}, "can't stop it"),
        ({"severity": "warn", "verdict": "warn"}, "missed, and only warns"),
    ],
)
def test_e2_a_check_that_stops_nothing_is_told_to_who_signs(changes, note):
    weak = shown(None, asked(SOUND | changes))
    assert weak["Checks"][1] == "0 of 1 can stop it"
    assert weak["Check null_rate (depth_m)"][3] == note


def test_e2_a_sound_check_of_a_first_version_is_only_counted():
    assert shown(None, asked(SOUND)) == {"Checks": (None, "1 of 1 can stop it", "added", "")}


def test_e2_what_a_check_asked_for_before_is_told():
    rows = shown(asked(SOUND), asked(SOUND | {"threshold": 0.5}))
    assert rows["Check null_rate (depth_m)"][:3] == (
        "at most 10 %, stops the version",
        "at most 50 %, stops the version",
        "changed",
    )
    assert shown(asked(SOUND), asked(SOUND)) == {
        "Checks": ("1 of 1 can stop it", "1 of 1 can stop it", "same", ""),
    }


def test_e2_a_check_that_is_gone_is_told():
    other = {"name": "row_count", "operator": ">=", "threshold": 1, "severity": "fail"}
    rows = shown(asked(SOUND, other), asked(other))
    assert rows["Check null_rate (depth_m)"][2] == "removed"
    assert rows["Checks"][:2] == ("2 of 2 can stop it", "1 of 1 can stop it")


def test_e2_other_sql_under_the_same_threshold_is_told():
    check = {"name": "custom_sql", "operator": "==", "threshold": 1, "severity": "fail"}
    first, second = (
        {"parameters": {"returns": "rows", "sql": f"SELECT n FROM data WHERE {w}"}} for w in ("x", "false")
    )
    rows = shown(asked(check | first, judges="rows"), asked(check | second, judges="rows"))
    assert rows["Check custom_sql"][2] == "changed"
