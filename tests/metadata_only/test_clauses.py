"""The gates' and the facts' own rules on versions that carry no bytes, and on files that a run hands on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from datasets.catalogs.facts import ArtifactFact, Grid, IncompleteFactsError
from datasets.catalogs.stac import build_stac_item
from promotions.gates import c_sensitivity, f_receipt
from tests.catalogs.facts_world import INGEST, digest, facts
from tests.promotions.gate_world import C, F

ONLY = {"type": "metadata_only"}
RECORDS = tuple(item for item in facts().artifacts if item.role == "qa")


def codes(findings) -> set[tuple[str, str]]:
    return {(finding.clause, finding.code) for finding in findings}


def bound_to_nothing_out(**other):
    decision = {**C.decision, "obligations": [ONLY]}
    return replace(C, decision=decision, replayed={"decision": "allow", "obligations": [ONLY]}, **other)


def test_c2_metadata_only_passes_when_nothing_of_the_data_goes_out():
    assert codes(c_sensitivity.evaluate(bound_to_nothing_out())) == set()


@pytest.mark.parametrize("paths", [("a/x.parquet",), ("a/preview.geojson",), ("a/x.parquet", "a/preview.geojson")])
def test_c2_metadata_only_fails_for_each_file_that_would_go_out(paths):
    found = c_sensitivity.evaluate(bound_to_nothing_out(data_outgoing=paths))
    assert [(finding.code, finding.where) for finding in found] == [("bytes_published", path) for path in paths]


def test_c2_data_may_go_out_without_that_obligation():
    assert codes(c_sensitivity.evaluate(replace(C, data_outgoing=("a/x.parquet",)))) == set()


def test_f1_what_a_run_hands_on_is_listed_among_its_inputs():
    receipt = F.receipts[0]
    taken_in = receipt.document["inputs"][0]["digest"]
    handed_on = replace(F, receipts=(replace(receipt, produced=(*receipt.produced, taken_in)), *F.receipts[1:]))
    assert ("F1", "output_not_in_receipt") not in codes(f_receipt.evaluate(handed_on))
    foreign = replace(receipt, produced=(*receipt.produced, digest(b"foreign")))
    spoiled = replace(F, receipts=(foreign, *F.receipts[1:]))
    assert ("F1", "output_not_in_receipt") in codes(f_receipt.evaluate(spoiled))


@pytest.mark.parametrize("role", ["data", "overview", "source", "anything"])
def test_c2_no_catalog_of_metadata_only_lists_anything_but_records(role):
    more = ArtifactFact("x", "a/x", "application/json", digest(b"x"), 1, role, INGEST)
    facts(obligations=(ONLY,), artifacts=RECORDS)
    with pytest.raises(IncompleteFactsError, match="nothing of the data"):
        facts(obligations=(ONLY,), artifacts=(*RECORDS, more))


def test_c2_no_catalog_of_metadata_only_says_how_a_raster_lies():
    with pytest.raises(IncompleteFactsError, match="nothing of the data"):
        facts(obligations=(ONLY,), artifacts=RECORDS, grid=Grid("EPSG:26914", (1, 1), (1, 0, 0, 0, 1, 0)))


def test_a_grid_is_told_of_the_data_alone():
    item = build_stac_item(facts(grid=Grid("EPSG:26914", (700, 900), (30, 0, 5, 0, -30, 7))))
    assert item.count(b'"proj:shape"') == 1
    assert b"projection/v2.0.0" in item
    assert b"proj:" not in build_stac_item(facts())


@pytest.mark.parametrize(
    "bad", [("epsg", (1, 1), (1,) * 6), ("EPSG:1", (0, 1), (1,) * 6), ("EPSG:1", (1, 1), (1,) * 5)]
)
def test_a_grid_that_says_nothing_is_refused(bad):
    with pytest.raises(IncompleteFactsError):
        Grid(*bad)
