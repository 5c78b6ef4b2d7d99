"""``manage.py load_demo``: the demo's accounts and data, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.errors import Refused
from promotions import demo


class Command(BaseCommand):
    help = "Loads the demo accounts and real Kansas data at every stage. Does nothing when they are there."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        try:
            made = demo.load(side_by_side=True)
        except Refused as refusal:
            raise CommandError(
                " ".join([refusal.message, *(f"{f.where}: {f.message}" for f in refusal.findings)])
            ) from refusal
        for sentence in made or ["The demo is loaded already."]:
            self.stdout.write(sentence)
