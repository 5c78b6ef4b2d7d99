"""A try at an admin's page by someone who is none is refused, entered in the ledger, and the page names the entry."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audit import ledger
from audit.events import Event
from datasets.models import PolicyDecision
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("promotions:label_new", []),
        ("promotions:token_issue", []),
        ("promotions:webhook_record", []),
        ("datasets:register", []),
    ],
)
@pytest.mark.parametrize("who", ["auditor", "superuser"])
def test_a_refused_try_is_in_the_ledger_and_on_the_page(client, name, args, who):
    World.build()
    assert client.login(username=who, password=PASSWORD)
    size = ledger.size()
    looked = client.get(reverse(name, args=args))
    assert looked.status_code == 403
    assert ledger.size() == size  # looking is no act
    assert PolicyDecision.objects.get(principal=who).decision_id in looked.content.decode()
    tried = client.post(reverse(name, args=args), {})
    assert tried.status_code == 403
    entry = ledger.entries()[0]
    assert (ledger.size(), entry.event, entry.actor) == (size + 1, Event.ACTION_REFUSED.value, who)
    assert f"kfm://audit/entry/{entry.index}" in tried.content.decode()
