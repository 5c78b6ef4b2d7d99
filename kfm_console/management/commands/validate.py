"""``manage.py validate KIND PATH…``: judge files by KFM's rules, for people and scripts.

Decides nothing: it calls the validator of the kind and prints one JSON line per path on standard output. On standard
error, unless ``--json`` is given, go a few sentences for people, grouped by root cause. Exit 0: all pass; 1: some fail
and all were checked; 2: some could not be checked, or the command line is wrong. Touches neither the network nor the
database (design §9).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.findings import Finding, Kind, grouped
from kfm_console.validation import VALIDATORS, Options, exit_code
from kfm_console.validation.contexts import LocalContexts
from kfm_console.validation.many import expand, judge_all

MOST_CAUSES = 20


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
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            help="files, or directories: their files of the kind, sorted; - reads one path a line from standard input",
        )
        parser.add_argument(
            "--profile",
            choices=["core", "kfm"],
            help="the standard alone, or KFM's too (default: core for kind json, kfm for every other)",
        )
        parser.add_argument(
            "--shapes", action="append", default=[], metavar="FILE", help="further SHACL shapes in Turtle (kind dcat)"
        )
        parser.add_argument(
            "--context",
            action="append",
            default=[],
            metavar="[ADDRESS=]FILE",
            help="a local copy of a remote JSON-LD context (kinds dcat and prov); without ADDRESS it answers for every "
            "address that ends in the file's name",
        )
        parser.add_argument("--jobs", type=int, metavar="N", help="processes to use (default: one a core)")
        parser.add_argument("--json", action="store_true", help="JSON lines only, nothing on standard error")

    def handle(self, *_args: Any, **options: Any) -> None:
        kind = options["kind"]
        chosen = _chosen(kind, options)
        workers = options["jobs"] or os.cpu_count() or 1
        logging.getLogger("rdflib").setLevel(logging.CRITICAL)  # it logs a traceback for each ill-typed literal
        verdicts, told = [], []
        try:
            for verdict, line in judge_all(kind, expand(kind, _named(options["paths"])), chosen, workers):
                verdicts.append(verdict)
                self.stdout.write(line)
                if verdict != "pass" and not options["json"]:
                    told += _findings(line)
        except BrokenProcessPool as error:
            message = f"A process ended before it answered; {len(verdicts)} files were judged. Run it with --jobs 1."
            raise CommandError(message, returncode=2) from error
        if not verdicts:
            raise CommandError("There is no path to judge.", returncode=2)
        if not options["json"]:
            counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("pass", "fail", "error"))
            self.stderr.write(f"{len(verdicts)} judged as {kind}: {counts}.")
            for sentence in root_causes(told):
                self.stderr.write(sentence)
        if exit_code(verdicts):
            sys.exit(exit_code(verdicts))


def _findings(line: str) -> list[Finding]:
    """What one answer found, each with the path of the file before its place."""
    answer = json.loads(line)
    kind: Kind = "error" if answer["verdict"] == "error" else "violated"
    return [Finding(f["code"], f"{answer['path']} {f['where']}".strip(), f["message"], kind=kind)
            for f in answer["findings"]]  # fmt: skip


def root_causes(findings: Sequence[Finding]) -> Iterator[str]:
    """A sentence for each root cause, the commonest first: what is wrong, in how many places, and where first."""
    causes = sorted(grouped(findings), key=lambda cause: -len(cause.places))
    for cause in causes[:MOST_CAUSES]:
        count, first = len(cause.places), cause.places[0]
        yield f"{cause.message} ({count} place{'s' if count > 1 else ''}, first {first}) [{cause.code}]"
    if len(causes) > MOST_CAUSES:
        yield f"… and {len(causes) - MOST_CAUSES} other causes; the JSON lines hold them all."


def _chosen(kind: str, options: dict[str, Any]) -> Options:
    if options["shapes"] and kind != "dcat":
        raise CommandError("--shapes is for kind dcat only.", returncode=2)
    if options["context"] and kind not in {"dcat", "prov"}:
        raise CommandError("--context is for kinds dcat and prov only.", returncode=2)
    chosen = Options(options["profile"], tuple(Path(name) for name in options["shapes"]), tuple(options["context"]))
    for shapes in chosen.shapes:
        if not shapes.is_file():
            raise CommandError(f"The shapes file {shapes} is not there.", returncode=2)
    for context in LocalContexts(chosen.contexts).files():
        if not context.is_file():
            raise CommandError(f"The context file {context} is not there.", returncode=2)
    return chosen


def _named(paths: list[str]) -> list[str]:
    """The paths of the command line, with those of standard input in place of ``-``."""
    named: list[str] = []
    for path in paths:
        named += [line.rstrip("\n") for line in sys.stdin if line.strip()] if path == "-" else [path]
    return named
