"""A label tightened and an embargo set count at once: on pages, lists, the API, catalogues, evidence, and in caches.

Everything a reader could reach is walked before and after; afterwards no address may tell of the version.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from datasets import decisions, embargoes, enforcement
from datasets.errors import Refused
from datasets.people import PIPELINE, PUBLIC
from datasets.policy.requests import READING_ACTIONS, Action
from datasets.policy.roles import Role
from promotions import labels
from promotions.models import Evaluation
from promotions.states import State
from tests.built import Built, build_once, with_its_own_store
from tests.embargo.crawl import crawl, get
from tests.world import World, wells

pytestmark = pytest.mark.django_db
OUTER = ["", "contributor2"]
INNER = ["operator", "reviewer", "steward", "council"]


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A world with one published version that the public reads."""
    yield from build_once(State.PUBLISHED, django_db_blocker, tmp_path_factory.mktemp("built"))


@pytest.fixture
def here(built, db, settings, tmp_path) -> Built:
    cache.clear()
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {}}
    return with_its_own_store(built, settings, tmp_path)


@pytest.fixture
def world(here) -> World:
    return here.world


@pytest.fixture
def version(here):
    return here.version


def client_of(world, name):
    client = Client()
    if name:
        client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    return client


def tighten(world, version):
    labels.assign_label(
        version_pk=version.pk, label="restricted", by=world.person("steward"), reason="Nests.", at=timezone.now()
    )


def embargo(world, version):
    until = timezone.now().date() + timedelta(days=30)
    embargoes.set_embargo(
        dataset=version.dataset, until=until, reason="Not yet.", by=world.person("steward"), at=timezone.now()
    )


MEASURES = {"tightened": tighten, "embargo": embargo}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTER, ids=lambda name: name or "public")
@pytest.mark.parametrize("measure", MEASURES)
def test_c1_nothing_that_could_be_reached_tells_of_the_version_any_more(world, version, name, measure):
    client = client_of(world, name)
    slug = version.dataset.slug
    page = f"/datasets/{slug}/versions/{version.version_id}/"
    before = crawl(client, page)
    told = {address: answer for address, answer in before.items() if answer.tells(version.version_id)}
    assert len(told) > 20, sorted(before)
    for address, answer in told.items():
        assert "public" not in answer.cache_control, address
        assert "private" in answer.cache_control or "no-store" in answer.cache_control, address
        assert "no-cache" in answer.cache_control or "no-store" in answer.cache_control, address
        assert "max-age" not in answer.cache_control.replace("max-age=0", ""), address

    MEASURES[measure](world, version)
    for address, answer in told.items():
        again = get(client, address)
        assert not again.tells(version.version_id) or version.version_id in address, (address, again.status)
        if answer.etag:
            assert get(client, address, **{"If-None-Match": answer.etag}).status != 304, address
        if slug in address and version.version_id in address:
            assert again.status == 404, (address, again.status)
    after = crawl(client)
    assert [a for a, answer in after.items() if answer.tells(version.version_id)] == []
    if name == "":  # people with a role know of the dataset itself, never of its hidden versions
        assert [a for a, answer in after.items() if answer.tells(slug)] == []


@pytest.mark.parametrize("name", INNER)
def test_c1_under_embargo_those_who_work_on_it_read_on(world, version, name):
    client = client_of(world, name)
    page = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"
    assert client.get(page).status_code == 200
    embargo(world, version)
    assert client.get(page).status_code == 200
    seen = client.get(f"/datasets/{version.dataset.slug}/")
    assert b"Under embargo." in seen.content


def test_c1_lists_and_single_decisions_agree_under_embargo(world, version):
    embargo(world, version)
    people = [PUBLIC, *(world.person(role.value) for role in Role if role not in {Role.PUBLIC, Role.PIPELINE})]
    for person in people:
        for name in READING_ACTIONS:
            action = Action(name)
            listed = enforcement.visible_versions(person, action).filter(pk=version.pk).exists()
            single = enforcement.find_version(person, version.dataset.slug, version.version_id, action) is not None
            assert listed is single, (person.principal, name)
    assert not enforcement.visible_versions(PUBLIC, Action.READ).filter(pk=version.pk).exists()


def test_c1_the_clock_alone_opens_nothing_and_a_person_does(world, version):
    until = date(2026, 1, 5)
    early = datetime(2026, 1, 1, tzinfo=UTC)
    steward = world.person("steward")
    embargoes.set_embargo(dataset=version.dataset, until=until, reason="Not yet.", by=steward, at=early)
    page = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"
    # its day was long ago, by the clock of this test's machine
    assert timezone.now().date() > until
    assert client_of(world, "").get(page).status_code == 404
    embargoes.lift_embargo(dataset=version.dataset, reason="It may go.", by=steward, at=timezone.now())
    assert client_of(world, "").get(page).status_code == 200


def test_c1_under_embargo_no_label_of_the_outer_circle_is_given(world, version):
    embargo(world, version)
    with pytest.raises(Refused, match="embargo_running"):
        labels.assign_label(
            version_pk=version.pk, label="internal", by=world.person("steward"), reason="x", at=timezone.now()
        )
    tighten(world, version)


def test_c1_under_embargo_nothing_is_published_though_all_have_signed(world, version):
    other = world.version_in(State.CATALOG, slice_="2025")
    world.sign_all(other)
    embargo(world, version)
    with pytest.raises(Refused) as refused:
        world.publish(other)
    assert "C" in str(refused.value.message) or "gate" in str(refused.value.message)
    assert world.standing(other).state == State.CATALOG
    row = embargoes.embargo_on(version.dataset_id)
    at = datetime.combine(row.until, datetime.min.time(), UTC)
    embargoes.lift_embargo(dataset=version.dataset, reason="It may go.", by=world.person("steward"), at=at)
    world.publish(other)
    assert world.standing(other).state == State.PUBLISHED


def test_c1_what_comes_in_under_embargo_waits_in_quarantine_and_goes_on_once_it_is_lifted(world, version):
    embargo(world, version)
    other = world.run(world.acquire(wells(start=200), slice_="2024")).version
    standing = world.standing(other)
    assert standing.state == State.QUARANTINE
    findings = [f for r in Evaluation.objects.filter(version=other).first().results for f in r["findings"]]
    assert [f["clause"] for f in findings if "embargo_running" in f["message"]] == ["C1"]
    row = embargoes.embargo_on(version.dataset_id)
    at = datetime.combine(row.until, datetime.min.time(), UTC)
    embargoes.lift_embargo(dataset=version.dataset, reason="It may go.", by=world.person("steward"), at=at)
    request = decisions.resource_of(other, person=PIPELINE, standing="WORK", has_bytes=True)
    assert request.embargo_until is None
