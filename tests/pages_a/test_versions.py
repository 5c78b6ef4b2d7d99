"""A version's page: what each reader finds on it, and that hidden is the same as absent (design §6)."""

from __future__ import annotations

import json
import re
from copy import deepcopy

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from datasets.models import PolicyDecision, VersionArtifact
from datasets.stores import console_store
from promotions.readers.version_page import TABS
from promotions.states import State
from tests.world import SPEC, World

#: Each role set costs its own table of decisions, so the roles are spread over the tests.
WORKERS = ("steward", "auditor", "contributor")


def _page(client, version, **query):
    return client.get(reverse("promotions:version", args=[version.dataset.slug, version.version_id]), query)


def _body(response):
    """The page without what differs from request to request: the token against forged requests, the reference."""
    return re.sub(
        r'(?s)<p class="soft">Audit.*?</p>|"X-CSRFToken": "[^"]+"|value="[A-Za-z0-9]{64}"',
        "",
        response.content.decode(),
    )


def test_an_unpublished_version_is_for_the_public_what_one_that_never_was_is(world, as_):
    version = world.version_in(State.CATALOG)
    for name in ("", "nobody", "superuser"):
        hidden = _page(as_(name), version)
        absent = as_(name).get(reverse("promotions:version", args=[version.dataset.slug, "2031.0123abcd"]))
        assert (hidden.status_code, _body(hidden)) == (absent.status_code, _body(absent)) == (404, _body(absent)), name
        file = VersionArtifact.objects.filter(version=version, part="data").get()
        for address in (
            reverse("promotions:version_preview", args=[version.dataset.slug, version.version_id]),
            reverse("promotions:version_file", args=[version.dataset.slug, version.version_id, file.path]),
        ):
            assert as_(name).get(address).status_code == 404, (name, address)
    for name in WORKERS:
        assert _page(as_(name), version).status_code == 200, name


@pytest.mark.parametrize("state", [State.CATALOG, State.QUARANTINE])
def test_every_tab_is_there_for_who_works_here(world, as_, state):
    version = world.version_in(state)
    client = as_("steward")
    for tab in TABS:
        page = _page(client, version, tab=tab)
        assert page.status_code == 200, tab
        assert version.version_id in page.content.decode()
    assert "Reviewer" not in _page(client, version, tab="history").content.decode()
    assert "Contributor Test" in _page(client, version, tab="history").content.decode()
    assert _page(client, version, tab="nonsense").status_code == 404


def test_the_public_reads_what_is_published_and_nothing_of_the_workflow(world, as_):
    version = world.version_in(State.PUBLISHED)
    public = as_("")
    for tab in set(TABS) - {"history"}:
        page = _page(public, version, tab=tab)
        assert page.status_code == 200, tab
        text = page.content.decode()
        for name in ("Contributor Test", "Steward Test", "Operator Test", "wells.geojson", "Please."):
            assert name not in text, (tab, name)
    assert _page(public, version, tab="history").status_code == 404
    files = _page(public, version, tab="files").content.decode()
    assert "rejects.jsonl" not in files
    assert "CC-BY-4.0" in _page(public, version).content.decode()


def test_who_downloads_what(world, as_):
    version = world.version_in(State.PUBLISHED)
    rows = {f.part: f for f in VersionArtifact.objects.filter(version=version).select_related("artifact")}

    def get(name, part):
        address = reverse("promotions:version_file", args=[version.dataset.slug, version.version_id, rows[part].path])
        return as_(name).get(address)

    kept = get("", "data")
    assert kept.status_code == 200
    assert b"".join(kept.streaming_content) == b"".join(console_store().open(rows["data"].artifact_id))
    assert kept["Content-Disposition"].startswith("attachment")
    assert kept["X-Content-Type-Options"] == "nosniff"
    assert PolicyDecision.objects.filter(
        version=version, action="download", decision="allow", principal="public"
    ).exists()
    for part in ("source", "rejects"):
        assert get("", part).status_code == 404
        assert get("auditor", part).status_code == 404
        for name in ("steward", "operator"):
            assert get(name, part).status_code == 200, (name, part)
    preview = as_("").get(reverse("promotions:version_preview", args=[version.dataset.slug, version.version_id]))
    assert json.loads(b"".join(preview.streaming_content))["type"] == "FeatureCollection"


def test_a_file_path_that_climbs_or_holds_nul_finds_nothing(world, as_):
    version = world.version_in(State.CATALOG)
    base = reverse("promotions:version", args=[version.dataset.slug, version.version_id])
    for path in ("../../../etc/passwd", "%00", "a%0d%0ab", "%ff"):
        assert as_("steward").get(f"{base}files/{path}").status_code == 404, path


def test_a_withdrawn_version_leaves_its_tombstone(world, as_):
    version = world.version_in(State.WITHDRAWN)
    gone = _page(as_(""), version)
    assert gone.status_code == 410
    assert "A mistake in the source." in gone.content.decode()
    assert "CC-BY" not in gone.content.decode()
    kept = _page(as_("steward"), version)
    assert kept.status_code == 200
    assert "A mistake in the source." in kept.content.decode()


def test_a_missing_document_is_said_to_be_missing(world, as_):
    version = world.version_in(State.CATALOG)
    row = VersionArtifact.objects.get(version=version, part="dcat")
    hexadecimal = row.artifact_id.removeprefix("sha256:")
    store = (settings.VAR_DIR / "store").rglob("*")
    found = [p for p in store if p.is_file() and hexadecimal in str(p).replace("/", "")]
    assert found
    for path in found:
        path.parent.chmod(0o755)
        path.chmod(0o644)
        path.write_bytes(b"{}")
    page = _page(as_("steward"), version, tab="catalogs")
    assert page.status_code == 200
    assert "read from the store" in page.content.decode()


def test_obligations_are_shown_planned_applied_and_verified(db):
    spec = deepcopy(SPEC)
    spec["sensitivity"] = {
        "policy_label_intent": "public_generalized",
        "obligations": [{"type": "generalize_geometry", "min_cell_size_m": 10000}],
    }
    world = World.build(spec=spec)
    version = world.version_in(State.CATALOG)
    client = Client()
    client.force_login(world.users["steward"])
    page = _page(client, version, tab="policy").content.decode()
    assert "Places are given to the nearest 10 km square, as its centre." in page
    assert "verified" in page
    files = _page(client, version, tab="files").content.decode()
    assert "before obligations were applied" in files


@pytest.mark.parametrize("tab", list(TABS))
def test_a_tab_asks_the_same_number_of_queries_whatever_the_version_has(world, as_, tab, django_assert_max_num_queries):
    version = world.version_in(State.CATALOG)
    client = as_("steward")
    with django_assert_max_num_queries(60):
        _page(client, version, tab=tab)
