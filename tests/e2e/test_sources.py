"""Sources, terms, failed runs and running again in a real browser, against an upstream on loopback (issue 3).

Nothing here reaches behind the pages, save what the upstream answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from datasets.models import Dataset
from datasets.people import person_for
from datasets.registry import register_dataset
from datasets.steps import getting
from promotions.demo import Account
from tests.e2e.visitors import Town, Visitor
from tests.upstream.world import HOST, Upstream, upstream, wire_to
from tests.world import SPEC, wells

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

Accounts = dict[str, Account]
Worker = Callable[[], AbstractContextManager[None]]
SLUG = SPEC["dataset_slug"]
LOCATION = f"http://{HOST}/private/wells.geojson"
TYPED = {
    "Where": LOCATION,
    "Licence": "CC-BY-4.0",
    "Rights holder": "Test Survey",
    "Attribution": "Wells by the Test Survey",
    "Terms, word for word optional": "CC BY 4.0, as of today.\nSay where it is from.",
}
DONE, STOPPED = "Every step that was asked for is done.", "How to mend it:"


def gives(body: dict) -> Callable[..., None]:
    return lambda handler: handler.answer(200, json.dumps(body).encode(), content_type="application/geo+json")


def breaks(handler: object) -> None:
    handler.answer(503)  # type: ignore[attr-defined]


@pytest.fixture
def dataset(accounts: Accounts) -> Dataset:
    carla = person_for(User.objects.get(username=accounts["contributor"].username))
    return register_dataset(spec=SPEC, by=carla, at=timezone.now())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with upstream(gives(wells(4))) as found:
        wire = wire_to(found.port)
        monkeypatch.setattr(getting, "wire", lambda: wire)
        yield found


def fetches(visitor: Visitor, source: str, says: str) -> str:
    """Presses "Fetch now", waits until the run says *says*; the run's address."""
    visitor.go(source)
    visitor.press("Fetch now")
    expect(visitor.page.get_by_text(says).first).to_be_visible(timeout=40_000)
    return visitor.page.url.removeprefix(visitor.base)


def records(town: Town, carla: Visitor) -> str:
    """By the form, with a name that can't be one first; the source's address."""
    page = carla.go(f"/datasets/{SLUG}/")
    page.get_by_role("main").get_by_role("link", name="Record a source").click()
    page.get_by_label("Name", exact=True).fill("Wells Feed")
    expect(page.locator("#id_terms_uri")).to_have_value("https://example.invalid/terms")  # as the spec states it
    page.locator("#id_terms_uri").fill("")
    for label, text in TYPED.items():
        page.get_by_label(label, exact=True).fill(text)
    carla.press("Record the source")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.locator("[data-error-summary] a", has_text="Name").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Where", exact=True)).to_have_value(LOCATION)
    carla.accessible()
    town.picture(carla, "source-form-faults")
    page.get_by_label("Name", exact=True).fill("wells-feed")
    carla.press("Record the source")
    expect(page.get_by_role("heading", level=1)).to_have_text("wells-feed")
    return page.url.removeprefix(carla.base).partition("#")[0]


def test_a_source_from_its_form_to_a_version_and_what_becomes_of_it(
    town: Town, accounts: Accounts, worker: Worker, dataset: Dataset, server: Upstream
) -> None:
    carla, omar, sam = (town.enter(accounts[role]) for role in ("contributor", "operator", "steward"))
    source = records(town, carla)
    _asked_twice_is_one_run(carla, omar, source)
    with worker():
        expect(carla.page.get_by_text(DONE)).to_be_visible(timeout=40_000)
        version = _made_by(carla)
        _fails_and_is_run_again(town, omar, source, server)
        _terms_change_and_are_accepted(town, carla, sam, source, version)
    _four_ways(town, omar, version)
    _others_see_less(town, town.enter(accounts["auditor"]), town.enter(), source, version)
    _fits_a_phone_in_the_dark(town, town.enter(accounts["operator"], phone=True, dark=True), source, version)


def _asked_twice_is_one_run(carla: Visitor, omar: Visitor, source: str) -> None:
    carla.press("Fetch now")
    expect(carla.page.get_by_text("Waiting for a worker.")).to_be_visible()
    omar.go(source)
    expect(omar.page.get_by_text("A run asked for by Carla Yoder is under way.")).to_be_visible()
    omar.press("Fetch now")
    expect(omar.page.locator(".message")).to_have_text("Already asked for by Carla Yoder: this is that run.")
    assert omar.page.url == carla.page.url


