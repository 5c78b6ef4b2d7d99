"""The pages of outside links: what answers since when, and nothing to those who may read no catalog that names them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from datasets import links
from datasets.links import Answered
from datasets.models import DatasetVersion, ExternalLink, LinkOutcome
from datasets.people import PIPELINE
from datasets.steps.ask_links import addresses_of
from promotions.models import Job, JobKind
from promotions.views import links as views
from tests.links.conftest import LICENCE, TERMS


@pytest.fixture
def address(version):
    return reverse("promotions:links", args=[version.dataset.slug])


@pytest.fixture
def filed(world, version):
    """The version's own links, as a run files them."""
    links.name_links(dataset=world.dataset, found=addresses_of(version), by=PIPELINE, at=timezone.now())
    return {link.url: link for link in ExternalLink.objects.select_related("dataset")}


@pytest.fixture
def woken(monkeypatch):
    found: list[int] = []
    monkeypatch.setattr(views, "wake", found.append)
    return found


def text(answer) -> str:
    return answer.content.decode()


def answer(link, outcome, status=None):
    link.refresh_from_db()
    links.record_answer(link=link, answered=Answered(outcome, status), by=PIPELINE, at=timezone.now())


@pytest.mark.parametrize("name", ["contributor", "operator", "reviewer", "steward", "council", "auditor"])
def test_everyone_who_works_here_sees_what_answers(as_, address, filed, name):
    answer(filed[LICENCE], LinkOutcome.ANSWERS, 200)
    answer(filed[TERMS], LinkOutcome.GONE, 404)
    page = text(as_(name).get(address))
    assert LICENCE in page
    assert "HTTP 404" in page
    assert ("Check now</button></form>" in page) is (name == "operator")


@pytest.mark.parametrize("name", ["nobody", "superuser"])
def test_who_works_on_nothing_finds_nothing_and_a_try_is_recorded(as_, address, filed, name):
    size = ledger.size()
    assert as_(name).get(address).status_code == 404
    assert as_(name).post(address).status_code == 404
    assert as_(name).get(reverse("promotions:link", args=[filed[TERMS].pk])).status_code == 404
    assert [e.event for e in ledger.entries()[: ledger.size() - size]] == ["action.refused"]


def test_the_public_is_asked_to_sign_in(address, filed):
    assert Client().get(address).status_code == 302


def test_links_of_a_hidden_version_are_hidden(as_, address, version, filed):
    DatasetVersion.objects.filter(pk=version.pk).update(policy_label="restricted")
    page = as_("contributor2").get(address)
    assert TERMS not in text(page)
    assert as_("contributor2").get(reverse("promotions:link", args=[filed[TERMS].pk])).status_code == 404
    assert as_("steward").get(reverse("promotions:link", args=[filed[TERMS].pk])).status_code == 200


def test_one_post_asks_and_a_second_finds_that_run(as_, address, version, woken):
    first = as_("operator").post(address)
    job = Job.objects.get(kind=JobKind.LINKS)
    assert (first.url, woken) == (reverse("promotions:job", args=[job.pk]), [job.pk])
    assert as_("operator2").post(address).url == first.url
    Job.objects.update(state="done", finished_at=timezone.now())
    again = as_("operator").post(address)
    assert again.status_code == 409
    assert "left in peace" in text(again)


@pytest.mark.parametrize("name", ["contributor", "reviewer", "steward", "auditor"])
def test_who_may_not_check_is_refused_on_the_record(as_, address, version, name, woken):
    size = ledger.size()
    assert as_(name).post(address).status_code == 409
    assert [e.event for e in ledger.entries()[: ledger.size() - size]].count("action.refused") == 1
    assert woken == []


def test_a_links_page_tells_its_history(as_, filed):
    for outcome, status in ((LinkOutcome.ANSWERS, 200), (LinkOutcome.FAILS, 500), (LinkOutcome.FAILS, 503)):
        answer(filed[TERMS], outcome, status)
    page = text(as_("steward").get(reverse("promotions:link", args=[filed[TERMS].pk])))
    assert "2 times in a row" in page
    assert all(str(status) in page for status in (200, 500, 503))


def test_a_links_run_has_a_page(as_, world, version, address, woken):
    as_("operator").post(address)
    job = Job.objects.get(kind=JobKind.LINKS)
    for name in ("operator", "steward"):
        page = as_(name).get(reverse("promotions:job", args=[job.pk]))
        assert "Ask the addresses that are owed" in text(page)
    assert as_("operator").get(reverse("promotions:runs") + "?kind=links").status_code == 200


def test_a_failed_links_run_has_a_page_with_next_steps(as_, address, version, woken):
    as_("operator").post(address)
    job = Job.objects.get(kind=JobKind.LINKS)
    Job.objects.update(state="failed", failure_code="crashed", failure="It stopped.", finished_at=timezone.now())
    assert as_("operator").get(reverse("promotions:job", args=[job.pk])).status_code == 200


def test_the_number_of_queries_does_not_grow(as_, world, address, filed):
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert as_("operator").get(address).status_code == 200
        return len(asked)

    count()
    before = count()
    for link in filed.values():
        for _ in range(3):
            answer(link, LinkOutcome.ANSWERS, 200)
    assert count() == before
    assert before <= 50
