"""The world the other tests spoil is itself valid."""

from __future__ import annotations

import pytest

from promotions.states import State
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.mark.parametrize("state", [s for s in State if s not in {State.WORK, State.PROCESSED}])
def test_the_world_reaches_every_standing_through_the_writers(state):
    world = World.build()
    assert world.standing(world.version_in(state)).state == state
