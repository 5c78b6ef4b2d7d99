"""``manage.py assign_role``: the first admin, and roles where there is no browser. Same writers as the pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from datasets.errors import Refused
from datasets.people import appoint_first_admin, assign_role, person_for, revoke_role
from datasets.policy.roles import Role


class Command(BaseCommand):
    help = "Assigns a role to an account. The first admin is appointed without --by; everyone else by an admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=[r.value for r in Role if r not in {Role.PUBLIC, Role.PIPELINE}])
        parser.add_argument("--by", help="username of the admin who decides")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        user, role = self._account(options["username"]), Role(options["role"])
        facts = {"user": user, "reason": options["reason"], "at": timezone.now()}
        try:
            if options["by"] is None:
                if role is not Role.ADMIN or options["revoke"]:
                    raise CommandError("Say who decides: --by ADMIN. Only the first admin is appointed without.")
                appoint_first_admin(**facts)
            else:
                change = revoke_role if options["revoke"] else assign_role
                change(role=role, by=person_for(self._account(options["by"])), **facts)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{user.username} {'no longer holds' if options['revoke'] else 'holds'} the role {role}.")

    def _account(self, username: str) -> User:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account {username!r}. Make one with createsuperuser.")
        return user
