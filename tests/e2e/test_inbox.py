"""The inbox without a mouse, on a phone in the dark, and with one click on many cases."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from datasets.people import person_for
from datasets.registry import register_dataset
from promotions import demo, notices
from promotions.demo import Account
from promotions.models import CaseComment, QuarantineCase, Severity
from tests.e2e.visitors import Town
from tests.inbox.many import more_cases
from tests.world import SPEC

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Accounts = dict[str, Account]


@pytest.fixture
def case(accounts: Accounts, transactional_db: None) -> QuarantineCase:
    """The airports in quarantine, two more cases of the same cause, and one of a graver cause."""
    carla = person_for(User.objects.get(username=accounts["contributor"].username))
    demo.upload(
        dataset=register_dataset(spec=demo.AIRPORTS, by=carla, at=timezone.now()),
        file=demo.FILES / "kansas_airports.csv",
        slice_="2026",
        terms=demo.AIRPORT_TERMS,
        terms_text=(demo.FILES / "terms_airports.txt").read_text(),
        by=carla,
        at=timezone.now(),
    )
    made = QuarantineCase.objects.select_related("version__dataset").get(resolution="")
    more_cases(made, 2)
    more_cases(made, 1, severity=Severity.HIGH, root_cause="C1:label_missing", reason_code="SENSITIVITY_UNCLEAR")
    return made


def ready(page: Page) -> None:
    """The page's script listens to keys now, as it does long before a person has read the page."""
    expect(page.locator("html[data-inbox-ready]")).to_be_attached()


def test_a_reviewer_works_a_case_by_keyboard_alone(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    ruth = town.enter(accounts["reviewer"])
    page = ruth.go("/quarantine/")
    keys, said = page.keyboard, page.locator("[data-inbox-say]")
    ready(page)
    ruth.accessible()
    keys.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    keys.press("j")
    expect(page.locator(".case-row a:focus")).to_have_count(0)
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    keys.press("j")
    expect(page.locator(".case-row a").first).to_be_focused()
    keys.press("j")
    expect(page.locator(f"#case-{case.pk}")).to_be_focused()
    seen = "(link) => getComputedStyle(link.closest('[data-case]')).outlineStyle"
    assert page.locator(f"#case-{case.pk}").evaluate(seen) == "solid"
    keys.press("k")
    keys.press("k")
    expect(said).to_have_text("This is the first case.")
    keys.press("j")
    keys.press("x")
    expect(said).to_have_text(f"Case {case.pk} chosen; 1 chosen.")
    keys.press("x")
    keys.press("o")
    expect(page).to_have_url(re.compile(rf"\?case={case.pk}$"))
    expect(page.locator(".sample-table")).to_be_visible()
    ruth.accessible()
    town.picture(ruth, "inbox-case")
    ready(page)
    keys.press("a")
    expect(page.locator(".message")).to_contain_text(f"Case {case.pk} is yours until")
    expect(page.locator(f"#case-{case.pk}")).to_be_focused()
    ready(page)
    keys.press("c")
    keys.type("Asked the source; just a note.")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("Asked the source; just a note.")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".message")).to_have_text("Your comment was added.")
    assert CaseComment.objects.get(case=case).text == "Asked the source; just a note."
    ready(page)
    keys.press("r")
    keys.type("The source was mended.")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".way-details .notice")).to_contain_text("Gate E does not pass")
    expect(page.locator("#id_release-reason")).to_have_value("The source was mended.")


