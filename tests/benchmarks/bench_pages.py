"""Queries and milliseconds of the main pages, with the demo's data.

Run: ``python -m tests.benchmarks.bench_pages``. Loads the demo into a temporary directory, asks each page once to warm
it and then five times, and prints the number of queries and the median; asserts none.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KFM_VAR_DIR"] = directory
        os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
        import django

        django.setup()
        from django.conf import settings
        from django.contrib.auth.models import User
        from django.core.management import call_command
        from django.db import connection
        from django.test import Client
        from django.test.utils import CaptureQueriesContext

        from promotions import demo
        from promotions.models import Standing

        settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
        call_command("migrate", verbosity=0)
        demo.load()
        version = Standing.objects.select_related("version__dataset").get(state="CATALOG").version
        address = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"
        client = Client()
        client.force_login(User.objects.get(username="sam"))
        pages = {
            "home": "/",
            "board (CATALOG, all seven gates)": f"{address}review/",
            "version": address,
            "queue": "/queue/",
            "quarantine": "/quarantine/",
            "ledger": "/ledger/",
        }
        for name, path in pages.items():
            client.get(path)
            seconds = []
            for _ in range(5):
                started = time.perf_counter()
                with CaptureQueriesContext(connection) as queries:
                    answer = client.get(path)
                seconds.append(time.perf_counter() - started)
            print(
                f"{name:<34} {answer.status_code} {len(queries):>3} queries {statistics.median(seconds) * 1000:6.0f} ms"
            )


if __name__ == "__main__":
    main()
