"""The QA report's page: what it says, to whom, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.digests import digest_bytes
from datasets.models import RunReceipt, VersionArtifact
from datasets.quality.samples import Sample
from promotions import jobs, pipeline
from promotions.readers import quality_page, quality_rows
from promotions.readers.version_page import open_version
from tests.pages_q import scene
from tests.pages_q.scene import OUTLIER


def address(version, name="quality", **query):
    path = reverse(f"promotions:{name}", args=[version.dataset.slug, version.version_id])
    return f"{path}?{urlencode(query)}" if query else path


def text(client, version, **query):
    response = client.get(address(version, **query))
    assert response.status_code == 200
    return response.content.decode()


def relabel(version, label):
    type(version).objects.filter(pk=version.pk).update(policy_label=label)


def part(version, name):
    return VersionArtifact.objects.filter(version=version, part=name).latest("pk")


def test_a_reviewer_reads_state_checks_rows_and_what_drifted(here, as_):
    page = text(as_("reviewer"), here.later)
    assert "All 7 checks are met; 2 rows set apart." in page
    assert "Numbers lie in their range" in page
    assert "<b>87.5 %</b>" in page
    assert "at least 50 %" in page
    assert str(OUTLIER) in page
    assert "6 → 6: as many rows" in page
    assert page.count("<rect") > 20
    assert part(here.later, "quarantined").path in page


def test_the_page_says_what_the_spec_asks_in_plain_words_and_in_its_own(here, as_):
    page = text(as_("reviewer"), here.later)
    assert "value_range &gt;= 0.5" in page
    assert "<code>depth_m</code>" in page
    assert "only warns" in page


def test_every_chart_has_its_figures_as_text(here, as_):
    page = text(as_("reviewer"), here.later)
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'aria-hidden="true"' in svg or "aria-label=" in svg or 'class="mark' in svg, svg
    bars = re.search(r"<figcaption><code>use</code>.*?</figure>", page, re.DOTALL)[0]
    assert "As a table" in bars
    assert "irrigation" in bars


def test_e2_a_check_that_is_not_met_is_open_and_leads_to_the_runbook(here, as_):
    world = here.world
    version = scene.run(world, scene.content(8, outliers=6), slice_="2031")
    page = text(as_("operator"), version)
    assert "6 of 7 checks are met, 1 stops the version" in page
    assert "<details open>" in page
    assert reverse("promotions:runbook", args=["RB-DATA-020"]) + "#s" in page


def test_hidden_and_absent_are_alike(here, as_):
    absent = address(here.later).replace(here.later.version_id, "1999.00000000")
    for name in ("", "nobody", "superuser"):
        client = as_(name)
        for view in ("quality", "quality_preview", "quality_failing", "quality_json"):
            assert client.get(address(here.later, view)).status_code == 404, (name, view)
        assert client.get(absent).status_code == 404


def test_the_public_reads_what_went_out_and_nothing_of_the_workflow(here, as_):
    page = text(as_(""), here.out)
    assert "All 7 checks are met." in page
    for word in ("Threshold preview", "RB-DATA-020", "checked <time", "just now"):
        assert word not in page
    for view in ("quality_preview", "quality_failing"):
        assert as_("").get(address(here.out, view)).status_code == 404, view


def test_c2_no_row_that_was_set_apart_is_told_beyond_those_who_open_it(here, as_):
    here.world.sign_all(here.later)
    here.world.publish(here.later)
    for name in ("", "auditor", "contributor2", "council"):
        page = text(as_(name), here.later)
        assert str(OUTLIER) not in page, name
        assert "90.123456" not in page, name
        assert part(here.later, "quarantined").path not in page, name
        assert as_(name).get(address(here.later, "quality_failing")).status_code == 404
    assert str(OUTLIER) in text(as_("steward"), here.later)


@pytest.mark.parametrize("label", ["embargoed", "public_generalized"])
def test_c2_coordinates_come_as_the_label_lets_them(here, as_, label):
    relabel(here.later, label)
    page = text(as_("steward"), here.later)
    drawn = as_("steward").get(address(here.later, "quality_failing")).content.decode()
    assert "90.123456" not in page + drawn
    assert "place is" in page


@pytest.mark.parametrize("obligations", [[{"type": "blur"}], [{"type": "generalize_time", "resolution": "month"}]])
def test_c2_under_obligations_that_are_unknown_or_about_single_rows_no_value_is_shown(here, as_, obligations):
    spec = json.loads(here.later.spec.canonical)
    spec["sensitivity"]["obligations"] = obligations
    opened = open_version(here.world.person("reviewer"), here.later.dataset.slug, here.later.version_id, timezone.now())
    mask = quality_rows.mask_of(opened, SimpleNamespace(spec=spec))
    assert quality_rows.hidden_columns(mask, ["use", "depth_m"]) == {"use", "depth_m"}
    assert mask(Sample(1, (), {"depth_m": OUTLIER})).values == {}


@pytest.mark.parametrize("name", ["auditor", "contributor2"])
def test_c2_rows_are_not_read_for_who_is_not_inside_whatever_the_report(here, name):
    opened = open_version(here.world.person("reviewer"), here.later.dataset.slug, here.later.version_id, timezone.now())
    seen = quality_page.look(opened, "")
    assert quality_rows.rows_of(opened, seen.run, seen.report, seen.mask).rows
    outside = replace(opened, person=here.world.person(name), inside=False)
    kept = quality_rows.rows_of(outside, seen.run, seen.report, seen.mask)
    assert (kept.rows, kept.geometries) == ({}, None)
    assert kept.why_not


def test_who_may_read_reports_but_not_the_data_is_told_no_value(here, as_):
    relabel(here.later, "quarantine")
    page = text(as_("operator"), here.later)
    assert "some values are withheld from you" in page
    assert "irrigation" not in page
    assert str(OUTLIER) not in page
    assert "withheld</b>" in page
    assert as_("operator").get(address(here.later, "quality_json")).status_code == 404


def test_c2_nor_on_the_version_pages_own_tab(here, as_):
    page = reverse("promotions:version", args=[here.out.dataset.slug, here.out.version_id])
    assert "withheld here" not in as_("operator").get(f"{page}?tab=qa").content.decode()
    relabel(here.out, "quarantine")
    tab = as_("operator").get(f"{page}?tab=qa").content.decode()
    assert "own query gave is withheld here" in tab
    assert "checked, 0 rejected" in tab


def test_the_json_is_the_document_that_the_digest_names(here, as_):
    for name, version, kind in (("reviewer", here.later, "qa_report_whole"), ("", here.out, "qa_report")):
        response = as_(name).get(address(version, "quality_json"))
        digest = str(digest_bytes(response.content))
        assert digest == part(version, kind).artifact_id
        assert digest in text(as_(name), version)
        assert response["Content-Type"] == "application/json"
        assert "no-store" in response["Cache-Control"]


def test_the_map_draws_the_failing_geometries_and_not_what_lies_off_the_globe(here, as_):
    answer = as_("reviewer").get(address(here.later, "quality_failing"))
    assert answer["Content-Type"] == "application/geo+json"
    (feature,) = answer.json()["features"]
    assert feature["geometry"]["coordinates"] == [-90.123456, 38.654321]
    assert address(here.later, "quality_failing") in text(as_("reviewer"), here.later)


def test_an_earlier_run_is_chosen_by_address_and_only_by_those_inside(here, as_):
    version = scene.run(here.world, scene.content(8, outliers=6), slice_="2032")
    job = jobs.request_promotion(version=version, by=here.world.person("operator"), at=timezone.now())
    pipeline.run(jobs.claim(job.pk, timezone.now()))
    first, second = RunReceipt.objects.filter(version=version, operation="validate")
    now, then = text(as_("reviewer"), version), text(as_("reviewer"), version, run=first.ledger_index)
    assert f'value="{first.ledger_index}"' in now
    assert "This is the report of an earlier run." not in now
    assert "This is the report of an earlier run." in then
    assert as_("contributor2").get(address(version, run=first.ledger_index)).status_code == 404
    assert as_("operator").get(address(version, run=first.ledger_index)).status_code == 404  # held back: no bytes
    assert "Reports of earlier runs are open to" in text(as_("operator"), version)
    other = RunReceipt.objects.get(version=here.out, operation="validate").ledger_index
    for wrong in (other, "x", "-1", "9" * 30, "\u0661"):
        assert as_("reviewer").get(address(version, run=wrong)).status_code == 404, wrong
    assert second.ledger_index > first.ledger_index


def test_a_report_that_is_gone_or_damaged_is_said_to_be(here, as_):
    digest = part(here.later, "qa_report_whole").artifact_id.removeprefix("sha256:")
    for path in (here.var / "store").rglob("*"):
        if path.is_file() and digest in str(path).replace("/", ""):
            path.parent.chmod(0o755)
            path.chmod(0o644)
            path.write_bytes(b"{}")
    assert here.var == settings.VAR_DIR
    assert "be read from the store" in text(as_("reviewer"), here.later)
    assert as_("reviewer").get(address(here.later, "quality_json")).status_code == 503


def test_a_measured_file_that_is_gone_leaves_the_page_whole(here, as_):
    digest = part(here.later, "measured").artifact_id.removeprefix("sha256:")
    for path in (here.var / "store").rglob("*"):
        if path.is_file() and digest in str(path).replace("/", ""):
            path.parent.chmod(0o755)
            path.unlink()
    page = text(as_("reviewer"), here.later)
    assert "The store can&#x27;t give the measured file now." in page
    assert as_("reviewer").get(address(here.later, "quality_failing")).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_runs(here, as_):
    client = as_("reviewer")

    def asked(view):
        with CaptureQueriesContext(connection) as found:
            client.get(address(here.later, view))
        return len(found)

    text(client, here.later)
    before = {view: asked(view) for view in ("quality", "quality_preview")}
    scene.run(here.world, scene.content(7), slice_="2030")
    assert {view: asked(view) for view in before} == before
    assert before["quality"] <= 45


def test_the_versions_qa_tab_leads_here(here, as_):
    tab = reverse("promotions:version", args=[here.later.dataset.slug, here.later.version_id])
    assert address(here.later) in as_("reviewer").get(f"{tab}?tab=qa").content.decode()
