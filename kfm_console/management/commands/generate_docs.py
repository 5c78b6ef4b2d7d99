"""``manage.py generate_docs [--check]``: writes docs/reference/ from the tables the code runs on.

Decides nothing: states, roles, clauses, ledger events, labels and the API's description are read where they are kept.
With ``--check`` nothing is written and the exit code is 1 when a page is stale or missing (style rule 10).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.events import Event
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.roles import ROLE_MEANINGS, Role
from promotions import gates
from promotions.api.openapi import document_yaml
from promotions.roles import MAY
from promotions.states import RULES, ReasonCode, State, verbs_from

_NONE = "-"
_NOTE = "<!-- Written by `manage.py generate_docs`; edit the code, not this page. -->"


class Command(BaseCommand):
    help = "Writes docs/reference/ from the code; --check exits 1 when it is stale."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
        parser.add_argument("--directory", type=Path, default=Path(settings.BASE_DIR) / "docs" / "reference")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        directory: Path = options["directory"]
        wanted = pages()
        if options["check"]:
            faults = stale(directory, wanted)
            for fault in faults:
                self.stderr.write(fault)
            if faults:
                self.stderr.write("Run: python manage.py generate_docs")
                sys.exit(1)
            self.stdout.write(f"{len(wanted)} generated pages are fresh.")
            return
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in wanted.items():
            (directory / name).write_text(text, encoding="utf-8")
            self.stdout.write(f"wrote {directory / name}")


def pages() -> dict[str, str]:
    """File name to text of every generated page."""
    return {
        "openapi.yaml": document_yaml(),
        "transitions.md": _transitions(),
        "clauses.md": _clauses(),
        "ledger-events.md": _events(),
        "labels-and-roles.md": _labels_and_roles(),
    }


def stale(directory: Path, wanted: dict[str, str]) -> list[str]:
    """One sentence a page that is not as the code says."""
    faults = []
    for name, text in wanted.items():
        path = directory / name
        if not path.is_file():
            faults.append(f"{path} is missing.")
        elif path.read_text(encoding="utf-8") != text:
            faults.append(f"{path} is stale.")
    return faults


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", f"{_NOTE}\n", *parts])


def _transitions() -> str:
    rows = (
        (
            f"`{rule.verb}`",
            ", ".join(sorted(f"`{s}`" if s else "(new)" for s in rule.sources)),
            f"`{rule.target}`",
            rule.gates or _NONE,
            "yes" if rule.quorum else _NONE,
            "yes" if rule.reason else _NONE,
            ", ".join(sorted(role.label for role in MAY[rule.verb])) or "nobody: part of a publish or restore",
        )
        for rule in RULES.values()
    )
    states = ((f"`{state}`", ", ".join(f"`{verb}`" for verb in verbs_from(state)) or "(the end)") for state in State)
    return _page(
        "The truth path",
        "Where a version may stand, and which verb moves it. `release` needs the gate that its case names.\n",
        _table(("verb", "from", "to", "gates", "sign-offs", "reason", "who"), rows),
        "## From each state\n",
        _table(("state", "verbs"), states),
        "## Reason codes of a quarantine\n",
        "".join(f"- `{code}`\n" for code in ReasonCode),
    )


def _clauses() -> str:
    rows = ((code, gates.NAMES[code[0]], sentence, gates.OUTCOMES[code[0]]) for code, sentence in gates.CLAUSES.items())
    words = ((f"`{state}`", gates.WORDS[state]) for state in gates.ClauseState)
    return _page(
        "The Promotion Contract",
        f"{len(gates.LETTERS)} gates, {len(gates.CLAUSES)} clauses.\n",
        _table(("clause", "gate", "holds when", "on failure"), rows),
        "## How a clause can stand\n",
        _table(("stored", "shown"), words),
    )


def _events() -> str:
    rows = ((f"`{event.value}`", event.sentence, event.tone) for event in Event)
    return _page(
        "Ledger events", "The closed list of what the ledger can say.\n", _table(("event", "sentence", "tone"), rows)
    )


def _labels_and_roles() -> str:
    labels = (
        (f"`{label.name}`", label.meaning, ", ".join(label.readers) or _NONE, ", ".join(label.sign_off_roles) or _NONE)
        for label in BUILT_IN_LABELS.values()
    )
    roles = (
        (f"`{role}`", ROLE_MEANINGS[role].meaning, "yes" if ROLE_MEANINGS[role].per_dataset else _NONE) for role in Role
    )
    return _page(
        "Policy labels and roles",
        "The labels as they are built in. Admins edit them and add others; none of these is ever looser than here.\n",
        _table(("label", "meaning", "readers", "signatures"), labels),
        "## Roles\n",
        _table(("role", "what the person does", "grantable on one dataset"), roles),
    )
