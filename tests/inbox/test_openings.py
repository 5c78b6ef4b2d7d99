"""What a new case is grouped by."""

from __future__ import annotations

import pytest

from promotions.openings import cause_of, root_cause
from promotions.states import ReasonCode

MISSED = {"clause": "E2", "code": "threshold_missed", "where": "qa#/checks/null_rate", "message": "null_rate is 1."}


def test_each_missed_check_is_a_cause_of_its_own():
    other = MISSED | {"where": "qa#/checks/geometry_valid"}
    assert (cause_of(MISSED), cause_of(other)) == (
        "E2:threshold_missed:null_rate",
        "E2:threshold_missed:geometry_valid",
    )


@pytest.mark.parametrize("where", ["terms#/license", "quarantine", ""])
def test_any_other_finding_is_grouped_by_clause_and_code_wherever_it_is(where):
    assert cause_of({"clause": "B1", "code": "license_missing", "where": where}) == "B1:license_missing"


def test_the_failed_gates_own_finding_comes_before_another_gates():
    other = {"clause": "B1", "code": "license_missing", "where": "terms"}
    assert root_cause([other, MISSED], ReasonCode.VALIDATION_FAILED, "E") == "E2:threshold_missed:null_rate"
    assert root_cause([], ReasonCode.UPSTREAM_UNSTABLE, "E") == "reason:UPSTREAM_UNSTABLE"


def test_a_cause_fits_its_column():
    assert len(cause_of(MISSED | {"where": "qa#/checks/" + "x" * 500})) == 120
