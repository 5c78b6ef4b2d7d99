"""The rows of outside links: named, asked, backed off, told of; each change with its ledger entry or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import ledger
from datasets import links
from datasets.links import Answered
from datasets.models import ExternalLink, LinkCheck, LinkOutcome
from datasets.people import PIPELINE
from promotions import jobs, upkeep
from promotions.models import Job, JobKind, Notice
from tests.links.conftest import LICENCE, PAGE, TERMS
from tests.promotions import LEDGER, changed, put_standing, refused, rows

GOOD = Answered(LinkOutcome.ANSWERS, 200)
BAD = Answered(LinkOutcome.FAILS, 500)
LOST = Answered(LinkOutcome.GONE, 404)


def full(**_):
    raise ledger.LedgerError("no room")


def name(world, *urls, at=None):
    return links.name_links(
        dataset=world.dataset, found=dict.fromkeys(urls, "terms"), by=PIPELINE, at=at or timezone.now()
    )


@pytest.fixture
def link(world) -> ExternalLink:
    name(world, PAGE)
    return ExternalLink.objects.select_related("dataset").get()


def record(link, answered, at=None):
    link.refresh_from_db()
    return links.record_answer(link=link, answered=answered, by=PIPELINE, at=at or timezone.now())


def test_what_is_named_is_filed_once_dropped_and_taken_up_again(world):
    size = ledger.size()
    assert name(world, LICENCE, TERMS) == (2, 0)
    assert name(world, LICENCE, TERMS) == (0, 0)
    assert name(world, LICENCE) == (0, 1)
    assert ExternalLink.objects.get(url=TERMS).next_check_at is None
    assert name(world, LICENCE, TERMS) == (1, 0)
    assert ExternalLink.objects.count() == 2
    assert [e.event for e in ledger.entries()[: ledger.size() - size]] == ["links.named"] * 3


def test_the_ledger_holds_numbers_and_no_address(world, link):
    record(link, BAD)
    said = str([(e.subject, e.references) for e in ledger.entries()[:2]])
    assert "hush" not in said
    assert "example.org" not in said
    assert str(link.pk) in said


def test_failures_back_off_to_thirty_days_and_an_answer_settles(link):
    at = timezone.now()
    waits = []
    for _ in range(8):
        record(link, BAD, at)
        link.refresh_from_db()
        waits.append((link.next_check_at - at) / timedelta(days=1))
    for wait, days in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert days <= wait < days * 1.1
    record(link, GOOD, at)
    link.refresh_from_db()
    assert link.failures == 0
    assert timedelta(days=7) <= link.next_check_at - at < timedelta(days=7.7)


def test_the_spread_is_the_same_each_time_and_another_for_another_link():
    at = timezone.now()
    assert links.next_check(5, BAD, 1, at) == links.next_check(5, BAD, 1, at)
    assert len({links.next_check(pk, BAD, 1, at) for pk in range(20)}) == 20


def test_a_host_that_asks_for_time_gets_it_but_not_for_ever(link):
    at = timezone.now()
    assert links.next_check(1, Answered(LinkOutcome.FAILS, 429, wait=86_400 * 3), 1, at) == at + timedelta(days=3)
    assert links.next_check(1, Answered(LinkOutcome.FAILS, 429, wait=1e12), 1, at) == at + timedelta(days=30)
    assert links.next_check(1, Answered(LinkOutcome.FAILS, 429, wait=5), 1, at) >= at + timedelta(days=1)


def test_the_ledger_is_told_of_a_turn_and_not_of_every_look(link):
    size = ledger.size()
    for answered in (GOOD, GOOD, BAD, BAD, LOST, GOOD):
        record(link, answered)
    told = [e.references["outcome"] for e in ledger.entries()[: ledger.size() - size]][::-1]
    assert told == ["answers", "fails", "gone", "answers"]
    assert LinkCheck.objects.count() == 6


def test_no_ledger_entry_no_change(world, link, monkeypatch):
    monkeypatch.setattr(links.ledger, "append", full)
    before = rows()
    for act in (lambda: record(link, BAD), lambda: name(world, LICENCE)):
        with pytest.raises(ledger.LedgerError):
            act()
        assert changed(before) == set()


def test_an_answer_that_was_overtaken_is_not_kept(link):
    stale = ExternalLink.objects.select_related("dataset").get(pk=link.pk)
    assert record(link, GOOD) is not None
    assert links.record_answer(link=stale, answered=BAD, by=PIPELINE, at=timezone.now()) is None
    assert LinkCheck.objects.count() == 1


def test_a_dropped_link_keeps_no_answer(world, link):
    name(world)
    assert links.record_answer(link=link, answered=GOOD, by=PIPELINE, at=timezone.now()) is None


def test_refused_is_no_failure(link):
    record(link, Answered(LinkOutcome.REFUSED))
    link.refresh_from_db()
    assert (link.failures, link.last_outcome) == (0, "refused")
    assert links.failing() == []


def test_checks_are_append_only(link):
    made = record(link, GOOD)
    for act in (lambda: LinkCheck.objects.filter(pk=made.pk).update(outcome="gone"), made.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_since_is_when_it_began_to_answer_so(link):
    at = timezone.now()
    for day, answered in enumerate((GOOD, BAD, BAD)):
        record(link, answered, at + timedelta(days=day))
    link.refresh_from_db()
    assert links.since([link]) == {link.pk: at + timedelta(days=1)}


def test_stewards_are_told_once_a_time_of_what_is_gone_or_silent_twice(link):
    def told():
        upkeep.tell_failing(timezone.now())
        return Notice.objects.filter(kind=upkeep.LINK).count()

    record(link, BAD)
    assert told() == 0
    record(link, BAD)
    assert told() == 2
    record(link, BAD)
    assert told() == 2
    record(link, GOOD)
    record(link, LOST)
    assert told() == 4
    texts = Notice.objects.filter(kind=upkeep.LINK)
    assert {n.principal for n in texts} == {"steward", "steward2"}
    assert not any("hush" in n.text + n.path or "wells" in n.text + n.path for n in texts)


def test_runs_are_owed_for_new_catalogs_and_for_links_whose_day_came(world, version):
    now = timezone.now()
    assert upkeep.request_links_due(now) == 1
    assert upkeep.request_links_due(now) == 0  # one is under way
    Job.objects.update(state="done", finished_at=now)
    assert upkeep.request_links_due(timezone.now()) == 0
    name(world, PAGE)
    assert upkeep.request_links_due(timezone.now()) == 1
    assert Job.objects.filter(kind=JobKind.LINKS).count() == 2


def test_a_dataset_without_catalogs_is_not_read(world, version):
    put_standing(version, "WITHDRAWN")
    assert upkeep.request_links_due(timezone.now()) == 0


@pytest.mark.parametrize(
    "who", ["contributor", "reviewer", "steward", "council", "auditor", "admin", "nobody", "superuser"]
)
def test_only_an_operator_has_them_asked(world, version, who):
    with refused("role_missing"):
        jobs.request_links(dataset=world.dataset, by=world.person(who), at=timezone.now())


def test_one_check_at_a_time_and_none_just_after_another(world, version):
    by = world.person("operator")
    job = jobs.request_links(dataset=world.dataset, by=by, at=timezone.now())
    with refused("run_already"):
        jobs.request_links(dataset=world.dataset, by=by, at=timezone.now())
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now())
    with refused("asked_just_now"):
        jobs.request_links(dataset=world.dataset, by=by, at=timezone.now())
    assert jobs.request_links(dataset=world.dataset, by=by, at=timezone.now() + timedelta(minutes=11))


def test_nothing_is_asked_for_when_the_ledger_refuses(world, version, monkeypatch):
    monkeypatch.setattr(ledger, "append", full)
    before = rows()
    with pytest.raises(ledger.LedgerError):
        jobs.request_links(dataset=world.dataset, by=world.person("operator"), at=timezone.now())
    assert changed(before) == set()
    assert LEDGER


def test_the_ledger_never_says_pipeline_of_a_person(world):
    links.name_links(dataset=world.dataset, found={PAGE: "terms"}, by=world.person("nobody"), at=timezone.now())
    assert ledger.entries_about(f"kfm://dataset/{world.dataset.slug}")[0].role == "public"
