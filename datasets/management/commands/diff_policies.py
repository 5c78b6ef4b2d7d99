"""``manage.py diff_policies NEW_DIR``: which decisions other policies would give, over the versions there are.

Compares the shipped ``.rego`` files with those in NEW_DIR, for each role, a partner with a grant, and each question,
once a label and standing. Writes nothing. Exit 0: no change; 1: changes; 2: could not be compared.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from datasets import decisions
from datasets.label_use import occurring
from datasets.models import DatasetVersion
from datasets.policy import bundle, diff
from datasets.policy.requests import STANDINGS

SHOWN = 20
SAME, CHANGED, NOT_COMPARED = 0, 1, 2


class Command(BaseCommand):
    help = "Shows which decisions the policies in NEW_DIR would turn. Exit 0 none, 1 some, 2 not comparable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="NEW_DIR")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        labels = decisions.label_facts()
        counts = occurring()
        try:
            after = diff.World(labels, _evaluator(options["directory"]))
        except (OSError, ValueError) as error:
            self._stop(str(error))
        if broken := diff.engine_faults(after):
            self._stop(f"The policies there can't be compiled or asked ({', '.join(broken)}).")
        # every label and standing, also those that no version has yet: policies are judged before they are needed
        pairs = {(name, standing) for name in labels for standing in STANDINGS}
        try:
            found = diff.turned(pairs | set(counts), diff.World(labels), after)
        except diff.NotAnswered as failure:
            self._stop(f"The engine fails on some questions ({', '.join(failure.codes)}).")
        self._say(found, counts, as_json=options["json"])
        sys.exit(CHANGED if found else SAME)

    def _say(self, found: tuple[diff.Turned, ...], counts: Mapping[tuple[str, str], int], *, as_json: bool) -> None:
        touched = {(one.label, one.standing) for one in found}
        versions = _versions(touched)
        if as_json:
            document = {
                "changes": [
                    {
                        "label": one.label,
                        "standing": one.standing,
                        "who": one.who,
                        "action": one.action,
                        "direction": one.direction,
                        "before": list(one.before),
                        "after": list(one.after),
                        "versions": counts.get((one.label, one.standing), 0),
                    }
                    for one in found
                ],
                "versions": versions,
            }
            self.stdout.write(json.dumps(document, indent=2))
            return
        for line in diff.grouped(found):
            number = counts.get((line.label, line.standing), 0)
            who = ", ".join(line.who)
            self.stdout.write(
                f"{line.direction}: {line.action} of {line.label} in {line.standing}, for {who} ({number} versions)"
            )
        for text in _reasons(found):
            self.stdout.write(text)
        for name in versions[:SHOWN]:
            self.stdout.write(f"  {name}")
        if len(versions) > SHOWN:
            self.stdout.write(f"  and {len(versions) - SHOWN} more; --json names them all")
        self.stdout.write("No decision changes." if not found else f"{len(versions)} versions are touched.")

    def _stop(self, why: str) -> None:
        self.stderr.write(f"{why} Nothing was compared.")
        sys.exit(NOT_COMPARED)


def _evaluator(directory: Path) -> bundle.Evaluator:
    """The policies in *directory*. Raises ``OSError`` or ``ValueError`` when they can't be read, or there are none."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.rego"))}
    if not sources:
        raise ValueError(f"There is no .rego file in {directory}.")
    return bundle.evaluator_of(sources)


def _versions(touched: set[tuple[str, str]]) -> list[str]:
    rows = DatasetVersion.objects.select_related("dataset", "standing").order_by("dataset__slug", "version_id")
    return [
        f"{row.dataset.slug}@{row.version_id}"
        for row in rows.filter(standing__isnull=False)
        if (row.policy_label_id or decisions.UNLABELLED, row.standing.state) in touched
    ]


def _reasons(found: tuple[diff.Turned, ...]) -> list[str]:
    """The answers that stay but for their reasons, counted by what became of them."""
    same = Counter((one.action, one.before, one.after) for one in found if one.direction == diff.REASONS)
    return [
        f"reasons: {action}, {', '.join(before)} becomes {', '.join(after)} ({number} answers)"
        for (action, before, after), number in sorted(same.items())
    ]
