"""Gate D on one good triplet with one fault each, and on many good ones: every fault found, no alarm (issue 5)."""

from __future__ import annotations

import collections

from tests.triplet.faults import Fault, single_faults
from tests.triplet.worlds import good_worlds, world


def found(fault: Fault) -> bool:
    """Whether the clause finds it; ``any``: whether one of the three does."""
    judges = {"D1": fault.world.d1, "D2": fault.world.d2, "D3": fault.world.d3}
    chosen = judges.values() if fault.clause == "any" else [judges[fault.clause]]
    return any(judge() for judge in chosen)


def test_d2_500_single_faults_are_found():
    faults = list(single_faults(world()))
    counted = collections.Counter(fault.clause for fault in faults)
    assert len(faults) >= 500
    assert min(counted["D1"], counted["D2"], counted["D3"]) >= 30
    assert len({fault.name for fault in faults}) == len(faults)
    assert [fault.name for fault in faults if not found(fault)] == []


def test_d2_500_good_triplets_give_no_alarm():
    count = 0
    for name, good in good_worlds():
        count += 1
        if count % 8 == 0:  # SHACL takes most of the time
            assert good.d1() == [], name
        assert good.d2() == [], name
        assert good.d3() == [], name
    assert count >= 500
