"""An upload in a real browser: refused before it is sent when too large, its progress shown, its faults focused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from datasets.models import Acquisition
from datasets.people import person_for
from datasets.registry import register_dataset
from promotions.demo import Account
from tests.e2e.visitors import Town
from tests.world import SPEC

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

HEAD = b"well_id,depth_m,lat,lon\n"


def test_an_upload_is_refused_unsent_then_shown_while_it_is_sent(
    town: Town, accounts: dict[str, Account], settings: Any, tmp_path: Path
) -> None:
    settings.KFM_UPLOAD_MAX_BYTES = 3_000_000
    sent, large = tmp_path / "wells.csv", tmp_path / "large.csv"
    sent.write_bytes(HEAD + b"a,1,38,-98\n" * 200_000)
    large.write_bytes(HEAD + b"a,1,38,-98\n" * 300_000)
    account = accounts["contributor"]
    person = person_for(User.objects.get(username=account.username))
    dataset = register_dataset(spec=SPEC, by=person, at=timezone.now())
    carl = town.enter(account)
    page = carl.go(f"/datasets/{dataset.slug}/upload/")

    page.get_by_label("File", exact=True).set_input_files(large)
    expect(page.get_by_role("alert")).to_contain_text("larger than this console takes")
    page.get_by_label("Slice").fill("last spring")
    page.get_by_label("Terms, word for word").fill("CC BY 4.0, as of today.")
    carl.press("Upload")
    assert not Acquisition.objects.exists()

    page.get_by_label("File", exact=True).set_input_files(sent)
    page.evaluate(
        "window.said = []; document.addEventListener('htmx:xhr:progress', () => "
        "window.said.push(document.querySelector('[data-upload-said]').textContent))"
    )
    carl.press("Upload")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    carl.accessible()
    assert any(re.search(r"sent", words) for words in page.evaluate("window.said"))
    expect(page.get_by_label("Terms, word for word")).to_have_value("CC BY 4.0, as of today.")

    page.get_by_label("File", exact=True).set_input_files(sent)
    page.get_by_label("Slice").fill("2026")
    carl.press("Upload")
    page.wait_for_url("**/jobs/*/")
    expect(page.get_by_text("The file is kept.")).to_be_visible()
