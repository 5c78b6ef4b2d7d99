"""Gate A, identity: clauses A1 and A2. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promotions.gates.a_identity import DocumentIds
from tests.promotions.gate_world import SLUG, VERSION, A, digest, found, said

CASES = [
    (replace(A, dataset_slug=""), "A1", "slug_missing", "missing"),
    (replace(A, dataset_slug="Ks-Wells"), "A1", "slug_malformed", "violated"),
    (replace(A, dataset_slug="ks_wells_2026"), "A1", "slug_dated", "violated"),
    (replace(A, source_digests=()), "A1", "source_missing", "missing"),
    (replace(A, source_digests=(None,)), "A1", "source_missing", "missing"),
    (replace(A, source_digests=(digest("other"),)), "A1", "inputs_changed", "violated"),
    (replace(A, version_id=""), "A1", "version_id_missing", "missing"),
    (replace(A, version_id="2026.XYZ"), "A1", "version_id_malformed", "violated"),
    (replace(A, version_id="2026.00000000"), "A1", "version_id_other_spec", "violated"),
    (replace(A, version_id=VERSION + ".00000000"), "A1", "version_id_other_inputs", "violated"),
    (replace(A, slice="2025"), "A1", "version_id_other_slice", "violated"),
    (replace(A, spec={"dataset_slug": SLUG, "title": "Other"}), "A2", "spec_hash_differs", "violated"),
    (replace(A, spec={"dataset_slug": "other", "title": "Wells"}), "A2", "spec_of_other_dataset", "violated"),
    (replace(A, documents=(said("prov", dataset_id="other"),)), "A2", "dataset_id_differs", "violated"),
    (replace(A, documents=(said("prov", dataset_id=None),)), "A2", "dataset_id_missing", "missing"),
    (
        replace(A, documents=(said("prov", dataset_version_id="2026.00000000"),)),
        "A2",
        "dataset_version_id_differs",
        "violated",
    ),
    (replace(A, documents=(said("prov", dataset_version_id=None),)), "A2", "dataset_version_id_missing", "missing"),
    (
        replace(A, documents=(said("dcat", spec_hash=digest("x"), says_spec_hash=True),)),
        "A2",
        "spec_hash_differs",
        "violated",
    ),
    (replace(A, documents=(said("dcat", spec_hash=None, says_spec_hash=True),)), "A2", "spec_hash_missing", "missing"),
    (replace(A, documents=(DocumentIds("dcat", None, None, None, says_spec_hash=True),)), "A2", "ids_unread", "error"),
]


def test_a_valid_evidence_passes():
    assert found("A", A) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_a_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("A", evidence)


def test_a2_a_document_of_which_nothing_could_be_read_is_one_finding_not_three():
    unread = DocumentIds("dcat", None, None, None, says_spec_hash=True)
    assert found("A", replace(A, documents=(unread,))) == {("A2", "ids_unread", "error")}
