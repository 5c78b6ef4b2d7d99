"""``manage.py replay_decisions``: asks stored policy decisions again, each under the policies that made it.

Exit 0: all gave the same answer; 1: some gave another; 2: some could not be replayed (and none gave another).
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import QuerySet

from datasets.models import PolicyDecision
from datasets.replays import replay_all

DIFFERS, NOT_REPLAYED = 1, 2
CHUNK = 500


class Command(BaseCommand):
    help = (
        "Asks stored policy decisions again under the policies and labels that made them. "
        "Exit 0: all the same; 1: some differ; 2: some could not be replayed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=_count, help="the newest N decisions only")
        parser.add_argument("--since", type=_instant, help="those made at or after this time, such as 2026-01-31")
        parser.add_argument("--json", action="store_true", help="one JSON object a decision, and one at the end")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        counts: Counter[str] = Counter()
        for found in replay_all(_rows(options).iterator(chunk_size=CHUNK)):
            counts[found.verdict] += 1
            if options["json"]:
                self.stdout.write(json.dumps(asdict(found), sort_keys=True))
            elif found.verdict != "same":
                self.stdout.write(f"{found.verdict}  {found.decision_id}  {found.message} ({found.was} → {found.now})")
        self._tell(counts, as_json=options["json"])
        if counts["differs"]:
            sys.exit(DIFFERS)
        if counts.total() > counts["same"]:
            sys.exit(NOT_REPLAYED)

    def _tell(self, counts: Counter[str], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"decisions": counts.total(), **counts}, sort_keys=True))
            return
        others = counts.total() - counts["same"] - counts["differs"]
        self.stdout.write(
            f"{counts.total()} decisions replayed: {counts['same']} gave the same answer, {counts['differs']} another, "
            f"{others} could not be replayed."
        )


def _rows(options: dict[str, Any]) -> QuerySet[PolicyDecision]:
    rows = PolicyDecision.objects.select_related(None).order_by("-decided_at", "-pk")
    if options["since"] is not None:
        rows = rows.filter(decided_at__gte=options["since"])
    return rows[: options["limit"]] if options["limit"] is not None else rows


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("give a whole number of at least 1")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("give a day or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
