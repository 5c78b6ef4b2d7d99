"""The demo's accounts: one for each role, with a published password. Production loads none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone

from datasets.people import Person, appoint, appoint_first_admin, assign_role, person_for
from datasets.policy.roles import Role

PASSWORD = "prairie-demo-2026"  # noqa: S105 - shown on the sign-in page of the demo, and only there


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account; ``role`` is the one it holds."""

    username: str
    first_name: str
    last_name: str
    role: Role

    @property
    def password(self) -> str:
        return PASSWORD

    @property
    def meaning(self) -> str:
        return self.role.meaning


DEMO_ACCOUNTS: tuple[Account, ...] = (
    Account("carla", "Carla", "Yoder", Role.CONTRIBUTOR),
    Account("omar", "Omar", "Haskell", Role.OPERATOR),
    Account("ruth", "Ruth", "Penner", Role.REVIEWER),
    Account("sam", "Sam", "Wichita", Role.STEWARD),
    Account("clara", "Clara", "Osage", Role.COUNCIL),
    Account("august", "August", "Reno", Role.AUDITOR),
    Account("ada", "Ada", "Geary", Role.ADMIN),
)


def accounts() -> dict[str, Person]:
    """The demo accounts with their roles, by username."""
    at = timezone.now()
    first, second = _account(Role.ADMIN), _account(Role.COUNCIL)
    admin, council = _user(first), _user(second)
    if Role.ADMIN not in person_for(admin).roles:
        appoint_first_admin(user=admin, reason="The demo's admin.", at=at)
    if Role.COUNCIL not in person_for(council).roles:
        appoint(user=council, role=Role.COUNCIL, by=person_for(admin), reason="The demo's council.", at=at)
    facts: dict[str, Any] = {"by": person_for(admin), "confirmed_by": person_for(council), "at": at}
    for account in DEMO_ACCOUNTS:
        user = _user(account)
        if account.role not in person_for(user).roles:
            assign_role(user=user, role=account.role, reason=f"The demo's {account.role}.", **facts)
    return {a.username: person_for(User.objects.get(username=a.username)) for a in DEMO_ACCOUNTS}


def _account(role: Role) -> Account:
    return next(account for account in DEMO_ACCOUNTS if account.role is role)


def _user(account: Account) -> User:
    user, created = User.objects.get_or_create(
        username=account.username, defaults={"first_name": account.first_name, "last_name": account.last_name}
    )
    if created:
        user.password = _hashed(account.password)
        user.save(update_fields=["password"])
    return user


@lru_cache(maxsize=1)
def _hashed(password: str) -> str:
    """Hashed once for all: the password is published, so that two accounts share a salt tells nothing."""
    return make_password(password)
