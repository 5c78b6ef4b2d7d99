"""``manage.py validate``: one verdict per path, and "cannot check" is neither valid nor invalid."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from kfm_console import validation
from promotions.runbooks import META_REQUIRED, SECTIONS, check_runbook


def run(capsys, *arguments):
    code = 0
    try:
        call_command("validate", *arguments)
    except SystemExit as ended:
        code = ended.code
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_per_path_and_the_worst_verdict_decides(tmp_path, capsys):
    (tmp_path / "good").write_text("{}")
    (tmp_path / "bad").write_text("{")
    paths = [str(tmp_path / name) for name in ("good", "bad", "absent")]
    code, lines = run(capsys, "json", *paths, "--json")
    assert [(line["path"], line["verdict"]) for line in lines] == list(
        zip(paths, ["pass", "fail", "error"], strict=True)
    )
    assert set(lines[1]["findings"][0]) == {"code", "where", "message"}
    assert code == 2
    assert run(capsys, "json", *paths[:2])[0] == 1
    assert run(capsys, "json", paths[0])[0] == 0


def test_usage_errors_are_refused(tmp_path):
    with pytest.raises(CommandError):
        call_command("validate", "bogus", "x")
    with pytest.raises(CommandError) as refused:
        call_command("validate", "dcat", "x", "--shapes", str(tmp_path / "absent"))
    assert refused.value.returncode == 2


def test_a_check_that_breaks_down_is_an_error_never_a_pass(tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setitem(validation.VALIDATORS, "json", broken)
    (tmp_path / "x").write_text("{}")
    assert validation.judge("json", str(tmp_path / "x"), validation.Options())["verdict"] == "error"


@pytest.mark.parametrize("kind", ["spec", "receipt", "manifest", "geojson", "runbook", "license", "stac", "dcat"])
def test_no_kind_passes_an_empty_file(kind, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert validation.judge(kind, str(tmp_path / "empty"), validation.Options())["verdict"] != "pass"


def test_evidence_refs_are_judged_line_by_line(tmp_path, capsys):
    (tmp_path / "refs").write_text("# comment\ngraph://kansas\nhttps://example.invalid\n")
    code, lines = run(capsys, "evidence-ref", str(tmp_path / "refs"))
    assert (code, [finding["where"] for finding in lines[0]["findings"]]) == (1, ["line 3"])


def a_runbook():
    values = dict.fromkeys(META_REQUIRED, "x") | {
        "doc_id": "kfm://doc/745d01e0-4c7f-4635-b76b-dead8940c43e", "created": "2026-02-24", "updated": "2026-02-24",
    }  # fmt: skip
    meta = "\n".join(f"{key}: {value}" for key, value in values.items())
    body = "\n".join(f"## {title}\n\nClause A1 holds.\n" for title in SECTIONS)
    return f"<!-- [KFM_META_BLOCK_V2]\n{meta}\n[/KFM_META_BLOCK_V2] -->\n\n# Title\n\n{body}"


def test_a_runbook_has_its_meta_block_and_ten_sections_in_order():
    good = a_runbook()
    assert check_runbook(good, "RB-DATA-001-ingest.md") == []
    for spoiled in (
        good.replace("KFM_META_BLOCK_V2", "META"),
        good.replace("owners: x", "owners:"),
        good.replace("## Inputs", "## Input"),
        good.replace("## Inputs", "```\n## Inputs\n```"),
        good.replace("## Purpose", "## ?").replace("## Escalation", "## Purpose\n\nx\n## Escalation"),
        good.replace("Clause A1 holds.", "", 1),
        good.replace("A1", "A9"),
    ):
        assert check_runbook(spoiled) != []
    assert check_runbook(good, "ingest.md") != []
