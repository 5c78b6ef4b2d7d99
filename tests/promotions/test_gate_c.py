"""Gate C, sensitivity: clauses C1 and C2. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.findings import Finding
from promotions.gates.c_sensitivity import LeakReport
from tests.promotions.gate_world import DECISION, C, digest, found

CASES = [
    (replace(C, label=None), "C1", "label_missing", "missing"),
    (replace(C, label="secret"), "C1", "label_unknown", "violated"),
    (replace(C, decision=None), "C1", "decision_missing", "missing"),
    (replace(C, decision=None), "C2", "obligations_unknown", "missing"),
    (replace(C, decision={**DECISION, "decision": "deny", "reason_codes": ["x"]}), "C1", "policy_denies", "violated"),
    (replace(C, decision={k: v for k, v in DECISION.items() if k != "decision"}), "C1", "policy_denies", "violated"),
    (replace(C, label="internal"), "C1", "decision_for_other_label", "violated"),
    (replace(C, version_id="2026.00000000"), "C1", "decision_for_other_version", "violated"),
    (replace(C, decision={**DECISION, "request": None}), "C1", "decision_for_other_version", "violated"),
    (replace(C, replayed=None), "C1", "replay_impossible", "error"),
    (replace(C, replayed={"decision": "deny", "obligations": []}), "C1", "policy_changed", "violated"),
    (
        replace(C, replayed={"decision": "allow", "obligations": [{"type": "metadata_only"}]}),
        "C1",
        "policy_changed",
        "violated",
    ),
    (replace(C, verification=None), "C2", "not_verified", "missing"),
    (replace(C, verified_digest=None), "C2", "not_verified", "missing"),
    (replace(C, output_digest=digest("other")), "C2", "verified_other_bytes", "violated"),
    (replace(C, output_digest=None), "C2", "verified_other_bytes", "violated"),
    (
        replace(C, verification=(Finding("cell_too_small", "geometry", "Too fine."),)),
        "C2",
        "cell_too_small",
        "violated",
    ),
    (
        replace(C, verification=(Finding("not_readable", "geometry", "No.", "", "error"),)),
        "C2",
        "not_readable",
        "error",
    ),
]


def test_c_valid_evidence_passes():
    assert found("C", C) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_c_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("C", evidence)


# --- the leak check of what goes out ---

CHANGED = {**DECISION, "obligations": [{"type": "generalize_geometry", "min_cell_size_m": 1000}]}
GOING = {"data.parquet": digest("data"), "dcat.jsonld": digest("dcat")}
OUT = replace(
    C,
    decision=CHANGED,
    replayed={"decision": "allow", "obligations": CHANGED["obligations"]},
    data_outgoing=("data.parquet",),
    going_out=GOING,
    leaks=LeakReport(digest("data"), GOING, ()),
)
LEAK = Finding("leak_place", "dcat.jsonld", "2 exact places of the source stand in it.")
LEAKS = [
    (replace(OUT, leaks=None), "leak_check_missing", "missing"),
    (replace(OUT, leaks=LeakReport(digest("data"), GOING, (LEAK,))), "leak_place", "violated"),
    (replace(OUT, leaks=LeakReport(digest("old"), GOING, ())), "leak_check_of_other_bytes", "violated"),
    (replace(OUT, leaks=LeakReport(digest("data"), {}, ())), "leak_check_of_other_bytes", "violated"),
    (replace(OUT, going_out={**GOING, "more.json": digest("more")}), "leak_check_of_other_bytes", "violated"),
    (replace(OUT, going_out={**GOING, "dcat.jsonld": digest("x")}), "leak_check_of_other_bytes", "violated"),
]


def test_c2_a_leak_check_of_all_that_goes_out_passes():
    assert found("C", OUT) == set()


@pytest.mark.parametrize(("evidence", "code", "kind"), LEAKS)
def test_c2_each_fault_of_the_leak_check_is_found(evidence, code, kind):
    assert ("C2", code, kind) in found("C", evidence)


@pytest.mark.parametrize("spoiled", [{"going_out": None}, {"data_outgoing": ()}])
def test_c2_no_leak_check_is_owed_before_the_catalogs_or_without_data(spoiled):
    assert found("C", replace(OUT, leaks=None, **spoiled)) == set()


def test_c2_no_leak_check_is_owed_where_nothing_was_changed():
    unchanged = replace(C, data_outgoing=("data.parquet",), going_out=GOING)
    assert found("C", unchanged) == set()
    beside = replace(unchanged, leaks=LeakReport(digest("data"), {}, (LEAK,)))
    assert ("C2", "leak_place", "violated") in found("C", beside)
