"""Gate G, manifest: clause G1. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promotions.gates.g_manifest import StoredFile
from tests.promotions.gate_world import DRAFT, FILES, G, digest, found

CASES = [
    (replace(G, files=()), "G1", "no_artifacts", "violated"),
    (replace(G, files=FILES[:1]), "G1", "listed_but_absent", "violated"),
    (
        replace(G, files=(*FILES, StoredFile("artifacts", "x", digest("x"), digest("x")))),
        "G1",
        "not_listed",
        "violated",
    ),
    (replace(G, files=(replace(FILES[0], measured_digest=None), FILES[1])), "G1", "bytes_missing", "missing"),
    (replace(G, files=(replace(FILES[0], measured_digest=digest("x")), FILES[1])), "G1", "bytes_changed", "violated"),
    (replace(G, files=(replace(FILES[0], recorded_digest=digest("x")), FILES[1])), "G1", "bytes_changed", "violated"),
    (replace(G, files=(FILES[0], replace(FILES[1], listed_in="artifacts"))), "G1", "not_listed", "violated"),
    (replace(G, draft={**DRAFT, "catalogs": []}), "G1", "not_listed", "violated"),
    (replace(G, draft={**DRAFT, "spec_hash": digest("x")}), "G1", "version_id_other_spec", "violated"),
    (
        replace(G, draft={**DRAFT, "artifacts": [*DRAFT["artifacts"], *DRAFT["artifacts"]]}),
        "G1",
        "path_repeated",
        "violated",
    ),
    (
        replace(G, draft={**DRAFT, "artifacts": [{**DRAFT["artifacts"][0], "path": "../x"}]}),
        "G1",
        "path_unsafe",
        "violated",
    ),
]


def test_g_valid_evidence_passes():
    assert found("G", G) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_g_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("G", evidence)


@pytest.mark.parametrize("field", sorted(DRAFT))
def test_g1_a_manifest_without_one_of_its_fields_fails(field):
    assert found("G", replace(G, draft={k: v for k, v in DRAFT.items() if k != field}))


@pytest.mark.parametrize(
    "facts", [("qa", "status"), ("qa", "report_digest"), ("policy", "policy_label"), ("policy", "decision_id")]
)
def test_g1_a_manifest_that_does_not_say_one_fact_fails(facts):
    group, name = facts
    assert found("G", replace(G, draft={**DRAFT, group: {**DRAFT[group], name: None}}))
