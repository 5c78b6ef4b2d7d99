"""``manage.py verify_ledger [--checkpoint FILE]``: exit 0 all holds, 1 tampered or cut off, 2 could not be checked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from audit.verify import verify


class Command(BaseCommand):
    help = "Rebuilds every hash of the ledger from its rows and checks them against the signed checkpoints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint that was kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        path: Path | None = options["checkpoint"]
        try:
            kept = None if path is None else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.stderr.write(f"cannot check: the checkpoint file can't be read: {error}")
            sys.exit(2)
        report = verify(kept)
        for table in report.unprotected:
            self.stderr.write(f"warning: {table} has lost its append-only triggers. Run the migrations again.")
        if report.holds:
            self.stdout.write(f"holds: {report.summary}")
            return
        if report.first_bad_index is None:
            self.stderr.write(f"cannot check: {report.summary}")
            sys.exit(2)
        self.stderr.write(f"first bad index: {report.first_bad_index}\n{report.summary}")
        sys.exit(1)
