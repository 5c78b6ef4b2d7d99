"""Gate E, quality: clauses E1 and E2. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promotions.gates.e_quality import Evidence
from tests.promotions.gate_world import CHECK, ROW, E, digest, found


def reported(**changes) -> Evidence:
    """The evidence with a report that says something else."""
    return replace(E, report={**E.report, **changes})


CASES = [
    (replace(E, declared=()), "E1", "no_checks_declared", "missing"),
    (replace(E, report=None), "E1", "report_missing", "missing"),
    (replace(E, report=None), "E2", "thresholds_unknown", "missing"),
    (replace(E, report_measured_digest=None), "E1", "report_changed", "violated"),
    (replace(E, report_measured_digest=digest("x")), "E1", "report_changed", "violated"),
    (replace(E, checked_digest=None), "E1", "report_on_other_bytes", "violated"),
    (replace(E, checked_digest=digest("x")), "E1", "report_on_other_bytes", "violated"),
    (replace(E, released_measured_digest=None), "E1", "report_changed", "violated"),
    (replace(E, released_measured_digest=digest("x")), "E1", "report_changed", "violated"),
    (replace(E, source_digest=None), "E1", "report_on_other_bytes", "violated"),
    (replace(E, source_digest=digest("x")), "E1", "report_on_other_bytes", "violated"),
    (reported(measured_digest=digest("x")), "E1", "report_on_other_bytes", "violated"),
    (reported(rows_quarantined=None), "E2", "quarantined_unknown", "missing"),
    (reported(rows_quarantined=-1), "E2", "quarantined_unknown", "missing"),
    (reported(rows_quarantined=True), "E2", "quarantined_unknown", "missing"),
    (reported(rows=0), "E2", "nothing_goes_on", "violated"),
    (replace(E, quarantine_recorded_digest=None), "E2", "quarantined_lost", "missing"),
    (replace(E, quarantine_measured_digest=None), "E2", "quarantined_lost", "missing"),
    (replace(E, quarantine_measured_digest=digest("x")), "E2", "quarantined_changed", "violated"),
    (reported(checks=[]), "E2", "check_not_reported", "missing"),
    (reported(checks=[{**ROW, "name": "other"}]), "E2", "check_not_reported", "missing"),
    (reported(checks=[{**ROW, "threshold": 0.1}]), "E2", "threshold_differs", "violated"),
    (reported(checks=[{**ROW, "verdict": "error"}]), "E2", "check_not_made", "error"),
    (reported(checks=[{**ROW, "value": None}]), "E2", "check_not_made", "error"),
    (replace(E, declared=({**CHECK, "operator": "~"},)), "E2", "operator_unknown", "error"),
    (reported(checks=[{**ROW, "value": 0.5}]), "E2", "threshold_missed", "violated"),
    (reported(checks=[{**ROW, "value": float("nan")}]), "E2", "threshold_missed", "violated"),
    (replace(E, rows_rejected=None), "E2", "rejects_unknown", "missing"),
    (replace(E, rows_rejected=3, rejects_measured_digest=None), "E2", "rejects_lost", "missing"),
    (reported(checks=[{**ROW, "value": "many"}]), "E2", "check_crashed", "error"),
]


def test_e_valid_evidence_passes():
    assert found("E", E) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_e_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("E", evidence)


@pytest.mark.parametrize("name", ["rows_quarantined", "measured_digest"])
def test_e_a_report_that_leaves_out_what_was_set_apart_fails(name):
    told = {key: value for key, value in E.report.items() if key != name}
    assert found("E", replace(E, report=told))


def test_e_a_v1_report_of_a_version_without_quarantined_rows_still_counts():
    told = {key: value for key, value in E.report.items() if key not in {"rows_quarantined", "measured_digest"}}
    old = replace(
        E,
        report={**told, "kfm_qa_report_version": "v1"},
        source_digest=E.checked_digest,
        quarantine_recorded_digest=None,
        quarantine_measured_digest=None,
    )
    assert found("E", old) == set()
    assert found("E", replace(old, source_digest=digest("x")))


def test_e2_nothing_set_apart_needs_no_quarantine_file():
    none = replace(reported(rows_quarantined=0), quarantine_recorded_digest=None, quarantine_measured_digest=None)
    assert found("E", none) == set()


def test_e2_the_reports_own_verdict_is_never_trusted():
    assert found("E", reported(checks=[{**ROW, "value": 0.5, "verdict": "pass"}], status="pass"))


def test_e2_a_missed_threshold_that_is_declared_a_warning_holds():
    warns = {**CHECK, "severity": "warning"}
    assert found("E", replace(reported(checks=[{**ROW, "value": 0.5}]), declared=(warns,))) == set()


@pytest.mark.parametrize(("symbol", "value", "holds"), [
    (">=", 0.9, True), (">", 0.9, False), ("<=", 0.9, True), ("<", 0.9, False), ("==", 0.9, True), ("==", 0.8, False),
])  # fmt: skip
def test_e2_each_operator_is_judged_at_its_threshold(symbol, value, holds):
    evidence = replace(reported(checks=[{**ROW, "value": value}]), declared=({**CHECK, "operator": symbol},))
    assert (found("E", evidence) == set()) == holds
