"""A steward at a browser, by the keyboard too: sets an embargo, moves it, lifts it; others are told who can."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from datasets.models import Embargo
from promotions.states import State
from tests.sideways import sideways
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SIZES = {1440: 900, 1024: 800, 390: 844}
REASON = "The nest survey is not published; the owners were promised a season without visitors."


def pictures(page, screenshot, name):
    """The page in every size, light and dark; nothing runs over its side."""
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) == 0, width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            screenshot(page, f"embargo-{name}-{scheme}-{width}")
    page.set_viewport_size({"width": 1440, "height": 900})


def sign_in(page, live_server, name):
    page.context.clear_cookies()
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_embargo_from_its_day_to_its_end(transactional_db, live_server, page, screenshot):
    world = World.build()
    version = world.version_in(State.PUBLISHED)
    dataset = f"{live_server.url}/datasets/{version.dataset.slug}/"
    public = f"{dataset}versions/{version.version_id}/"
    today = timezone.now().date()
    assert page.goto(public).status == 200

    sign_in(page, live_server, "steward")
    page.goto(dataset)
    page.get_by_role("link", name="Set one").click()
    pictures(page, screenshot, "none")
    page.get_by_role("button", name="Set the embargo").click()
    page.get_by_label("Until").fill(str(today - timedelta(days=2)))
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Set the embargo").click()
    assert page.get_by_role("alert").is_visible()
    assert page.get_by_label("Reason").input_value() == REASON, "what was typed is kept"
    pictures(page, screenshot, "refused")
    page.get_by_label("Until").fill(str(today + timedelta(days=90)))
    page.get_by_label("Reason").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("The embargo runs until a person lifts it").wait_for()
    assert page.get_by_role("button", name="Lift the embargo").is_disabled()
    pictures(page, screenshot, "runs")
    page.goto(dataset)
    pictures(page, screenshot, "dataset")

    page.context.clear_cookies()
    assert page.goto(public).status == 404
    sign_in(page, live_server, "operator")
    page.goto(f"{dataset}embargo/")
    assert page.get_by_text("Only a steward of test_ks_wells or the council lifts it.").is_visible()
    pictures(page, screenshot, "operator")

    Embargo.objects.update(until=today)
    sign_in(page, live_server, "council")
    page.goto(f"{dataset}embargo/")
    pictures(page, screenshot, "due")
    page.locator("#lift").get_by_label("Reason").fill("The survey is published.")
    page.get_by_role("button", name="Lift the embargo").click()
    assert page.get_by_text("Lifted. What was published is read again").is_visible()
    pictures(page, screenshot, "lifted")
    page.context.clear_cookies()
    assert page.goto(public).status == 200
