"""The truth path in a real browser, end to end: eight steps by seven people, with a picture of each (issue 2).

Nothing here reaches behind the pages, save where the story needs a hand in the store (a changed byte).
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from promotions import demo
from promotions.demo import Account
from tests.e2e.visitors import Town, Visitor, maps_drawn

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SLUG = "us_census_ks_counties"
COUNTIES = demo.FILES / "kansas_counties.geojson"
REISSUE = demo.FILES / "kansas_counties_reissue.geojson"
TERMS = (demo.FILES / "terms_census.txt").read_text()
Accounts = dict[str, Account]
Worker = Callable[[], AbstractContextManager[None]]

SPEC_FIELDS = {
    "Title": "Kansas county boundaries",
    "Slug": SLUG,
    "Description": "The 105 counties of Kansas as polygons.",
    "Themes": "boundaries",
    "Keywords": "Kansas, counties",
    "Authority": "US Census Bureau",
    "Access method": "file_upload",
    "Endpoint": "https://www.census.gov/geographies/mapping-files.html",
    "Cadence": "irregular",
    "Licence": "LicenseRef-US-Government-Work",
    "Rights holder": "US Census Bureau",
    "Attribution": "US Census Bureau cartographic boundaries",
    "Terms": "https://www.census.gov/about/policies/open-gov/open-data.html",
    "Canonical fields": "geoid = upstream.geoid\nname = upstream.name\ngeometry = derived.geometry",
    "Extent": "-102.06, 36.98, -94.58, 40.01",
}


def test_from_upload_to_published_and_back_with_every_person_at_their_own_browser(
    town: Town, accounts: Accounts, worker: Worker
) -> None:
    carla = town.enter(accounts["contributor"])
    _registers_by_form(town, carla)
    job = _uploads(town, carla, COUNTIES, slice_="2010", propose=True)
    with worker():
        version = _watches_the_run(town, carla, until="CATALOG")
        _uploads(town, carla, REISSUE, slice_="2011", propose=False)
        hidden = _watches_the_run(town, carla, until="RAW")
    assert job.startswith("/jobs/")
    assert hidden != version
    board = f"/datasets/{SLUG}/versions/{version}/review/"

    sam, ruth, omar = (town.enter(accounts[role]) for role in ("steward", "reviewer", "operator"))
    _reads_the_board(town, sam, board)
    _signed_by_two_and_not_by_the_proposer(town, board, sam, ruth, carla)
    _a_changed_byte_voids_both(town, board, sam, omar)
    _publishes(town, omar, board)
    public = town.enter()
    _public_reads(town, public, version, hidden)
    _withdraws(town, sam, public, board, version)
    _restores_after_new_signatures(town, board, version, sam=sam, ruth=ruth, omar=omar, public=public)
    _auditor_reads_every_step(town, town.enter(accounts["auditor"]), version)


def _registers_by_form(town: Town, carla: Visitor) -> None:
    """Step 1a: the hash is live, the schema's word stands beside the field, and mending it takes the word away."""
    page = carla.go("/datasets/new/")
    form = page.locator("#spec-form")
    form.get_by_label("Title", exact=True).fill(SPEC_FIELDS["Title"])
    form.get_by_label("Slug", exact=True).fill("US Counties 2010")
    expect(page.locator("#live-dataset_slug")).not_to_be_empty()
    expect(page.locator("#spec-hash")).to_have_text(re.compile(r"^sha256:[0-9a-f]{64}$"))
    before = page.locator("#spec-hash").inner_text()
    town.picture(carla, "step-1-register-with-an-error")
    for label, value in SPEC_FIELDS.items():
        form.get_by_label(label, exact=True).fill(value)
    form.get_by_label("Policy label intent").select_option("public")
    form.locator("[name=checks-1-name]").select_option("row_count")
    form.locator("[name=checks-1-operator]").select_option("==")
    form.locator("[name=checks-1-threshold]").fill("105")
    expect(page.get_by_text("The spec is well formed.")).to_be_visible()
    expect(page.locator("#live-dataset_slug")).to_be_empty()
    expect(page.locator("#spec-hash")).not_to_have_text(before)
    seen = page.locator("#spec-hash").inner_text()
    town.picture(carla, "step-1-register")
    carla.press("Register the dataset")
    expect(page).to_have_url(f"{town.base}/datasets/{SLUG}/")
    expect(page.locator(f"[data-copy='{seen}']").first).to_be_visible()