def test_keys_can_be_switched_off_and_stay_off(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    ruth = town.enter(accounts["reviewer"])
    page = ruth.go("/quarantine/")
    page.get_by_role("button", name="Keyboard").click()
    page.get_by_label("Single keys act on this page").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Keyboard")).to_be_focused()
    ruth.go("/quarantine/")
    ready(page)
    page.keyboard.press("j")
    expect(page.locator(".case-row a:focus")).to_have_count(0)


def test_what_r_cannot_do_is_said(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    august = town.enter(accounts["auditor"])
    page = august.go(f"/quarantine/?case={case.pk}")
    ready(page)
    august.accessible()
    page.keyboard.press("r")
    expect(page.locator("[data-inbox-say]")).to_contain_text("Only a reviewer of airportsdata_ks_airports")
    page.keyboard.press("a")
    expect(page.locator("[data-inbox-say]")).to_contain_text("You have no role on airportsdata_ks_airports")


def test_many_cases_are_claimed_after_a_preview(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    ruth = town.enter(accounts["reviewer"])
    page = ruth.go("/quarantine/?severity=normal")
    page.get_by_role("button", name="choose all").click()
    expect(page.locator("[data-chosen-count]")).to_have_text("3 chosen")
    ruth.press("Preview")
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    ruth.accessible()
    assert not QuarantineCase.objects.exclude(claimed_by="").exists()
    ruth.press("Claim: 3 cases")
    expect(page.get_by_role("heading", level=1)).to_have_text("Claim: 3 done")
    ruth.accessible()
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(re.compile(r"\?severity=normal$"))
    assert QuarantineCase.objects.filter(claimed_by="ruth").count() == 3


def test_the_inbox_fits_a_phone_in_the_dark(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    notices.tell(
        principals=["sam"], kind="case.assigned", text=f"Case {case.pk} is yours.", path="/", key="k", at=timezone.now()
    )
    sam = town.enter(accounts["steward"], phone=True, dark=True)
    pks = "&".join(f"pk={pk}" for pk in QuarantineCase.objects.values_list("pk", flat=True))
    for name, path in (
        ("list", "/quarantine/"),
        ("case", f"/quarantine/?case={case.pk}"),
        ("case-alone", f"/quarantine/{case.pk}/"),
        ("derive", f"/quarantine/{case.pk}/derive/"),
        ("metadata-only", f"/quarantine/{case.pk}/metadata-only/"),
        ("samples", f"/quarantine/{case.pk}/samples/"),
        ("bulk", f"/quarantine/bulk/?act=deny&{pks}"),
        ("notices", "/notices/"),
    ):
        page = sam.go(path)
        page.wait_for_load_state("networkidle")
        sam.accessible()
        town.picture(sam, f"phone-dark-inbox-{name}")
    page = sam.go(f"/quarantine/?case={case.pk}")
    expect(page.locator(".inbox-list")).to_be_hidden()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".inbox-list")).to_be_visible()


def test_a_derivative_is_opened_as_it_was_shown(town: Town, accounts: Accounts, case: QuarantineCase) -> None:
    ruth = town.enter(accounts["reviewer"])
    page = ruth.go(f"/quarantine/{case.pk}/")
    page.locator("#decision").get_by_role("link", name="Open a safer derivative").click()
    page.get_by_label("elevation_ft").check()
    page.get_by_label("Reason").fill("Nobody needs the elevation.")
    ruth.press("Show what will happen")
    shown = page.locator(".prospect dd code").first.inner_text()
    town.picture(ruth, "inbox-derivative")
    ruth.press("Open a safer derivative")
    expect(page.locator(".message")).to_contain_text(f"This run makes version {shown}")
    ruth.go(f"/quarantine/{case.pk}/")
    expect(page.locator("#decision-sentence")).to_have_text("A safer derivative was opened")


def test_bow_ties_are_drawn_beside_the_list(town: Town, accounts: Accounts, tmp_path: Path) -> None:
    """The map's code comes only when a map is there, under the same content security policy."""
    bow_tie = [[-99.0, 38.0], [-98.8, 38.2], [-98.8, 38.0], [-99.0, 38.2], [-99.0, 38.0]]
    feature = {"type": "Feature", "properties": {"well_id": "W1", "depth_m": 1}}
    file = tmp_path / "wells.geojson"
    shape = {"type": "Polygon", "coordinates": [bow_tie]}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature | {"geometry": shape}]}))
    carla = person_for(User.objects.get(username=accounts["contributor"].username))
    dataset = register_dataset(spec=deepcopy(SPEC), by=carla, at=timezone.now())
    terms = ("CC-BY-4.0", "Test Survey", "Wells by the Test Survey", "https://example.invalid/terms")
    now = timezone.now()
    demo.upload(dataset=dataset, file=file, slice_="2026", terms=terms, terms_text="CC BY 4.0", by=carla, at=now)
    ruth = town.enter(accounts["reviewer"])
    ruth.draws = True
    page = ruth.go(f"/quarantine/?case={QuarantineCase.objects.get().pk}")
    expect(page.locator("#samples .map")).to_have_attribute("data-drawn", "yes", timeout=20_000)
    expect(page.locator("#samples figcaption")).to_contain_text("1 feature")
    ruth.accessible()
    town.picture(ruth, "inbox-map")
