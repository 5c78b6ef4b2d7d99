"""The inspector, the graph and the evidence page in a browser: the public on a phone, a steward by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from datasets.policy.roles import Role
from promotions.demo import PASSWORD, Account
from promotions.states import State
from tests.e2e.visitors import Town
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


STEWARD = Account("steward", "Steward", "Test", Role.STEWARD)


@pytest.fixture
def world(transactional_db, live_server, settings):
    """People and a dataset, made by the writers; catalogs give the live server's address."""
    settings.KFM_PUBLIC_URL = live_server.url
    made = World.build()
    made.users["steward"].set_password(PASSWORD)
    return made


@pytest.fixture
def version(world):
    published = world.version_in(State.PUBLISHED)
    world.users["steward"].save()  # signatures ask for the password of the tests; the browser gives the demo's
    return published


@pytest.fixture
def town(chromium, live_server, screenshot):
    people = Town(chromium, live_server.url, screenshot)
    yield people
    people.close()


def address(version, tab):
    return f"/datasets/{version.dataset.slug}/versions/{version.version_id}/?tab={tab}"


def test_the_public_on_a_phone_in_the_dark(town, version):
    visitor = town.enter(phone=True, dark=True)
    page = visitor.go(address(version, "catalogs"))
    expect(page.get_by_text("fields agree.")).to_be_visible()
    visitor.accessible()
    page.get_by_role("link", name="Test wells").first.click()
    expect(page.locator("#drawer .document-line.marked")).to_contain_text("title")
    page.keyboard.press("Escape")
    page = visitor.go(address(version, "provenance"))
    visitor.accessible()
    expect(page.locator(".graph-release")).to_have_count(1)
    page = visitor.go(f"/evidence/?ref=dcat://{version.dataset.slug}@{version.version_id}")
    expect(page.get_by_text("1 of 1 resolved.")).to_be_visible()
    visitor.accessible()
    page.get_by_role("link", name="its receipt").first.click()
    expect(page.locator("#drawer h2")).to_have_text("Run receipt: ingest")


def test_a_steward_by_keyboard_alone(town, version):
    visitor = town.enter(STEWARD)
    page = visitor.go(address(version, "provenance"))
    visitor.accessible()
    page.locator(".graph-frame").focus()
    page.keyboard.press("Tab")
    assert "Activity: Ingest" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer h2")).to_have_text("Run receipt: ingest")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer-panel[open]")).to_have_count(0)
    page = visitor.go("/evidence/")
    page.get_by_label("References, one a line").focus()
    page.keyboard.type(f"stac://{version.dataset.slug}/items/{version.version_id}#asset=data")
    page.keyboard.press("Enter")
    page.keyboard.type(f"stac://{version.dataset.slug}/items/{version.version_id}#asset=Data")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 2 resolved.")).to_be_visible()
    visitor.accessible()
