"""Findings are told by root cause: one sentence, and in how many places; nothing is left out and nothing mixed."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from audit.findings import Finding, grouped
from kfm_console.management.commands.validate import MOST_CAUSES, root_causes
from tests.triplet.worlds import world


def test_findings_that_differ_only_in_their_place_are_one_root_cause():
    links = [Finding("prov_link_missing", f"stac/items/{n}", "The item links to no receipt.") for n in range(12)]
    (cause,) = grouped(links)
    assert (cause.message, len(cause.places)) == ("The item links to no receipt.", 12)


def test_findings_that_name_different_ids_share_a_sentence_and_keep_their_places():
    named = [Finding("dangling", str(n), f"kfm://run/{n}.a leads to 'x{n}', not to sha256:{n:064x}.") for n in range(3)]
    (cause,) = grouped(named)
    assert cause.message == "… leads to …, not to …."
    assert cause.places == ("0", "1", "2")
    assert grouped(named[:1])[0].message == named[0].message


def test_other_codes_kinds_and_sentences_stay_apart_and_cannot_check_comes_first():
    several = [
        Finding("a", "", "One."),
        Finding("a", "", "Two."),
        Finding("a", "", "One.", kind="missing"),
        Finding("b", "", "One."),
        Finding("c", "", "Unread.", kind="error"),
    ]
    causes = grouped(several)
    assert [cause.code for cause in causes] == ["c", "a", "a", "a", "b"]
    assert sum(len(cause.places) for cause in causes) == len(several)


def test_one_slip_of_a_builder_is_one_cause_in_all_its_places():
    good = world()
    spoiled = good.with_documents(prov=good.documents.prov.replace(b"kfm:size_bytes", b"kfm:size"))
    findings = spoiled.d2()
    assert len(grouped(findings)) < len(findings)
    assert sum(len(cause.places) for cause in grouped(findings)) == len(findings)


def test_the_command_tells_the_commonest_cause_first_and_how_many_are_left(tmp_path, capsys):
    told = [Finding("rare", "a.json", "Rare."), *(Finding("often", f"{n}.json", "Often.") for n in range(3))]
    assert list(root_causes(told)) == [
        "Often. (3 places, first 0.json) [often]",
        "Rare. (1 place, first a.json) [rare]",
    ]
    many = [Finding(f"code_{n}", "x", "Said.") for n in range(MOST_CAUSES + 2)]
    assert list(root_causes(many))[-1].startswith("… and 2 other causes")
    for number in range(3):
        (tmp_path / f"{number}.json").write_text(json.dumps({"stac_version": "0.9.0", "type": "Feature", "id": number}))
    with pytest.raises(SystemExit, match="1"):
        call_command("validate", "stac", str(tmp_path))
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "(3 places, first" in printed.err
