"""``manage.py preflight``: one document, a sentence for each check, and an exit code; no database."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.world import SPEC

CSV = "id,lat,lon\n1,38.1,-97.5\n2,38.2,-97.6\n"
PASSES = {"name": "unique", "field": "id", "threshold": 1}


def ran(folder, *checks: dict[str, Any], text: str = CSV) -> tuple[int, dict[str, Any], str]:
    spec = deepcopy(SPEC)
    fields = {"id": "upstream.id", "geometry": "derived.from_latlon(lat,lon)"}
    spec["normalization"] = {**spec["normalization"], "canonical_fields": fields}
    spec["validation"]["checks"] = list(checks)
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "points.csv").write_text(text)
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    try:
        call_command("preflight", str(folder / "spec.json"), str(folder / "points.csv"), stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code
    return code, json.loads(out.getvalue()), err.getvalue()


@pytest.mark.parametrize(
    ("check", "code", "verdict"),
    [
        (PASSES, 0, "pass"),
        ({"name": "row_count", "threshold": 3}, 1, "fail"),
        ({"name": "null_rate", "field": "gone", "threshold": 0}, 2, "error"),
    ],
)
def test_e2_the_exit_code_says_what_the_checks_came_to(tmp_path, check, code, verdict):
    found = ran(tmp_path, check)
    assert (found[0], found[1]["verdict"], found[1]["way"]) == (code, verdict, "direct")
    assert f"{verdict}:" in found[2]


def test_e2_what_is_not_checked_is_said_to_people_too(tmp_path):
    code, document, words = ran(tmp_path, PASSES, {"name": "row_growth", "threshold": 0.5})
    assert code == 0
    assert [one["name"] for one in document["not_checked"]] == ["row_growth"]
    assert "not checked here: row_growth" in words


def test_e2_a_refused_file_and_a_spec_that_is_none_end_with_a_sentence(tmp_path):
    with pytest.raises(CommandError, match="would refuse this file"):
        ran(tmp_path, PASSES, text="")
    (tmp_path / "spec.json").write_text('{"a": 1}')
    with pytest.raises(CommandError, match="not well formed"):
        call_command("preflight", str(tmp_path / "spec.json"), str(tmp_path / "points.csv"))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("preflight", str(tmp_path / "none.json"), str(tmp_path / "points.csv"))
