"""Gate B, rights: clauses B1 and B2. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promotions.gates.b_rights import Terms
from tests.promotions.gate_world import B, digest, found

CASES = [
    (replace(B, captured=replace(B.captured, license=None)), "B1", "license_missing", "missing"),
    (replace(B, captured=replace(B.captured, license="NOASSERTION")), "B1", "license_unknown", "violated"),
    (replace(B, captured=replace(B.captured, license="CC BY 4.0")), "B1", "license_not_spdx", "violated"),
    (replace(B, captured=replace(B.captured, license="public domain")), "B1", "license_ambiguous", "violated"),
    (replace(B, captured=replace(B.captured, rights_holder=" ")), "B1", "rights_holder_missing", "missing"),
    (replace(B, captured=replace(B.captured, attribution=None)), "B1", "attribution_missing", "missing"),
    (
        replace(B, captured=replace(B.captured, license="LicenseRef-all-rights-reserved")),
        "B1",
        "redistribution_forbidden",
        "violated",
    ),
    (replace(B, documents=(Terms("stac", "CC0-1.0"),)), "B1", "license_conflicts", "violated"),
    (replace(B, documents=(Terms("stac", None),)), "B1", "license_missing", "missing"),
    (replace(B, documents=(Terms("spec", "CC-BY-4.0", "Other"),)), "B1", "rights_holder_conflicts", "violated"),
    (replace(B, documents=(Terms("spec", "CC-BY-4.0", None, "Other"),)), "B1", "attribution_conflicts", "violated"),
    (replace(B, terms_recorded_digest=None), "B2", "terms_not_captured", "missing"),
    (replace(B, terms_size_bytes=0), "B2", "terms_empty", "missing"),
    (replace(B, terms_measured_digest=None), "B2", "terms_lost", "missing"),
    (replace(B, terms_measured_digest=digest("other")), "B2", "terms_changed", "violated"),
    (replace(B, terms_observed=(digest("words"),)), "B2", "terms_reopened", "violated"),
    (
        replace(B, terms_observed=(digest("new"), digest("old")), terms_accepted=(digest("old"),)),
        "B2",
        "terms_reopened",
        "violated",
    ),
]


def test_b_valid_evidence_passes():
    assert found("B", B) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_b_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("B", evidence)


def test_b1_a_licence_that_forbids_redistribution_holds_where_no_bytes_are_carried():
    terms = replace(B.captured, license="LicenseRef-all-rights-reserved")
    assert found("B", replace(B, captured=terms, documents=(), carries_bytes=False)) == set()


def test_b2_terms_that_stand_accepted_pass_whichever_of_them_is_shown():
    old, new = digest("old"), digest("new")
    for shown in ((old,), (new,), (old, new)):
        assert found("B", replace(B, terms_observed=shown, terms_accepted=(old, new))) == set()
