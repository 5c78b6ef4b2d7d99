"""Gate D on one good triplet with one fault each, and on many good ones: every fault found, no alarm (issue 5)."""

from __future__ import annotations

import collections
import re

import pytest

from tests.triplet.faults import Fault, receipt_faults, single_faults
from tests.triplet.worlds import filed, good_worlds, world

GOOD = world().documents
FILED = filed((GOOD.dcat, GOOD.stac_collection, *GOOD.stac_items, GOOD.prov))


def found(fault: Fault) -> bool:
    """Whether the clause finds it; ``any``: whether one of the three does."""
    spoiled = fault.world
    judges = {"D1": spoiled.d1, "D2": spoiled.d2, "D3": spoiled.d3}
    if fault.clause == "gate D":
        return "catalog_path_differs" in spoiled.gate_d(FILED)
    if fault.clause == "F1":
        return "F1" in spoiled.f()
    chosen = judges.values() if fault.clause == "any" else [judges[fault.clause]]
    return any(judge() for judge in chosen)


@pytest.mark.slow
def test_d2_500_single_faults_are_found():
    faults = list(single_faults(world()))
    counted = collections.Counter(fault.clause for fault in faults)
    assert len(faults) >= 500
    assert min(counted["D1"], counted["D2"], counted["D3"]) >= 30
    assert min(counted["gate D"], counted["F1"]) >= 5
    assert len({fault.name for fault in faults}) == len(faults)
    assert [fault.name for fault in faults if not found(fault)] == []


def test_f1_f2_any_other_byte_of_any_receipt_is_found_whoever_wrote_it():
    """As stored by F1, and by F2 once the row says that these are the bytes: the ledger knows others."""
    good = world()
    assert (good.f(), good.f(repointed=True)) == (set(), set())
    changed = [fault for fault in receipt_faults(good) if set(fault.world.receipts) == set(good.receipts)]
    edited = [fault for fault in changed if fault.world.receipts != good.receipts]
    assert len(edited) >= 500
    assert [fault.name for fault in edited if "F1" not in fault.world.f()] == []
    assert [fault.name for fault in edited if "F2" not in fault.world.f(repointed=True)] == []


def test_d2_a_notice_that_reads_like_an_obligation_holds_nothing_back():
    assert world(obligations=({"type": "show_notice", "message": "metadata_only"},)).d2() == []


def test_d2_documents_that_disagree_are_named_with_what_each_says():
    spoiled = re.sub(rb'("kfm:policy_label": \{[^}]*"@value": ")public"', rb'\1internal"', GOOD.dcat)
    assert spoiled != GOOD.dcat
    said = [found.message for found in world().with_documents(dcat=spoiled).d2() if found.code == "fact_differs"]
    assert ["dcat: internal; prov: public" in message for message in said] == [True]


@pytest.mark.slow
def test_d1_d2_d3_500_good_triplets_give_no_alarm():
    count = 0
    for name, good in good_worlds():
        count += 1
        assert (good.d1(), good.d2(), good.d3(), good.f()) == ([], [], [], set()), name
    assert count >= 500