def _uploads(town: Town, carla: Visitor, file: Path, *, slice_: str, propose: bool) -> str:
    """Step 1b: file, slice, terms word for word. Returns the run's address; nothing works on it yet."""
    page = carla.go(f"/datasets/{SLUG}/upload/")
    expect(page.get_by_label("Licence", exact=True)).to_have_value(SPEC_FIELDS["Licence"])
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Slice", exact=True).fill(slice_)
    page.get_by_label("Terms, word for word").fill(TERMS)
    page.get_by_label("Propose for promotion at once").set_checked(propose)
    if propose:
        page.get_by_label("Note to the signers").fill("The 2010 boundaries, as the Census Bureau draws them.")
        town.picture(carla, "step-1-upload")
    carla.press("Upload")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run ")
    return page.url.removeprefix(town.base)


def _watches_the_run(town: Town, carla: Visitor, *, until: str) -> str:
    """Step 2: the page, never loaded again, shows steps and log until the version stands where it should."""
    page = carla.page
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    panel = page.locator("#job-panel")
    expect(panel.locator(".job-head .chip")).to_have_text("done", timeout=60_000)
    expect(panel.locator(".log")).to_contain_text(f"stands in {until}.")
    assert loads == []
    link = panel.get_by_role("link", name=re.compile("^Open version"))
    town.picture(carla, f"step-2-run-{page.url.rstrip('/').rpartition('/')[2]}")
    return link.inner_text().removeprefix("Open version ").strip()


def _reads_the_board(town: Town, sam: Visitor, board: str) -> None:
    """Step 3: seven gates, fourteen clauses, each with evidence; a document opens in the drawer and closes on Esc."""
    page = sam.go("/queue/")
    expect(page.get_by_role("link", name=re.compile(f"{SLUG}|{SPEC_FIELDS['Title']}")).first).to_be_visible()
    sam.draws = True
    page = sam.go(board)
    sam.draws = False
    maps_drawn(page)
    expect(page.get_by_role("navigation", name="Console", exact=True).locator("[aria-current=page]")).to_have_text(
        "Queue"
    )
    expect(page.locator("details.gate")).to_have_count(7)
    expect(page.locator("li.clause")).to_have_count(14)
    expect(page.locator("li.clause .clause-word", has_text="pass")).to_have_count(14)
    assert page.locator("li.clause .digest code[title^='sha256:']").count() >= 14
    town.picture(sam, "step-3-board")
    for letter in "ABCDEFG":
        page.locator(f"#gate-{letter} > summary").click()
    clause = page.locator("li.clause", has=page.locator(".clause-code", has_text="D1"))
    clause.locator(".drawer-link").first.click()
    drawer = page.get_by_role("dialog", name="Evidence")
    expect(drawer.get_by_role("heading", level=2)).to_be_visible()
    expect(drawer).to_contain_text("kfm")
    sam.accessible()
    town.picture(sam, "step-3-evidence")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def _signed_by_two_and_not_by_the_proposer(town: Town, board: str, sam: Visitor, ruth: Visitor, carla: Visitor) -> None:
    """Step 4a: the board tells the proposer why not; a wrong password signs nothing; two people sign."""
    page = carla.go(board)
    why = page.locator(".why-list li", has_text="Sign")
    expect(why.first).to_contain_text("Who can:")
    expect(page.locator(".decision-actions").get_by_role("link", name=re.compile("^Sign"))).to_have_count(0)
    town.picture(carla, "step-4-the-proposer-signs-nothing")
    sam.sign(board, "steward", first_try="not the password")
    ruth.sign(board, "reviewer")
    town.picture(ruth, "step-4-signed")


