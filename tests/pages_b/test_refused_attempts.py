"""An attempt on what someone may not see answers as if it were absent, and is in the ledger either way."""

from __future__ import annotations

import pytest

from audit import ledger
from audit.events import Event
from promotions.states import State
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["nobody", "superuser"])
def test_publishing_a_hidden_version_is_answered_as_absent_and_recorded(client, who):
    world = World.build()
    version = world.version_in(State.CATALOG)
    client.force_login(world.users[who])
    answers = []
    for version_id in (version.version_id, "1999.00000000"):
        address = f"/datasets/{version.dataset.slug}/versions/{version_id}/review/publish/"
        answer = client.post(address, {"seen": world.digest(version)})
        answers.append((answer.status_code, answer.content.replace(version_id.encode(), b"")))
        entry = ledger.entries()[0]
        assert (entry.event, entry.actor, entry.references["code"]) == (Event.ACTION_REFUSED, who, "not_found")
        assert entry.subject == f"kfm://dataset/{version.dataset.slug}@{version_id}"
    assert answers[0][0] == 404
    assert world.standing(version).state == State.CATALOG
