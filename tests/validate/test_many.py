"""``manage.py validate`` over many files: in order, whatever the number of processes, and nothing passed over."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from kfm_console.validation import Options
from kfm_console.validation.many import ALONE, expand, judge_all

ADDRESS = "https://contexts.example/v1/one.jsonld"


@pytest.fixture
def files(tmp_path):
    for index in range(ALONE + 40):
        (tmp_path / f"{index:04}.json").write_text("{" if index % 7 == 0 else "{}")
    return tmp_path


def test_two_processes_answer_in_the_order_that_one_does(files):
    paths = list(expand("json", [str(files)]))
    assert paths == sorted(paths)
    assert len(paths) == ALONE + 40
    alone = list(judge_all("json", paths, Options(), 1))
    assert [json.loads(line)["path"] for _, line in alone] == paths
    assert {verdict for verdict, _ in alone} == {"pass", "fail"}
    assert list(judge_all("json", paths, Options(), 2)) == alone


def test_a_directory_is_its_files_of_the_kind_at_every_depth(tmp_path):
    for name in ("b/two.json", "a/one.json", "a/.hidden.json", ".git/x.json", "a/readme.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = [path.removeprefix(f"{tmp_path}/") for path in expand("stac", [str(tmp_path)])]
    assert found == ["a/one.json", "b/two.json"]
    assert list(expand("license", ["MIT", "\0", str(tmp_path)])) == ["MIT", "\0", str(tmp_path)]


def test_a_directory_without_such_a_file_could_not_be_checked(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("validate", "stac", str(tmp_path), "--json")
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "error"


def test_paths_come_from_standard_input(tmp_path, capsys, monkeypatch):
    (tmp_path / "one").write_text("{}")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tmp_path / 'one'}\n\n"))
    call_command("validate", "json", "-", "--json")
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError) as refused:
        call_command("validate", "json", "-")
    assert refused.value.returncode == 2


def test_a_local_file_stands_in_for_a_remote_context(tmp_path, capsys):
    (tmp_path / "one.jsonld").write_text('{"@context": {"title": "http://purl.org/dc/terms/title"}}')
    (tmp_path / "d").write_text(json.dumps({"@context": ADDRESS, "@id": "urn:a", "title": "T"}))
    document, context = str(tmp_path / "d"), str(tmp_path / "one.jsonld")
    wanted = {(): 2, ("--context", context): 0, ("--context", f"{ADDRESS}={context}"): 0}
    wanted["--context", f"{ADDRESS}/other={context}"] = 2
    for given, code in wanted.items():
        try:
            call_command("validate", "dcat", document, "--profile", "core", "--json", *given)
            found = 0
        except SystemExit as ended:
            found = ended.code
        assert found == code, given
        capsys.readouterr()
    with pytest.raises(CommandError):
        call_command("validate", "dcat", document, "--context", str(tmp_path / "absent"))
    with pytest.raises(CommandError):
        call_command("validate", "stac", document, "--context", context)