def _a_changed_byte_voids_both(town: Town, board: str, sam: Visitor, omar: Visitor) -> None:
    """Step 4b: while one byte of the data differs, both signatures are void, the file is named, and publish is shut."""
    digest = _digest_of_the_data(sam, board)
    with _one_byte_changed(digest):
        page = sam.go(board)
        expect(page.locator(".signature-void")).to_have_count(2)
        expect(page.locator(".signature-void").first).to_contain_text("What was signed has changed since")
        expect(page.locator(".signature-void table").first).to_contain_text(f"{SLUG}.parquet")
        expect(page.locator("#decision-sentence")).to_contain_text("not pass")
        town.picture(sam, "step-4-a-changed-byte")
        page = omar.go(board)
        expect(page.locator(".why-list li", has_text="Publish")).to_contain_text("does not pass")
    page = sam.go(board)
    expect(page.locator(".signature-void")).to_have_count(0)
    expect(page.locator("#decision-sentence")).to_contain_text("signatures are there")


def _digest_of_the_data(sam: Visitor, board: str) -> str:
    """The digest of the GeoParquet file, as the version's page gives it."""
    answer = sam.context.request.get(f"{sam.base}{board.replace('/review/', '/?tab=files')}")
    found = re.search(rf"{SLUG}\.parquet.*?(sha256:[0-9a-f]{{64}})", answer.text(), re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def _one_byte_changed(digest: str) -> Iterator[None]:
    """Someone with a hand in the store's folder; the very bytes come back afterwards."""
    found = list((django_settings.VAR_DIR / "store").rglob(digest.removeprefix("sha256:")))
    assert len(found) == 1
    path, kept, mode = found[0], found[0].read_bytes(), found[0].stat().st_mode
    path.chmod(mode | stat.S_IWUSR)
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        yield
    finally:
        path.write_bytes(kept)
        path.chmod(mode)


def _publishes(town: Town, omar: Visitor, board: str) -> None:
    """Step 5: an operator who signed nothing."""
    omar.go(board)
    omar.choose("Publish")
    town.picture(omar, "step-5-publish")
    omar.press("Publish")
    expect(omar.page.locator(".message")).to_contain_text("Published.")
    expect(omar.page.locator("#decision-sentence")).to_have_text("Published by Omar Haskell.")
    town.picture(omar, "step-5-published")


def _public_reads(town: Town, public: Visitor, version: str, hidden: str) -> None:
    """Step 6: list, version, bytes, evidence, without an account; the other version is as if absent."""
    page = public.go("/")
    expect(page.get_by_role("link", name=SPEC_FIELDS["Title"])).to_be_visible()
    town.picture(public, "step-6-public")
    listed = public.ask("datasets/").json()["datasets"]
    assert [(row["dataset_id"], row["dataset_version_id"]) for row in listed] == [(SLUG, version)]
    found = public.ask(f"datasets/{SLUG}/versions/{version}").json()
    for artifact in found["artifacts"]:
        answer = public.context.request.get(artifact["href"])
        assert f"sha256:{hashlib.sha256(answer.body()).hexdigest()}" == artifact["digest"], artifact["path"]
    resolved = public.ask("evidence/resolve", {"refs": found["evidence"]}).json()["results"]
    assert [result["status"] for result in resolved] == ["resolved"] * len(found["evidence"])
    assert _answer(public, f"datasets/{SLUG}/versions/{hidden}") == _answer(
        public, f"datasets/{SLUG}/versions/1999.{'0' * 8}"
    )
    assert _answer(public, f"datasets/{SLUG}/versions/{hidden}")[0] == 404
    public.draws = True
    page = public.go(f"/datasets/{SLUG}/versions/{version}/")
    public.draws = False
    maps_drawn(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(version)
    public.accessible()
    town.picture(public, "step-6-version")


def _answer(visitor: Visitor, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body, without the reference to the stored decision, which is each answer's own."""
    answer = visitor.ask(path)
    body = answer.json()
    assert body.pop("audit_ref").startswith("kfm://")
    return answer.status, body


def _withdraws(town: Town, sam: Visitor, public: Visitor, board: str, version: str) -> None:
    """Step 7a: one steward, at once; a tombstone with the reason stands where the version was served."""
    reason = "Sedgwick County's southern border is drawn in the wrong place."
    sam.go(board)
    sam.choose("Withdraw")
    sam.page.get_by_label("Reason").fill(reason)
    sam.page.get_by_label(re.compile("^Incident")).fill("INC-2026-014")
    sam.press("Withdraw")
    expect(sam.page.locator(".message")).to_contain_text("Withdrawn.")
    answer = public.ask(f"datasets/{SLUG}/versions/{version}")
    assert answer.status == 410
    assert reason in answer.text()
    page = public.go(f"/datasets/{SLUG}/versions/{version}/")
    expect(page.get_by_text(reason)).to_be_visible()
    town.picture(public, "step-7-tombstone")
    assert public.ask("datasets/").json()["datasets"] == []


def _restores_after_new_signatures(
    town: Town, board: str, version: str, *, sam: Visitor, ruth: Visitor, omar: Visitor, public: Visitor
) -> None:
    """Step 7b: the old signatures do not count; with new ones an operator restores it."""
    page = omar.go(board)
    expect(page.locator(".signature")).to_have_count(0)
    expect(page.locator(".why-list li", has_text="Restore")).to_contain_text("Signatures are missing")
    sam.sign(board, "steward")
    ruth.sign(board, "reviewer")
    page = omar.go(board)
    omar.choose("Restore")
    page.get_by_label("Why it should stand again").fill("The border was right; the complaint was about another map.")
    omar.press("Restore")
    expect(page.locator(".message")).to_contain_text("Restored.")
    town.picture(omar, "step-7-restored")
    assert public.ask(f"datasets/{SLUG}/versions/{version}").status == 200


def _auditor_reads_every_step(town: Town, august: Visitor, version: str) -> None:
    """Step 8: each step is an English sentence; the verification rebuilds every hash and holds."""
    page = august.go("/")
    page.get_by_role("navigation", name="Console", exact=True).get_by_role("link", name="Ledger").click()
    page = august.go(f"/ledger/?subject=kfm://dataset/{SLUG}")
    at = f"{SLUG} @ {version}"
    said = page.locator("tbody th a").all_inner_texts()
    while page.get_by_role("link", name="Older").count():
        page.get_by_role("link", name="Older").click()
        said += page.locator("tbody th a").all_inner_texts()
    for who, what in (
        ("Carla Yoder (contributor)", f"registered {SLUG}"),
        ("Carla Yoder (contributor)", f"proposed {at} for promotion"),
        ("Sam Wichita (steward)", f"signed off {at}"),
        ("Ruth Penner (reviewer)", f"signed off {at}"),
        ("Omar Haskell (operator)", f"published {at}"),
        ("Sam Wichita (steward)", f"withdrew {at}"),
        ("Omar Haskell (operator)", f"restored {at}"),
    ):
        assert f"{who} {what}." in said
    for what in ("ingested", "normalized", "processed", "cataloged"):
        assert any(f" {what} {at}" in sentence for sentence in said), what
    august.accessible()
    town.picture(august, "step-8-ledger")
    august.press("Verify every hash")
    expect(page.get_by_text("The ledger holds.")).to_be_visible()
    town.picture(august, "step-8-verified")
