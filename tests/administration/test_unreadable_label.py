"""A label whose obligations can't be read denies everything under it, and its pages say so instead of failing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from datasets import policy_changes
from datasets.errors import Refused
from datasets.models import PolicyChange, PolicyLabel
from tests.administration.conftest import label

UNREADABLE = [[{"type": "generalise"}], 7, {"type": "metadata_only"}, [{"type": "generalize_geometry"}]]


@pytest.fixture(params=UNREADABLE, ids=str)
def broken(request, world):
    facts = label("internal")
    PolicyLabel.objects.filter(name="internal").update(default_obligations=request.param)
    return facts


def test_its_page_says_so_and_offers_no_edit(broken, world, as_):
    for name in ("admin", "council", "auditor"):
        page = as_(name).get("/administration/labels/of/internal/")
        assert page.status_code == 200
        assert "can&#x27;t be read" in page.content.decode() or "can't be read" in page.content.decode()
        assert "/administration/labels/of/internal/edit/" not in page.content.decode()
    assert as_("admin").get("/administration/labels/").status_code == 200


def test_it_can_not_be_edited_or_made_anew(broken, world, as_):
    for method in ("get", "post"):
        assert getattr(as_("admin"), method)("/administration/labels/of/internal/edit/").status_code == 409
    for new in (True, False):
        with pytest.raises(Refused, match="can't be read"):
            policy_changes.ask_label(facts=broken, by=world.person("admin"), reason="Mend.", at=timezone.now(), new=new)
    assert not PolicyChange.objects.exists()
