"""The threshold preview: what another threshold would have done to past runs; the address holds what was asked."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from django.http import QueryDict
from django.urls import reverse

from promotions.readers.quality_preview import asked_of, preview_of

CHECKS = [
    {"name": "unique", "operator": ">=", "threshold": 0.9, "severity": "fail"},
    {"name": "row_count", "operator": ">=", "threshold": 5, "severity": "warn"},
    {"name": "null_rate", "operator": "<=", "threshold": None, "severity": "fail"},
]


def past(*values, name="unique", then="pass", severity="fail", released=()):
    runs = []
    for place, value in enumerate(values):
        check = {"name": name, "value": value, "verdict": then, "severity": severity}
        version = SimpleNamespace(version_id=f"v{place}", dataset=SimpleNamespace(slug="s"))
        report = None if value is None else {"checks": [check]}
        run = SimpleNamespace(receipt=SimpleNamespace(run_id=f"r{place}"))
        runs.append(SimpleNamespace(version=version, run=run, report=report, released=place in released))
    return runs


def under(query, runs):
    return preview_of(runs, CHECKS, asked_of(QueryDict(query), CHECKS))


@pytest.mark.parametrize(
    ("query", "values", "released", "sentence"),
    [
        ("threshold=0.95", (1, 0.94, 0.93, 0.9), {1}, "stopped 3 of 4 runs; 1 of them was published."),
        ("threshold=0.95", (1, 0.94), (), "stopped 1 of 2 runs; none of them was published."),
        ("threshold=0.95", (0.94, 0.94), {0, 1}, "stopped 2 of 2 runs; 2 of them were published."),
        ("threshold=0.5", (1, 0.94), (), "stopped none of 2 runs."),
        ("operator=%3C&threshold=0.5", (1,), (), "stopped 1 of 1 run; none of them was published."),
        ("", (1, 0.89), (), "stopped 1 of 2 runs; none of them was published."),
        ("threshold=1", (None, None), (), "No past run has a number for this check"),
    ],
)
def test_the_sentence_counts_what_would_have_stopped(query, values, released, sentence):
    assert sentence in under(query, past(*values, released=released))["sentence"]


def test_e2_a_run_without_a_number_is_not_counted_as_passing():
    shown = under("threshold=0.5", past(1, None))
    assert "none of 1 run" in shown["sentence"]
    assert shown["details"] == ["Not counted, without a number for this check: 1 run."]
    assert [row["now"] for row in shown["rows"]] == ["not judged", "met"]


def test_a_check_that_only_warns_stops_nothing():
    runs = past(3, 9, name="row_count", severity="warn")
    shown = preview_of(runs, CHECKS, asked_of(QueryDict("check=1&threshold=8"), CHECKS))
    assert "stopped none of 2 runs, for the check only warns; it would have warned of 1." in shown["sentence"]


def test_what_was_stopped_then_and_would_pass_is_said():
    assert under("threshold=0.1", past(0.5, then="fail"))["details"] == [
        "It would have let through 1 run that the threshold of the time stopped."
    ]


def test_the_line_moves_with_the_number_and_the_points_stand_by_their_value():
    low, high = (under(f"threshold={number}", past(0.9, 1.0))["plot"] for number in (0.91, 0.99))
    assert high["line"] < low["line"]
    assert low["points"][1]["y"] < low["line"] < low["points"][0]["y"]


@pytest.mark.parametrize("typed", ["x", "nan", "inf", "1e400", "9007199254740993000", "0x10", "--1"])
def test_what_is_no_threshold_is_said_and_counts_nothing(typed):
    shown = under(f"threshold={typed}", past(1))
    assert "not a number" in shown["problem"]
    assert "sentence" not in shown


@pytest.mark.parametrize("check", ["-1", "99", "x", "٢", "", "0" * 40])
def test_an_unknown_check_counts_as_not_said(check):
    assert asked_of(QueryDict(mutable=True) | {"check": check}, CHECKS).check == 0


def test_the_check_that_stops_the_version_is_shown_first():
    judged = [check | {"verdict": verdict} for check, verdict in zip(CHECKS, ("pass", "warn", "fail"), strict=True)]
    assert asked_of(QueryDict(""), judged).check == 2
    assert asked_of(QueryDict("check=1"), judged).check == 1


def test_another_check_takes_its_own_operator_and_threshold():
    asked = asked_of(QueryDict("check=1&for=0&operator=%3C%3D&threshold=0.9"), CHECKS)
    assert (asked.operator, asked.threshold, asked.reset) == (">=", 5, True)
    kept = asked_of(QueryDict("check=1&for=1&operator=%3C%3D&threshold=7"), CHECKS)
    assert (kept.operator, kept.threshold, kept.reset) == ("<=", 7, False)
    assert "no usable threshold" in asked_of(QueryDict("check=2"), CHECKS).problem


def address(version, name="quality_preview"):
    return reverse(f"promotions:{name}", args=[version.dataset.slug, version.version_id])


def test_the_part_for_htmx_and_the_page_say_the_same_and_the_address_follows(here, as_):
    query = {"check": "2", "for": "2", "operator": ">=", "threshold": "0.9"}
    part = as_("operator").get(address(here.later), query)
    whole = as_("operator").get(address(here.later, "quality"), query).content.decode()
    said = "This would have stopped 1 of 2 runs; none of them was published."
    assert said in part.content.decode()
    assert said in whole
    assert part["HX-Replace-Url"].startswith(address(here.later, "quality") + "?check=2")
    assert "threshold=0.9" in part["HX-Replace-Url"]
    assert 'id="preview-fields"' not in part.content.decode()  # what is being typed is left alone
    other = as_("operator").get(address(here.later), {**query, "check": "4"})
    assert 'id="preview-fields"' in other.content.decode()
    assert other["HX-Replace-Url"].endswith("?check=4")


def test_a_published_run_is_told_by_the_manifest_that_names_its_report(here, as_):
    page = as_("operator").get(address(here.later), {"check": "4", "threshold": "7"}).content.decode()
    assert "This would have stopped none of 2 runs, for the check only warns; it would have warned of 1." in page
    page = as_("operator").get(address(here.later), {"check": "2", "operator": "<", "threshold": "1"}).content.decode()
    assert "This would have stopped 1 of 2 runs; 1 of them was published." in page
    assert len(re.findall(r'data-label="Published">published', page)) == 1


def test_runs_that_a_person_may_not_know_of_are_not_counted(here, as_):
    type(here.out).objects.filter(pk=here.out.pk).update(policy_label="restricted")
    page = as_("operator").get(address(here.later), {"check": "2"}).content.decode()
    assert "of 1 run" in page
    assert here.out.version_id not in page
    assert "of 2 runs" in as_("steward").get(address(here.later), {"check": "2"}).content.decode()
