"""A change of rights that one person asked for and that waits for the second: an admin alone opens nothing."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils import timezone

from datasets import policy_changes
from datasets.models import PolicyChange, PolicyChangeKind
from datasets.people import Person
from datasets.policy.roles import Role


def is_there() -> bool:
    return PolicyChange.objects.filter(subject="user/carla", kind=PolicyChangeKind.ROLE_ASSIGN).exists()


def load(people: dict[str, Person]) -> list[str]:
    policy_changes.ask_role(
        user=User.objects.get(username="carla"),
        role=Role.REVIEWER,
        expires_at=None,
        by=people["ada"],
        reason="Ruth is away in July, and the inbox must not wait.",
        at=timezone.now(),
    )
    return ["A role for Carla Yoder waits for a second person."]
