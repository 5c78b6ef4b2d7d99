"""The pages of recovery: what drifted, in what, and the button; hidden is absent, the number of queries is fixed."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from datasets.models import DatasetVersion, DriftCheck
from promotions.models import Job, JobKind, JobState
from promotions.views import recovery
from tests.promotions import part, put_standing, spoil_byte

WORKERS = ["contributor", "operator", "reviewer", "steward", "council", "auditor"]


@pytest.fixture
def address(version):
    return reverse("promotions:version_recovery", args=[version.dataset.slug, version.version_id])


@pytest.fixture
def woken(monkeypatch):
    """The runs that a view woke a worker for."""
    found: list[int] = []
    monkeypatch.setattr(recovery, "wake", found.append)
    return found


def text(answer) -> str:
    return answer.content.decode()


def test_a_drifted_document_is_shown_line_by_line_with_the_fact_behind_it(as_, address, version, check, settings):
    settings.KFM_PUBLIC_URL = "https://console.example.org"
    check(version)
    page = text(as_("operator").get(address))
    assert "Drifted" in page
    assert "public address" in page
    assert "https://console.example.org/api/v1" in page
    assert 'class="now"' in page
    assert 'class="was"' in page


def test_a_damaged_file_is_named_and_the_recovery_is_offered(as_, address, version, check):
    spoil_byte(part(version, "dcat"))
    check(version)
    page = text(as_("operator").get(address))
    assert "damaged" in page
    assert "The store lost or damaged 1 file." in page
    assert 'class="button primary" type="submit">Recover' in page


def test_lost_data_says_that_a_backup_comes_first(as_, address, version, check):
    spoil_byte(part(version, "data"))
    check(version)
    page = text(as_("operator").get(address))
    assert "restored from a backup of the store, then press Recover." in page


def test_what_no_schedule_looks_at_is_not_promised_a_look(as_, address, version):
    assert "The first look is due within a day." in text(as_("steward").get(address))
    put_standing(version, "WITHDRAWN")
    page = text(as_("steward").get(address))
    assert "due within a day" not in page
    assert "WITHDRAWN is not looked at on schedule" in page


def test_a_recoverys_run_names_no_file_and_leads_back_to_the_facts(as_, address, version, woken):
    page = text(as_("operator").post(address, follow=True))
    assert version.acquisition.file_name not in page
    assert "Recovery of catalogs of" in page
    Job.objects.update(state=JobState.DONE)
    assert f'href="{address}">See the catalogs and their facts' in text(as_("operator").get(_run()))


def _run() -> str:
    return reverse("promotions:job", args=[Job.objects.get(kind=JobKind.RECOVERY).pk])


def test_one_post_asks_and_a_second_finds_that_run(as_, address, version, woken):
    first = as_("operator").post(address)
    job = Job.objects.get(kind=JobKind.RECOVERY)
    assert first.url == reverse("promotions:job", args=[job.pk])
    assert woken == [job.pk]
    second = as_("operator2").post(address)
    assert second.url == first.url
    assert Job.objects.filter(kind=JobKind.RECOVERY).count() == 1


@pytest.mark.parametrize("name", [who for who in WORKERS if who != "operator"])
def test_who_may_not_recover_is_told_who_can_and_a_try_is_recorded(as_, address, version, name, woken):
    page = as_(name).get(address)
    assert page.status_code == 200
    assert "Only an operator recovers catalogs." in text(page)
    assert "Operator Test" in text(page)
    size = ledger.size()
    assert as_(name).post(address).status_code == 409
    assert [e.event for e in ledger.entries()[: ledger.size() - size]].count("action.refused") == 1
    assert woken == []
    assert not Job.objects.filter(kind=JobKind.RECOVERY).exists()


@pytest.mark.parametrize("name", ["nobody", "superuser"])
def test_who_works_on_nothing_finds_nothing(as_, address, version, name, published):
    assert as_(name).get(address).status_code == 404
    assert as_(name).post(address).status_code == 404
    assert as_(name).get(reverse("promotions:recovery")).status_code == 404


def test_the_public_is_asked_to_sign_in(address):
    assert "sign-in" in Client().get(address).url or "login" in Client().get(address).url


def test_a_hidden_version_is_absent_on_every_page(as_, address, version, check):
    spoil_byte(part(version, "dcat"))
    made = check(version)
    DatasetVersion.objects.filter(pk=version.pk).update(policy_label="restricted")
    addresses = [
        address,
        reverse("promotions:drift_check", args=[made.pk]),
        reverse("promotions:link_report", args=[version.dataset.slug, version.version_id]),
    ]
    for one in addresses:
        assert as_("contributor2").get(one).status_code == 404
    assert version.version_id not in text(as_("contributor2").get(reverse("promotions:recovery")))
    assert version.version_id in text(as_("steward").get(reverse("promotions:recovery")))


def test_a_notice_leads_to_the_version(as_, address, version, check):
    made = check(version)
    assert as_("steward").get(reverse("promotions:drift_check", args=[made.pk])).url == address
    assert as_("steward").get(reverse("promotions:drift_check", args=[made.pk + 1])).status_code == 404


def test_the_list_puts_drift_first_and_counts_it(as_, world, version, check):
    good = world.version_in("CATALOG", slice_="2025")
    check(good)
    spoil_byte(part(version, "prov"))
    check(version)
    page = text(as_("steward").get(reverse("promotions:recovery")))
    assert "Of 2 catalogs, 1 drifted." in page
    assert page.index(version.version_id) < page.index(good.version_id)
    only = text(as_("steward").get(reverse("promotions:recovery") + "?show=drifted"))
    assert good.version_id not in only


def test_the_link_report_is_downloaded_as_stored(as_, version):
    answer = as_("reviewer").get(reverse("promotions:link_report", args=[version.dataset.slug, version.version_id]))
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content)["status"] == "pass"
    assert answer["ETag"] == f'"{part(version, "link_report")}"'
    spoil_byte(part(version, "link_report"))
    assert (
        as_("reviewer")
        .get(reverse("promotions:link_report", args=[version.dataset.slug, version.version_id]))
        .status_code
        == 503
    )


@pytest.mark.parametrize("state", ["WORK", "QUARANTINE"])
def test_where_nothing_can_be_recovered_the_page_says_why(as_, address, version, state):
    put_standing(version, state)
    answer = as_("steward").get(address)
    assert answer.status_code == 200
    operator = as_("operator").get(address)
    if operator.status_code == 200:
        assert "Catalogs are recovered of a version in" in text(operator)


def test_a_report_that_the_store_lost_breaks_no_page(as_, address, version, check):
    spoil_byte(part(version, "dcat"))
    spoil_byte(check(version).report_id)
    assert as_("operator").get(address).status_code == 200


def test_a_version_page_and_home_tell_of_drift_to_those_who_work_here(as_, version, check, published):
    spoil_byte(part(version, "dcat"))
    check(version)
    page = reverse("promotions:version", args=[version.dataset.slug, version.version_id])
    assert "The catalogs drifted from their facts." in text(as_("steward").get(page))
    assert "drifted" not in text(Client().get(page))
    assert "Of 1 catalogs, 1 drifted." in text(as_("steward").get("/"))


def test_markup_in_a_fact_is_text(as_, address, version, check, settings):
    settings.KFM_PUBLIC_URL = "https://x.example/<script>alert(1)</script>"
    check(version)
    assert "<script>alert(1)" not in text(as_("operator").get(address))


def test_the_number_of_queries_does_not_grow(as_, world, address, version, check):
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert as_("operator").get(path).status_code == 200
        return len(asked)

    check(version)
    overview = reverse("promotions:recovery")
    count(overview)
    before = (count(overview), count(address))
    for day in range(3):
        DriftCheck.objects.create(version=version, at=timezone.now(), outcome="drifted", principal="pipeline")
        check(world.version_in("CATALOG", slice_=str(2020 + day)))
    after = (count(overview), count(address))
    assert after == before
    assert before[0] <= 50
    assert before[1] <= 50


def test_the_runs_page_shows_the_steps_of_a_recovery(as_, version, recover):
    job = recover(version)
    assert job.state == JobState.DONE
    page = text(as_("operator").get(reverse("promotions:job", args=[job.pk])))
    for sentence in ("Rebuild the catalogs in memory", "Put back what is lost", "Evaluate the gates"):
        assert sentence in page
