"""ADR 6: whether a text is JSON (RFC 8259), and whether KFM takes it in (design §4), are two questions."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from kfm_console.validation import Options, judge
from tests.cases import case_path, manifest_rows


def name_of(row):
    return row["file"].rpartition("/")[2]


ROWS = [row for row in manifest_rows("hostile/json-test-suite") if name_of(row)[:2] in {"y_", "n_", "i_"}]


def verdict(row, profile=None):
    return judge("json", str(case_path("hostile", "json-test-suite", row["file"])), Options(profile))


@pytest.mark.skipif(not ROWS, reason="the JSON test suite is not on this machine")
@pytest.mark.parametrize("profile", [None, "core"])
def test_every_file_of_the_suite_is_judged_as_rfc_8259_has_it(profile):
    seen = {"y": 0, "n": 0, "i": 0}
    for row in ROWS:
        answer, letter = verdict(row, profile), name_of(row)[0]
        wanted = {"y": {"pass"}, "n": {"fail"}, "i": {"pass", "fail"}}[letter]
        assert answer["verdict"] in wanted, (row["file"], answer)
        assert all(set(finding) == {"code", "where", "message"} for finding in answer["findings"])
        seen[letter] += 1
    assert min(seen.values()) > 10


@pytest.mark.skipif(not ROWS, reason="the JSON test suite is not on this machine")
def test_strict_intake_differs_by_duplicate_keys_only():
    differing = {name_of(row) for row in ROWS if verdict(row)["verdict"] != verdict(row, "kfm")["verdict"]}
    assert differing == {name_of(row) for row in ROWS if name_of(row).startswith("y_object_duplicated_key")}


def test_a_repeated_name_is_json_and_is_not_taken_in(tmp_path):
    (tmp_path / "twice").write_text('[{"a": {"b": 1, "b": 2}}]')
    path = str(tmp_path / "twice")
    assert judge("json", path, Options())["verdict"] == "pass"
    strict = judge("json", path, Options("kfm"))
    assert [(finding["code"], finding["where"]) for finding in strict["findings"]] == [("duplicate_key", "/0/a/b")]
    for kind in ("stac", "receipt", "manifest", "spec", "geojson", "prov"):
        assert judge(kind, path, Options("core"))["verdict"] != "pass"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, '["\\ud800"]', "[1e400]", '{"a":1,"a":NaN}']
)
def test_grammar_is_judged_within_bounds(tmp_path, text):
    (tmp_path / "x").write_text(text)
    answer = judge("json", str(tmp_path / "x"), Options("core"))
    assert answer["verdict"] == "fail"
    assert "check_broke_down" not in {finding["code"] for finding in answer["findings"]}


def test_the_command_takes_the_kinds_own_profile(tmp_path, capsys):
    (tmp_path / "twice").write_text('{"a": 1, "a": 2}')
    call_command("validate", "json", str(tmp_path / "twice"), "--json")
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    with pytest.raises(SystemExit):
        call_command("validate", "json", str(tmp_path / "twice"), "--json", "--profile", "kfm")
    assert json.loads(capsys.readouterr().out)["verdict"] == "fail"
