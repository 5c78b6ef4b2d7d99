"""A list of 100,000 versions filtered by policy, beside plain django-guardian doing the same in the same run.

Run: ``python -m tests.benchmarks.bench_lists [--versions 100000] [--explain]``; ``DATABASE_URL`` chooses the database
(an empty test database is made and dropped; SQLite in a temporary directory). Who may see 1 %, 10 % and 50 % holds
``steward_dataset`` on that share of the datasets; for guardian the very same versions are granted one by one, as a
guardian project would. Each asks for the number of what is visible and the first page of 50, newest first. Prints p50
and p95 of 20 runs, in turns; asserts that both see the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

SHARES = (1, 10, 50)
A_DATASET = 20
RUNS = 20
PAGE = 50


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--explain", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KFM_VAR_DIR"] = directory
        os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
        import django

        django.setup()
        from django.db import connection

        name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            print(f"{connection.vendor}, {asked.versions} versions, {asked.versions // A_DATASET} datasets")
            fill(asked.versions)
            for share in SHARES:
                measure(share, explain=asked.explain)
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def fill(count: int) -> None:
    """Rows only, past the writers: one published version a dataset, the others superseded; four labels in turn."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.utils import timezone

    from datasets.models import Acquisition, Artifact, Dataset, DatasetSpec, DatasetVersion
    from promotions.models import Dossier, Release, Standing

    now, digest = timezone.now(), "sha256:" + "0" * 64
    datasets = Dataset.objects.bulk_create(
        [
            Dataset(slug=f"bench_{n:06}", title=f"Bench {n}", registered_by="x", registered_at=now)
            for n in range(count // A_DATASET)
        ],
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
    labels = ("public", "restricted", "internal", "public_generalized")
    versions = DatasetVersion.objects.bulk_create(
        [
            DatasetVersion(
                dataset=dataset, version_id=f"2026.{n:08x}", slice="2026", spec=spec, acquisition=like,
                inputs_digest=digest, policy_label_id=labels[k % 4], created_by="someone",
                created_at=now - timedelta(seconds=k * A_DATASET + n),
            )
            for k, dataset in enumerate(datasets)
            for n in range(A_DATASET)
        ],
        batch_size=500,
    )  # fmt: skip
    Standing.objects.bulk_create(
        [
            Standing(version=v, dataset=v.dataset, state="PUBLISHED" if n % A_DATASET == 0 else "SUPERSEDED", since=now)
            for n, v in enumerate(versions)
        ],
        batch_size=500,
    )
    published = versions[::A_DATASET]
    dossiers = Dossier.objects.bulk_create(
        [Dossier(version=v, digest=digest, canonical="{}", gathered_at=now) for v in published], batch_size=500
    )
    Release.objects.bulk_create(
        [
            Release(version=v, round=1, verb="publish", manifest="{}", manifest_digest=digest, dossier=d,
                    released_by="x", released_at=now)
            for v, d in zip(published, dossiers, strict=True)
        ],
        batch_size=500,
    )  # fmt: skip
    for share in SHARES:
        User.objects.create_user(f"user{share}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def grant(share: int) -> tuple[Any, Any]:
    """The person by our rights, and the user by guardian's, over the same versions: those whose first is not public."""
    from django.contrib.auth.models import Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection
    from guardian.models import UserObjectPermission

    from datasets.enforcement import visible_versions
    from datasets.models import Dataset, DatasetVersion
    from datasets.people import Person
    from datasets.policy.requests import Action

    datasets = list(Dataset.objects.filter(slug__startswith="bench_").order_by("pk").values_list("pk", flat=True))
    # those that are everyone's to read are part of what a share of all versions may be
    mine = datasets[: len(datasets) * share // 100]
    user = User.objects.get(username=f"user{share}")
    person = Person(user.username, "Bench", frozenset(), dict.fromkeys(mine, frozenset({"steward_dataset"})))
    permission = Permission.objects.get(codename="view_datasetversion", content_type__app_label="datasets")
    kind = ContentType.objects.get_for_model(DatasetVersion)
    seen = visible_versions(person, Action.DISCOVER).values_list("pk", flat=True)
    UserObjectPermission.objects.bulk_create(
        [UserObjectPermission(user=user, permission=permission, content_type=kind, object_pk=str(pk)) for pk in seen],
        batch_size=500,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return person, user


def measure(share: int, *, explain: bool) -> None:
    from django.contrib.auth.models import User
    from guardian.shortcuts import get_objects_for_user

    from datasets.enforcement import visible_versions
    from datasets.policy.requests import Action

    person, user = grant(share)

    def ours() -> tuple[int, list[int]]:
        found = visible_versions(person, Action.DISCOVER)
        return found.count(), [row.pk for row in found.order_by("-created_at", "-pk")[:PAGE]]

    def guardian() -> tuple[int, list[int]]:
        asked = User.objects.get(pk=user.pk)  # guardian remembers on the user: each request has its own
        found = get_objects_for_user(asked, "datasets.view_datasetversion")
        return found.count(), [row.pk for row in found.order_by("-created_at", "-pk")[:PAGE]]

    assert ours() == guardian()
    number = ours()[0]
    if explain:
        print(visible_versions(person, Action.DISCOVER).order_by("-created_at", "-pk")[:PAGE].explain())
    times: dict[str, list[float]] = {"predicate": [], "guardian": []}
    for _ in range(RUNS):  # in turns, so that both meet the same neighbours on the machine
        times["predicate"].append(_time(ours))
        times["guardian"].append(_time(guardian))
    p95 = {name: statistics.quantiles(found, n=20)[18] for name, found in times.items()}
    for name, found in times.items():
        print(
            f"{share:>3} % ({number} versions)  {name:<10} p50 {statistics.median(found) * 1000:8.1f} ms"
            f"  p95 {p95[name] * 1000:8.1f} ms"
        )
    print(f"      times faster at p95: {p95['guardian'] / p95['predicate']:.1f}")


def _time(ask: Callable[[], Any]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
