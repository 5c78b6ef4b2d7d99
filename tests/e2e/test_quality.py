"""The QA report at a browser: a threshold is moved by keyboard alone, rows open, and charts have their text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from datasets.models import DatasetVersion
from datasets.policy.roles import Role
from promotions.demo import Account
from tests.e2e.visitors import Town
from tests.pages_q import scene
from tests.world import PASSWORD, World

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

MOST_TABS = 80
PICTURES = bool(os.environ.get("KFM_SCREENSHOTS"))


class _Tester(Account):
    """One of the people of ``tests.world``."""

    @property
    def password(self) -> str:
        return PASSWORD


def _account(name: str) -> Account:
    return _Tester(name, name.capitalize(), "Test", Role(name))


@pytest.fixture
def world(transactional_db: None) -> World:
    return scene.build()


@pytest.fixture
def crowd(
    chromium: Browser, live_server: Any, settings: Any, screenshot: Callable[..., Any], world: World
) -> Iterator[Town]:
    settings.KFM_PUBLIC_URL = live_server.url
    people = Town(chromium, live_server.url, screenshot)
    yield people
    people.close()


def _address(version: DatasetVersion) -> str:
    return reverse("promotions:quality", args=[version.dataset.slug, version.version_id])


def _tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by keyboard.")


def test_a_threshold_is_moved_by_keyboard_alone(crowd: Town, world: World) -> None:
    scene.published(world, scene.content(8, outliers=1, astray=0))
    version = scene.run(world, scene.content(8, outliers=0, astray=1), slice_="2027")
    ruth = crowd.enter(_account("reviewer"))
    page = ruth.go(_address(version))
    ruth.accessible()
    row = page.locator("#check-3 summary").first
    _tab_to(page, row)
    expect(page.locator("#check-3 .samples")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#check-3 .samples")).to_be_visible()
    check = page.locator("#preview-check")
    _tab_to(page, check)
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#preview-threshold")).to_have_value("0.5")
    expect(page.locator("#preview-check")).to_have_value("2")
    _tab_to(page, page.locator("#preview-threshold"))
    page.keyboard.press("Control+a")
    page.keyboard.type("0.95")
    said = page.locator("#preview-said")
    expect(said).to_contain_text("This would have stopped 1 of 2 runs; 1 of them was published.")
    expect(page).to_have_url(re.compile(r"check=2.*threshold=0\.95"))
    line = page.locator(".strip-plot line.threshold").get_attribute("y1")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.1")
    expect(said).to_contain_text("This would have stopped none of 2 runs.")
    assert page.locator(".strip-plot line.threshold").get_attribute("y1") != line
    page.reload()
    expect(said).to_contain_text("This would have stopped none of 2 runs.")
    ruth.accessible()


def test_the_page_fits_a_phone_and_works_without_scripts(crowd: Town, world: World) -> None:
    version = scene.run(world)
    phone = crowd.enter(_account("contributor"), phone=True, dark=True)
    phone.go(_address(version))
    phone.accessible()
    bare = crowd.browser.new_context(java_script_enabled=False)
    plain = bare.new_page()
    plain.goto(f"{crowd.base}/login/")
    plain.get_by_label("Username").fill("reviewer")
    plain.get_by_label("Password").fill(PASSWORD)
    plain.get_by_role("button", name="Sign in", exact=True).click()
    plain.goto(f"{crowd.base}{_address(version)}")
    plain.locator("#preview-threshold").fill("1")
    plain.locator(".preview-form").get_by_role("button", name="Show").click()
    expect(plain.locator("#preview-said")).to_contain_text("stopped")
    assert "threshold=1" in plain.url
    bare.close()


@pytest.mark.skipif(not PICTURES, reason="Pictures are taken where KFM_SCREENSHOTS names a folder.")
def test_pictures(crowd: Town, world: World) -> None:
    first = scene.published(world, scene.content(40, outliers=0, astray=0))
    for number in range(5):
        scene.run(world, scene.content(30 + number, outliers=number * 3, astray=number), slice_=str(2010 + number))
    version = scene.run(world, scene.content(38, outliers=24, astray=5), slice_="2027")
    for name in ("reviewer", "operator", "contributor", ""):
        for phone, dark in ((False, False), (False, True), (True, False), (True, True)):
            if name in {"operator", "contributor"} and phone != dark:
                continue
            visitor = crowd.enter(_account(name) if name else None, phone=phone, dark=dark)
            visitor.draws = name == "reviewer"
            visitor.go(_address(version if name else first) + ("?check=2&threshold=0.8" if name else ""))
            crowd.picture(visitor, f"q-{name or 'public'}-{'390' if phone else '1440'}-{'dark' if dark else 'light'}")

            visitor.accessible()
