"""A world, the Django client signed in as one of its people, and labels as they are now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from datasets import decisions, policy_changes
from datasets.models import PolicyChange
from datasets.policy.labels import LabelFacts
from promotions import signoffs
from tests.world import PASSWORD, World


@pytest.fixture
def world(db) -> World:
    return World.build()


@pytest.fixture
def as_(world: World) -> Callable[[str], Client]:
    """``as_("steward")``: a client signed in as that person; ``as_("")`` is the public."""

    def client(name: str) -> Client:
        found = Client()
        if name:
            found.force_login(User.objects.get(username=name))
        return found

    return client


def label(name: str) -> LabelFacts:
    return decisions.label_facts()[name]


def proof(name: str) -> signoffs.Reauthenticated:
    return signoffs.reauthenticate(user=User.objects.get(username=name), password=PASSWORD, at=timezone.now())


def confirm(world: World, change: PolicyChange, by: str = "council") -> PolicyChange:
    """Confirms as the pages do; the proof is made outside of any transaction in production."""
    at = timezone.now()
    given = signoffs.Reauthenticated(by, at, signoffs._MADE_HERE)
    return policy_changes.confirm(change_pk=change.pk, by=world.person(by), proof=given, at=at)
