"""A change of rights names the versions that it opens, page by page, and only those that the viewer may know of."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from datasets import policy_changes
from datasets.models import PolicyLabel
from datasets.people import assign_role
from datasets.persons import PUBLIC
from datasets.policy.roles import Role
from promotions.readers import policy_diff, right_reach
from promotions.states import State
from tests.administration.test_pages import typed

pytestmark = pytest.mark.django_db


def labelled(world, label, state=State.RAW, **upload):
    version = world.version_in(state, **upload)
    version.policy_label = PolicyLabel.objects.get(name=label)
    version.save(update_fields=["policy_label"])
    return version


@pytest.fixture
def opened(world):
    """A restricted version, and a change that would open it to somebody by a grant."""
    version = labelled(world, "restricted", state=State.PUBLISHED)
    change = policy_changes.ask_grant(
        user=User.objects.get(username="nobody"),
        dataset=world.dataset,
        grant="read_restricted",
        expires_at=None,
        by=world.person("admin"),
        reason="Study.",
        at=timezone.now(),
    )
    return version, change


def _document(world):
    return {"user": "nobody", "right": "read_restricted", "dataset": world.dataset.slug, "expires_at": None}


def test_the_page_names_the_versions_that_a_grant_opens(as_, opened):
    version, change = opened
    shown = as_("council").get(f"/administration/changes/{change.pk}/").content.decode()
    assert "The versions that it opens" in shown
    assert version.version_id in shown


def test_who_may_not_know_of_them_reads_how_many_and_not_which(as_, world, opened):
    version, change = opened
    seen = right_reach.opened_by(world.person("nobody"), _document(world), world.person("admin"), "1")
    assert (seen.total, seen.hidden, list(seen.page)) == (1, 1, [])
    shown = as_("admin").get(f"/administration/changes/{change.pk}/").content.decode()
    assert version.version_id not in shown
    assert "not named to you" in shown


def test_a_right_that_opens_nothing_names_nothing(world, opened):
    person = world.person("council")
    seen = right_reach.opened_by(person, _document(world), person, "1")
    assert (seen.total, seen.hidden) == (0, 0)
    assert right_reach.opened_by(PUBLIC, _document(world), person, "1").total == 1


def test_the_preview_of_a_label_turns_its_pages_and_keeps_what_was_typed(as_, world, monkeypatch):
    monkeypatch.setattr(policy_diff, "_PAGE", 1)
    both = {"user": world.users["reviewer"], "role": Role.ADMIN, "reason": "May know of them.", "at": timezone.now()}
    assign_role(by=world.person("admin"), confirmed_by=world.person("council"), **both)
    named = [labelled(world, "internal", slice_=year).version_id for year in ("2020", "2021")]
    page, form = "/administration/labels/of/internal/edit/", typed(readers=["steward", "council"])
    first = as_("reviewer").post(page, form | {"act": "preview"}).content.decode()
    second = as_("reviewer").post(page, form | {"page": "2"}).content.decode()
    assert [number in first for number in named] == [True, False]
    assert [number in second for number in named] == [False, True]
    assert "1\u20131 of 2" in first
    assert 'name="readers" value="steward"' in second
