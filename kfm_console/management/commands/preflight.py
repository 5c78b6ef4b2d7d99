"""``manage.py preflight SPEC FILE``: the spec's checks on a file, before anyone sends it.

Decides nothing: it calls ``datasets.quality.preflight`` and prints one JSON document on standard output, and sentences
for people on standard error unless ``--json`` is given. Exit 0: all that was checked passes or only warns; 1: some
fail; 2: some could not be measured, or the file or spec is refused. Touches neither the network nor the database.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets.formats.errors import UnreadableSource
from datasets.quality.preflight import Preflight, preflight
from datasets.specs import SpecSyntaxError, check_spec, parse_spec

_EXIT = {"pass": 0, "fail": 1, "error": 2}


class Command(BaseCommand):
    help = (
        "Check a file against a spec before sending it: the verdicts that the pipeline would give, without database or "
        "network. Advice only: gate E judges the normalized bytes. Exit 0: all pass; 1: some fail; 2: some could not "
        "be measured, or the file or spec is refused."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec", type=Path, metavar="SPEC", help="the dataset spec, .json or .yaml")
        parser.add_argument("file", type=Path, metavar="FILE", help="the file that would be sent")
        parser.add_argument("--as-of", type=dt.date.fromisoformat, help="the day for no_future_dates (default: today)")
        parser.add_argument("--json", action="store_true", help="the JSON document only, nothing on standard error")

    def handle(self, *_args: Any, **options: Any) -> None:
        as_of = options["as_of"] or dt.datetime.now(dt.UTC).date()
        try:
            found = preflight(options["file"], spec=_read_spec(options["spec"]), as_of=as_of)
        except UnreadableSource as refusal:
            raise CommandError(f"The pipeline would refuse this file. {refusal}", returncode=2) from refusal
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror or error}.", returncode=2) from error
        self.stdout.write(json.dumps(found.as_json()))
        if not options["json"]:
            self.stderr.write("\n".join(_sentences(found)))
        if found.verdict != "pass":
            sys.exit(_EXIT[found.verdict])


def _read_spec(path: Path) -> dict[str, Any]:
    try:
        spec = parse_spec(path.read_bytes(), syntax="json" if path.suffix.lower() == ".json" else "yaml")
    except OSError as error:
        raise CommandError(f"The spec cannot be read: {error.strerror or error}.", returncode=2) from error
    except SpecSyntaxError as error:
        raise CommandError(f"The spec cannot be read: {error}", returncode=2) from error
    findings = check_spec(spec)
    if findings:
        raise CommandError(f"The spec is not well formed, at {findings[0].where}: {findings[0].message}", returncode=2)
    return spec


def _sentences(found: Preflight) -> list[str]:
    lines = [f"{check.verdict}: {check.message}" for check in found.checks]
    lines += [f"not checked here: {name}. {why}" for name, why in found.not_checked]
    rejected = sum(found.rejected_by_code.values())
    lines.append(f"{found.rows} rows, {rejected} records rejected; {found.verdict} of what was checked.")
    return lines