def _made_by(carla: Visitor) -> str:
    """The version that the run made, by its button."""
    words = carla.page.get_by_role("link", name=re.compile("Open version")).inner_text()
    return words.removeprefix("Open version ").strip()


def _fails_and_is_run_again(town: Town, omar: Visitor, source: str, server: Upstream) -> None:
    server.acts[:] = [breaks]
    run = fetches(omar, source, STOPPED)
    page = omar.page
    expect(page.get_by_text("at step 1 of 2: Fetch from the upstream")).to_be_visible()
    expect(page.locator(".next-steps > li")).to_have_count(3)
    expect(page.get_by_role("heading", name="What changed since the last good run")).to_be_visible()
    omar.accessible()
    town.picture(omar, "run-failed")
    omar.go("/runs/?state=failed")
    omar.accessible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{omar.base}{run}")
    server.acts[:] = [gives(wells(5))]
    omar.press("Run again")
    expect(page.get_by_text(DONE)).to_be_visible(timeout=40_000)
    omar.go(source)
    expect(page.locator(".attempts title")).to_have_count(3)
    expect(page.get_by_text("The last 3 attempts: 2 fetched, 1 failed.")).to_be_visible()
    omar.accessible()
    town.picture(omar, "source")


def _terms_change_and_are_accepted(town: Town, carla: Visitor, sam: Visitor, source: str, version: str) -> None:
    terms = carla.go(f"{source}change/").get_by_label(re.compile("^Terms, word for word"))
    terms.fill("CC BY 4.0, as of today.\nDo not sell it.")
    carla.press("Keep the change")
    fetches(carla, source, DONE)
    page = sam.go(f"/datasets/{SLUG}/versions/{version}/")
    page.get_by_role("link", name="Read what changed").click()
    expect(page.locator("ins")).to_have_text("Do not sell it.")
    sam.accessible()
    town.picture(sam, "terms-changed")
    carla.go(page.url.removeprefix(sam.base))
    expect(carla.page.get_by_role("button", name="Accept the terms")).to_be_disabled()
    expect(carla.page.get_by_text("Who can: Sam Wichita (steward).")).to_be_visible()
    page.get_by_label("Reason").fill("We do not sell it.")
    sam.press("Accept the terms")
    expect(page.locator(".message")).to_contain_text("Accepted.")
    sam.go(f"/datasets/{SLUG}/versions/{version}/")
    expect(page.get_by_text("The upstream's terms changed")).to_have_count(0)


def _four_ways(town: Town, omar: Visitor, version: str) -> None:
    page = omar.go(f"/datasets/{SLUG}/versions/{version}/")
    page.get_by_role("link", name="Run again", exact=True).click()
    expect(page.locator(".mode h2")).to_have_text(["Retry", "Reprocess", "Backfill", "Rebuild"])
    expect(page.locator("#retry .mode-id code")).to_have_text(version)
    expect(page.locator("#reprocess button")).to_be_disabled()
    omar.accessible()
    town.picture(omar, "run-again")


def _others_see_less(town: Town, august: Visitor, public: Visitor, source: str, version: str) -> None:
    august.go(source)
    expect(august.page.get_by_text(HOST).first).to_be_visible()
    assert "/private/" not in august.page.content()
    expect(august.page.get_by_role("button", name="Fetch now")).to_be_disabled()
    august.accessible()
    for path in (
        source,
        "/sources/",
        "/runs/",
        f"/datasets/{SLUG}/terms/",
        f"/datasets/{SLUG}/versions/{version}/again/",
    ):
        public.go(path)
        expect(public.page).to_have_url(re.compile("/login/"))


def _fits_a_phone_in_the_dark(town: Town, omar: Visitor, source: str, version: str) -> None:
    for name, path in (
        ("sources", "/sources/"),
        ("source", source),
        ("source-form", f"{source}change/"),
        ("dataset-sources", f"/datasets/{SLUG}/sources/"),
        ("runs", "/runs/"),
        ("terms", f"/datasets/{SLUG}/terms/"),
        ("again", f"/datasets/{SLUG}/versions/{version}/again/"),
        ("dataset", f"/datasets/{SLUG}/"),
    ):
        omar.go(path)
        omar.accessible()
        town.picture(omar, f"phone-dark-{name}")
