"""The same pages on a phone in the dark, and a signature given without a mouse."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from datasets.people import person_for
from datasets.registry import register_dataset
from promotions import demo
from promotions.demo import Account
from promotions.models import Job
from tests.e2e.visitors import Town

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

MOST_TABS = 150
Accounts = dict[str, Account]


@pytest.fixture
def proposed(accounts: Accounts, transactional_db: None) -> Job:
    """The run that brought the Kansas counties to CATALOG, proposed by the contributor."""
    carla = person_for(User.objects.get(username=accounts["contributor"].username))
    dataset = register_dataset(spec=demo.COUNTIES, by=carla, at=timezone.now())
    return demo.upload(
        dataset=dataset,
        file=demo.FILES / "kansas_counties.geojson",
        slice_="2010",
        terms=demo.CENSUS_TERMS,
        terms_text=(demo.FILES / "terms_census.txt").read_text(),
        by=carla,
        at=timezone.now(),
    )


def _board(job: Job) -> str:
    assert job.version is not None
    return f"/datasets/{job.version.dataset.slug}/versions/{job.version.version_id}/review/"


def test_every_page_of_the_day_fits_a_phone_in_the_dark(town: Town, accounts: Accounts, proposed: Job) -> None:
    slug = proposed.acquisition.dataset.slug
    sam = town.enter(accounts["steward"], phone=True, dark=True)
    carla = town.enter(accounts["contributor"], phone=True, dark=True)
    sam.draws = True
    for visitor, name, path in (
        (carla, "home", "/"),
        (carla, "job", f"/jobs/{proposed.pk}/"),
        (carla, "upload", f"/datasets/{slug}/upload/"),
        (carla, "register", "/datasets/new/"),
        (sam, "board", _board(proposed)),
        (sam, "sign", f"{_board(proposed)}sign/"),
        (sam, "ledger", "/ledger/"),
    ):
        visitor.go(path)
        visitor.accessible()
        town.picture(visitor, f"phone-dark-{name}")


def test_a_steward_signs_with_tab_and_enter_alone(town: Town, accounts: Accounts, proposed: Job) -> None:
    account = accounts["steward"]
    sam = town.enter()
    page = sam.go(f"/login/?next={_board(proposed)}")
    _tab_to(page, page.get_by_label("Username"))
    page.keyboard.type(account.username)
    _tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(account.password)
    page.keyboard.press("Enter")
    sign = page.get_by_role("main").get_by_role("link", name="Sign as steward", exact=True)
    expect(sign).to_be_visible()
    _tab_to(page, sign)
    page.keyboard.press("Enter")
    password = page.get_by_label("Your password, again")
    expect(password).to_be_visible()
    _tab_to(page, password)
    page.keyboard.type(account.password)
    _tab_to(page, page.get_by_role("button", name="Sign", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_text("Signed as steward.")
    town.picture(sam, "keyboard-signed")


def _tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until *wanted* has the focus; there it must be seen."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("(node) => node === document.activeElement"):
            shown = wanted.evaluate(
                "(node) => { const its = getComputedStyle(node);"
                " return its.outlineStyle !== 'none' || its.boxShadow !== 'none'; }"
            )
            assert shown, "the focus can't be seen"
            return
    raise AssertionError(f"Tab does not lead to {wanted}")
