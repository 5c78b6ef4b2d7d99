"""Prints what a client of the DCAT catalogue sees over HTTP: time to the first byte, the whole, the server's memory.

Run: ``python -m tests.benchmarks.bench_catalogue_http [--datasets 5000 50000]``. Asserts nothing but that the answer
names every dataset. The console serves by granian, as ``make up`` does, on a database and a store of its own in a
temporary directory: SQLite, or what ``DATABASE_URL`` names (an empty test database is made there and dropped). Rows and
documents are written past the writers: the same release in every dataset, each with its own DCAT record. "Server" is
the most that the serving processes held resident while they answered, beside what they held after a first small answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from tests.catalogs.facts_world import facts

FORMS = {"catalog.jsonld": ("dcat.jsonld", build_dcat), "catalog.ttl": ("dcat.ttl", build_dcat_turtle)}
CHUNK = 256 * 1024
MIB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, nargs="+", default=[5000, 50000])
    for count in parser.parse_args().datasets:
        done = subprocess.run([sys.executable, "-c", _ONE, str(count)], check=False)
        if done.returncode:
            sys.exit(done.returncode)


_ONE = "import sys; from tests.benchmarks.bench_catalogue_http import one; one(int(sys.argv[1]))"


def one(count: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KFM_VAR_DIR"] = directory
        os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
        import django

        Path(directory, "static").mkdir()
        django.setup()
        from django.db import connection

        print(f"{count} datasets, {connection.vendor}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        name = connection.settings_dict["NAME"]
        if connection.vendor == "sqlite":
            from django.core.management import call_command

            Path(name).parent.mkdir(parents=True, exist_ok=True)
            call_command("migrate", verbosity=0)
            fill(count)
            connection.close()
            serve(os.environ.copy(), count)
        else:
            made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            try:
                fill(count)
                connection.close()
                serve({**os.environ, "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + made}, count)
            finally:
                connection.creation.destroy_test_db(name, verbosity=0)


def fill(count: int) -> None:
    """One published version a dataset, with its records in the store; rows only, past the writers."""
    from django.utils import timezone

    from audit.digests import digest_bytes
    from datasets.models import Acquisition, Artifact, Dataset, DatasetSpec, DatasetVersion
    from datasets.stores import console_store
    from promotions.models import Dossier, Release, Standing

    now, digest = timezone.now(), "sha256:" + "0" * 64
    told = [facts(dataset_slug=f"set_{n:06}", title=f"Set {n}", keywords=(f"word {n % 97}",)) for n in range(count)]
    datasets = Dataset.objects.bulk_create(
        [Dataset(slug=one.dataset_slug, title=one.title, registered_by="x", registered_at=now) for one in told],
        batch_size=500,
    )
    artifact = Artifact.objects.create(digest=digest, size_bytes=1, media_type="text/plain", stored_at=now)
    spec = DatasetSpec.objects.create(
        dataset=datasets[0], spec_hash=digest, canonical="{}", recorded_by="x", recorded_at=now
    )
    like = Acquisition.objects.create(
        dataset=datasets[0], spec=spec, acquisition_id="bench", slice="2026", file_name="x", source=artifact,
        terms=artifact, manifest=artifact, license="CC0-1.0", rights_holder="x", attribution="x", acquired_by="x",
        acquired_at=now,
    )  # fmt: skip
    versions = DatasetVersion.objects.bulk_create(
        [
            DatasetVersion(dataset=dataset, version_id=one.dataset_version_id, slice="2024", spec=spec,
                           acquisition=like, inputs_digest=digest, policy_label_id="public", created_by="x",
                           created_at=now)
            for dataset, one in zip(datasets, told, strict=True)
        ],
        batch_size=500,
    )  # fmt: skip
    Standing.objects.bulk_create(
        [Standing(version=v, dataset=v.dataset, state="PUBLISHED", since=now) for v in versions], batch_size=500
    )
    dossiers = Dossier.objects.bulk_create(
        [Dossier(version=v, digest=digest, canonical="{}", gathered_at=now) for v in versions], batch_size=500
    )
    releases = []
    for version, dossier, one in zip(versions, dossiers, told, strict=True):
        catalogs = [
            {
                "path": f"catalog/{one.dataset_slug}/{one.dataset_version_id}/{path}",
                "digest": str(console_store().put_file(BytesIO(build(one))).digest),
            }
            for path, build in FORMS.values()
        ]
        manifest = json.dumps(
            {"dataset_slug": one.dataset_slug, "dataset_version_id": one.dataset_version_id, "catalogs": catalogs}
        )
        releases.append(
            Release(version=version, round=1, verb="publish", manifest=manifest, dossier=dossier, released_by="x",
                    manifest_digest=str(digest_bytes(manifest.encode())), released_at=now)
        )  # fmt: skip
    Release.objects.bulk_create(releases, batch_size=500)


def serve(environment: dict[str, str], count: int) -> None:
    """Starts the server, asks for both forms, stops it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--log-level", "error", "kfm_console.wsgi:application"]
    server = subprocess.Popen(command, env=environment)
    try:
        await_answer(port)
        for name in FORMS:
            measure(port, name, server.pid, count)
    finally:
        server.terminate()
        server.wait()


def await_answer(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            ask(port, "/healthz")
            ask(port, "/api/v1/datasets?limit=1")
            return
        time.sleep(0.1)
    raise SystemExit("The server did not answer.")


def ask(port: int, path: str) -> tuple[int, float, float, int, int]:
    """Status, seconds to the first byte of the body, seconds in all, bytes, and how many landing pages they name."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    begun = time.perf_counter()
    client.request("GET", path)
    answer = client.getresponse()
    size, named, tail, first = 0, 0, b"", 0.0
    while part := answer.read1(CHUNK):
        first = first or time.perf_counter() - begun
        size += len(part)
        text = tail + part
        named += text.count(_MARK) - tail.count(_MARK)
        tail = text[-len(_MARK) + 1 :]
    client.close()
    return answer.status, first, time.perf_counter() - begun, size, named


_MARK = b"dcat:landingPage"


def measure(port: int, name: str, pid: int, count: int) -> None:
    before, most, over = resident(pid), [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status, first, whole, size, named = ask(port, f"/api/v1/dcat/{name}")
    over.set()
    watcher.join()
    assert named == count, f"{named} of {count} datasets are in the answer"
    print(
        f"  {name:<15} {status}, first byte {first:.2f} s, whole {whole:.1f} s, {size / 1e6:.0f} MB; "
        f"server {before / MIB:.0f} MiB before, {most[0] / MIB:.0f} MiB at most",
        flush=True,
    )


def resident(pid: int) -> int:
    """Bytes that the process and its children hold."""
    every = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * page for one in every)


if __name__ == "__main__":
    main()
