"""``manage.py validate KIND PATH…``: judge files by KFM's rules, for people and scripts.

Decides nothing: it calls the validator of the kind and prints one JSON line per path on standard output, and a
sentence for people on standard error unless ``--json`` is given. Exit 0: all pass; 1: some fail and all were checked;
2: some could not be checked, or the command line is wrong. Touches neither the network nor the database (design §9).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kfm_console.validation import VALIDATORS, Options, exit_code, judge


class Command(BaseCommand):
    help = (
        "Judge documents by KFM's rules. One JSON line per path: path, kind, verdict (pass, fail, error), findings. "
        "Exit 0: all pass; 1: some fail; 2: some could not be checked. A file of kind license or evidence-ref holds "
        "one entry per line; when no such file exists, the argument itself is judged."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(VALIDATORS), metavar="KIND", help=", ".join(sorted(VALIDATORS)))
        parser.add_argument("paths", nargs="+", metavar="PATH", help="files; a directory is not searched")
        parser.add_argument(
            "--profile",
            choices=["core", "kfm"],
            help="the standard alone, or KFM's too (default: core for kind json, kfm for every other)",
        )
        parser.add_argument(
            "--shapes", action="append", default=[], metavar="FILE", help="further SHACL shapes in Turtle (kind dcat)"
        )
        parser.add_argument("--json", action="store_true", help="JSON lines only, nothing on standard error")

    def handle(self, *_args: Any, **options: Any) -> None:
        kind = options["kind"]
        if options["shapes"] and kind != "dcat":
            raise CommandError("--shapes is for kind dcat only.", returncode=2)
        chosen = Options(options["profile"], tuple(Path(name) for name in options["shapes"]))
        for shapes in chosen.shapes:
            if not shapes.is_file():
                raise CommandError(f"The shapes file {shapes} is not there.", returncode=2)
        verdicts = []
        for path in options["paths"]:
            answer = judge(kind, path, chosen)
            verdicts.append(answer["verdict"])
            self.stdout.write(json.dumps(answer))
        if not options["json"]:
            counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("pass", "fail", "error"))
            self.stderr.write(f"{len(verdicts)} judged as {kind}: {counts}.")
        if exit_code(verdicts):
            sys.exit(exit_code(verdicts))
