"""An admin at a browser: opens a service account, issues its token, copies the secret once, revokes it, closes the
account; on a desk and a phone, light and dark.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from datasets.models import ServiceToken
from tests.sideways import sideways
from tests.submissions.conftest import build
from tests.world import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SIZES = {1440: 900, 390: 844}


@pytest.fixture
def sender(transactional_db):
    return build()


def pictures(page, screenshot, name: str) -> None:
    """The page in both sizes and schemes; nothing runs over its side."""
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) == 0
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            screenshot(page, f"tokens-{name}-{scheme}-{width}")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_token_from_its_issue_to_its_end(sender, live_server, page, screenshot):
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Tokens", exact=True).first.click()
    pictures(page, screenshot, "list")
    page.get_by_role("link", name="Open a service account").click()
    page.get_by_label("Name", exact=True).fill("Dagster, nightly")
    page.get_by_label("Short name").fill("Dagster Nightly")
    page.get_by_role("button", name="Open the account").click()
    assert page.get_by_role("alert").is_visible()
    pictures(page, screenshot, "open")
    page.get_by_label("Short name").fill("dagster-nightly")
    page.get_by_label("Test wells").check()
    page.get_by_label("Reason").fill("The wells are made nightly.")
    page.get_by_role("button", name="Open the account").click()
    assert page.get_by_text("The account svc-dagster-nightly is open.").is_visible()
    page.get_by_role("link", name="Issue a token").click()
    assert page.get_by_label("Service account").input_value() == "svc-dagster-nightly"
    page.get_by_role("button", name="Issue the token").click()
    assert page.get_by_role("alert").is_visible()
    pictures(page, screenshot, "issue")
    page.get_by_label("Name").fill("dagster-nightly")
    page.get_by_role("button", name="Issue the token").click()
    secret = page.locator(".whole-digest").inner_text()
    assert page.get_by_role("button", name="Copy the secret").get_attribute("data-copy") == secret
    pictures(page, screenshot, "issued")
    page.get_by_role("link", name="I have copied it").click()
    assert secret not in page.content()
    page.get_by_role("link", name="dagster-nightly").click()
    page.get_by_label("Reason").fill("The pipeline is gone.")
    page.get_by_role("button", name="Revoke the token").click()
    assert page.get_by_text("The token is revoked.").is_visible()
    pictures(page, screenshot, "token")
    assert ServiceToken.objects.get(name="dagster-nightly").revoked_by == "admin"
    page.get_by_role("link", name="Service tokens").first.click()
    page.get_by_role("link", name="Dagster, nightly").click()
    pictures(page, screenshot, "account")
    page.get_by_label("Reason").fill("The pipeline is gone.")
    page.get_by_role("button", name="Close the account").click()
    assert page.get_by_text("The account is closed.").is_visible()
    assert not User.objects.get(username="svc-dagster-nightly").is_active
    pictures(page, screenshot, "closed")
