"""``manage.py unlock_account NAME --reason …``: lifts a lock where no admin can sign in. As the page does."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from datasets.errors import Refused
from datasets.password_tries import lift_lock
from datasets.people import Person
from datasets.policy.roles import Role


class Command(BaseCommand):
    help = "Lifts the lock that too many wrong passwords put on an account. Its password stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account {options['username']!r}.")
        # the shell is the console's own hand, as when it appoints the first admin (THREAT_MODEL.md)
        by = Person("console", "Console", frozenset({Role.ADMIN}))
        try:
            lift_lock(user=user, reason=options["reason"], by=by, at=timezone.now())
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{user.username} may try again.")
