"""An admin at a browser: records a webhook, tries it, sees what became of it, stops it; on a desk and a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from promotions import deliveries
from promotions.models import Delivery, WebhookEndpoint
from tests.sideways import sideways
from tests.webhooks.receiver import URL, answering, receiver
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SIZES = {1440: 900, 1024: 800, 390: 844}


def pictures(page, screenshot, name: str) -> None:
    """The page in every size, light and dark; nothing runs over its side."""
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) == 0, width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            screenshot(page, f"webhooks-{name}-{scheme}-{width}")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_webhook_from_its_record_to_its_stop(transactional_db, live_server, page, screenshot, authority, posts_to):
    World.build()
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Webhooks", exact=True).first.click()
    page.wait_for_url("**/webhooks/")
    pictures(page, screenshot, "none")
    page.get_by_role("link", name="Record a webhook").click()
    page.get_by_label("Name").fill("Ops room")
    page.get_by_label("Address").fill("http://data.example.org/")
    page.get_by_role("button", name="Record the webhook").click()
    assert page.get_by_role("alert").is_visible()
    pictures(page, screenshot, "record")
    page.get_by_label("Address").fill(URL)
    page.get_by_role("button", name="Record the webhook").click()
    page.get_by_role("button", name="Send a test message").click()
    assert page.get_by_text("A test message is owed.").is_visible()
    row = Delivery.objects.get()
    with receiver(authority, answering(500)) as ops:
        posts_to(ops)
        assert not deliveries.deliver(row.pk, timezone.now())
    page.reload()
    assert page.get_by_text("The receiver failed on its side. It answered 500.").is_visible()
    now = timezone.now()
    with receiver(authority) as ops:
        posts_to(ops)
        assert deliveries.deliver(row.pk, now + timedelta(minutes=2))
    deliveries.owe_webhooks(kind="case.overdue", case=41, path="/quarantine/41/", key="k", at=now)
    Delivery.objects.exclude(pk=row.pk).update(
        attempts=3, last_error="The webhook did not take it (certificate).", next_at=now + timedelta(hours=2)
    )
    page.reload()
    page.get_by_label("Reason").fill("The room is closed.")
    pictures(page, screenshot, "one")
    page.get_by_role("button", name="Stop the webhook").click()
    assert page.get_by_text("The webhook is stopped.").is_visible()
    assert not WebhookEndpoint.objects.get().active
    page.get_by_role("link", name="Webhooks", exact=True).first.click()
    page.wait_for_url("**/webhooks/")
    pictures(page, screenshot, "list")
