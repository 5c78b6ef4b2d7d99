"""Prints what the ledger costs on SQLite with synchronous FULL: ``python -m tests.benchmarks.bench_ledger [entries]``.

Uses a database and key in a temporary directory; asserts nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path


def main(total: int, singles: int = 500) -> None:
    """Appends *singles* entries one transaction each, then up to *total* in batches, then verifies all."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from django.utils import timezone

    from audit import ledger
    from audit.events import Event
    from audit.verify import verify

    call_command("migrate", verbosity=0)

    def write() -> None:
        ledger.append(
            event=Event.RECEIPT_RECORDED,
            actor="pipeline",
            role="pipeline",
            subject="kfm://dataset/bench@2026.00000000",
            references={"receipt": "sha256:" + "0" * 64},
            at=timezone.now(),
        )

    start = time.perf_counter()
    for _ in range(singles):
        with transaction.atomic():
            write()
    print(f"one by one: {singles / (time.perf_counter() - start):,.0f} appends/s ({singles} commits)")
    start = time.perf_counter()
    for done in range(singles, total, 1_000):
        with transaction.atomic():
            for _ in range(min(1_000, total - done)):
                write()
    print(f"1,000 a transaction: {(total - singles) / (time.perf_counter() - start):,.0f} appends/s")
    ledger.checkpoint(timezone.now())
    start = time.perf_counter()
    report = verify()
    print(f"verify: {report.size:,} entries in {time.perf_counter() - start:.1f} s; {report.summary}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
        os.environ["KFM_VAR_DIR"] = directory
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(directory) / 'bench.sqlite3'}"
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
