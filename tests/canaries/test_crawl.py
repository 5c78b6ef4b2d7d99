"""No canary anywhere it may not be (C1, C2): every address as every role, every table, log, mail and delivery.

Who may see one is asked of the policies, version by version: those whom they let have the exact bytes. The crawl itself
is held to finding a canary that somebody put where the public reads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from datasets.models import Dataset, DatasetVersion, VersionArtifact
from datasets.people import PUBLIC, Person, person_for
from datasets.policy.requests import Action
from datasets.stores import console_store
from promotions.api.authentication import FailedTries
from promotions.api.base import ClientThrottle
from promotions.readers.version_page import may, open_version
from tests.canaries import crawling
from tests.canaries.crawling import Crawl, Watch
from tests.canaries.planting import COARSE, EXACT, MARK, OWNERS, PLACES, Planted, plant

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

#: Whom no policy in this world may ever let have an exact byte, whatever the derived answer says.
NEVER = {None, "nobody", "superuser", "contributor2", "auditor", "auditor2", "admin", "svc-pipe"}
#: Parameters of addresses that need a row which nothing of this world makes.
WITHOUT_ROWS = {
    "source_pk", "embargo_pk", "change_pk", "link_pk", "check_pk", "webhook_pk", "token_pk", "account_pk", "notice_pk",
}  # fmt: skip


@pytest.fixture
def world(settings, monkeypatch) -> Planted:
    settings.KFM_EMAIL = True
    monkeypatch.setattr(ClientThrottle, "rate", "1000000/minute")
    monkeypatch.setattr(FailedTries, "rate", "1000000/minute")
    return plant()


def visitor_client() -> Client:
    """A client that sees error pages as people do."""
    return Client(raise_request_exception=False)


def released_of(version: DatasetVersion):
    import tempfile
    from pathlib import Path

    from datasets.obligations.leak_sources import _vertices

    file = VersionArtifact.objects.filter(version=version, part="data").latest("pk")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.parquet"
        console_store().fetch_to(file.artifact_id, path)
        return _vertices(path)


def exact_readers(person: Person, versions: list[DatasetVersion]) -> set[str]:
    """References of the versions whose exact bytes the policies let *person* have."""
    found = set()
    for version in versions:
        opened = open_version(person, version.dataset.slug, version.version_id, timezone.now())
        if opened is None or not may(person, version, Action.DOWNLOAD, timezone.now()):
            continue
        files = VersionArtifact.objects.filter(version=version, part__in=["data", "normalized", "measured", "source"])
        exact = [file for file in files if not (version.dataset.slug == COARSE and file.part == "data")]
        if any(opened.may_open(file) for file in exact):
            found.add(version.reference)
    return found


def visitors(world: Planted) -> Iterator[tuple[str | None, Client, dict[str, str], Person]]:
    yield None, visitor_client(), {}, PUBLIC
    yield (
        "svc-pipe",
        visitor_client(),
        {"Authorization": f"Bearer {world.secret}"},
        person_for(User.objects.get(username="svc-pipe")),
    )
    names = [
        "nobody",
        "superuser",
        "contributor2",
        "operator2",
        "reviewer2",
        "steward2",
        "council2",
        "auditor",
        "admin",
    ]
    for name in names:
        client = visitor_client()
        client.force_login(User.objects.get(username=name))
        yield name, client, {}, person_for(User.objects.get(username=name))


def test_c2_no_canary_is_anywhere_it_may_not_be(world, caplog):
    caplog.set_level(logging.DEBUG)
    watch = Watch(released_of(world.coarse))
    versions = list(DatasetVersion.objects.select_related("dataset", "policy_label", "standing", "spec"))
    starts = crawling.addresses()

    assert crawling.unfilled() <= WITHOUT_ROWS
    seen_by, faults = {}, []
    for name, client, headers, person in visitors(world):
        crawl = Crawl(client, name or "the public", watch, headers)
        crawl.everything(starts)
        allowed = exact_readers(person, versions)
        assert not (name in NEVER and allowed), (name, allowed)
        assert not [url for url, status in crawl.answers.items() if status >= 500 and status != 503]
        for sighting in crawl.sightings:
            about = {
                v.reference for v in versions if f"{v.dataset.slug}/" in sighting.url and v.version_id in sighting.url
            }
            if not (about & allowed if about else allowed):
                faults.append(sighting)
        seen_by[name] = len(crawl.sightings)
    assert faults == []
    assert seen_by["steward2"] > 0  # they may, and do: the crawl gets to where the canaries are
    assert [place for place, raw in crawling.every_row() if watch.kinds(raw)] == []
    assert watch.kinds(caplog.text.encode()) == ()
    sent = "\n".join(f"{one.subject}\n{one.body}\n{one.alternatives}" for one in mail.outbox)
    assert watch.kinds(sent.encode()) == ()


@pytest.mark.parametrize(
    "canary", [OWNERS[3], f"{PLACES[9][1]}, {PLACES[9][0]}", f"{PLACES[4][1]:.5f} N {-PLACES[4][0]:.5f} W"]
)
def test_c2_the_crawl_finds_a_canary_in_a_public_place(world, canary):
    Dataset.objects.filter(slug=COARSE).update(title=f"Seen near {canary} once")
    watch = Watch(released_of(world.coarse))
    crawl = Crawl(visitor_client(), "the public", watch)
    crawl.everything([f"/datasets/{COARSE}/", "/datasets/", f"/api/v1/datasets/{COARSE}/"], most=12)
    assert crawl.sightings
    assert any(watch.kinds(raw) for _, raw in crawling.every_row())


def test_c2_a_search_for_a_canary_finds_as_much_as_a_search_for_nonsense(world):
    asked = {"owner": (OWNERS[3], "X" * len(OWNERS[3])), "word": (MARK, "x" * len(MARK))}
    for canary, nonsense in asked.values():
        for path, key in (
            ("/datasets/", "q"),
            ("/api/v1/datasets/", "q"),
            ("/quarantine/", "q"),
            ("/api/v1/stac/search", "ids"),
        ):
            told = [visitor_client().get(path, {key: text}) for text in (canary, nonsense)]
            bodies = [
                r.content.decode().replace(text, "").replace(text.replace(" ", "+"), "")
                for r, text in zip(told, (canary, nonsense), strict=True)
            ]
            assert told[0].status_code == told[1].status_code
            assert len(bodies[0]) == pytest.approx(len(bodies[1]), abs=80)
    assert f'"{EXACT}"' not in visitor_client().get("/api/v1/datasets/").content.decode()
