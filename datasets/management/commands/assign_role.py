"""``manage.py assign_role``: the first people, and roles where there is no browser. Same writers as the pages.

The shell is trusted to begin with (THREAT_MODEL.md): it appoints the first admin, and others while fewer than two
people could confirm anything. From then on it only asks, and a second person confirms in the console.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from datasets.errors import Refused
from datasets.people import (
    Person,
    appoint,
    appoint_first_admin,
    confirmers,
    needs_second,
    person_for,
    revoke_role,
)
from datasets.policy.roles import Role
from datasets.policy_changes import ask_role


class Command(BaseCommand):
    help = "Assigns a role, or asks for it. The first admin is appointed without --by; everyone else by an admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=[r.value for r in Role if r not in {Role.PUBLIC, Role.PIPELINE}])
        parser.add_argument("--by", help="username of the admin who decides")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        user, role = self._account(options["username"]), Role(options["role"])
        try:
            if options["by"] is None:
                if role is not Role.ADMIN or options["revoke"]:
                    raise CommandError("Say who decides: --by ADMIN. Only the first admin is appointed without.")
                appoint_first_admin(user=user, reason=options["reason"], at=timezone.now())
                said = f"{user.username} holds the role {role}."
            else:
                by = person_for(self._account(options["by"]))
                said = self._change(user, role, by, options["reason"], revoke=options["revoke"])
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(said)

    @transaction.atomic
    def _change(self, user: User, role: Role, by: Person, reason: str, *, revoke: bool) -> str:
        facts: dict[str, Any] = {"user": user, "role": role, "by": by, "reason": reason, "at": timezone.now()}
        if revoke:
            revoke_role(**facts)
            return f"{user.username} no longer holds the role {role}."
        if needs_second(role.value) and len(confirmers(facts["at"])) <= 1:
            appoint(**facts)
            return f"{user.username} holds the role {role}. Nobody could confirm it yet; appoint a second soon."
        change = ask_role(expires_at=None, **facts)
        if change.needs_second:
            return f"Asked, as change {change.pk}: another admin or a council member confirms it in the console."
        return f"{user.username} holds the role {role}."

    def _account(self, username: str) -> User:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account {username!r}. Make one with createsuperuser.")
        return user
