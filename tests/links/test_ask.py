"""Asking outside links over a real loopback server, through the guard that every fetch goes through."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from datasets import links
from datasets.models import ExternalLink, LinkCheck, LinkOutcome
from datasets.runs import current_files
from datasets.steps import ask_links
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.probe import probe
from promotions.models import JobState
from tests.links.conftest import PAGE, answers, ok
from tests.promotions import overwrite
from tests.upstream.world import HOST, PUBLIC, Clock, Net, Resolver, upstream, wire_to

OTHER = "other.example.org"


def outcome() -> tuple[str, int | None]:
    check = LinkCheck.objects.order_by("-pk").first()
    return check.outcome, check.status


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, "answers"), (204, "answers"), (404, "gone"), (410, "gone"), (403, "fails"), (429, "fails"), (500, "fails")],
)
def test_each_status_has_its_outcome(version, outside, named, ask, status, expected):
    outside(answers(status))
    named({PAGE: "terms"})
    assert ask().state == JobState.DONE
    assert outcome() == (expected, status)


def test_head_first_and_get_where_head_is_not_answered_well(version, outside, named, ask):
    server = outside(answers(405), ok)
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("answers", 200)
    assert [command for command, _, _ in server.requests] == ["HEAD", "GET"]
    assert not any(name in headers for _, _, headers in server.requests for name in ("authorization", "cookie"))


def test_redirects_are_followed_and_each_hop_is_checked_afresh(version, outside, named, ask):
    outside(answers(302, location=f"http://{OTHER}/moved"), ok, hosts={HOST: [[PUBLIC]], OTHER: [[PUBLIC]]})
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("answers", 200)
    assert "1 redirect" in LinkCheck.objects.get().detail


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1"])
def test_a_private_address_is_never_asked_by_name(version, outside, named, ask, address):
    server = outside(ok, hosts={HOST: [[address]]})
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("refused", None)
    assert server.requests == []
    assert address not in LinkCheck.objects.get().detail


def test_a_redirect_to_a_private_address_is_refused(version, outside, named, ask):
    server = outside(answers(302, location="http://127.0.0.1/secret"), ok)
    named({PAGE: "terms"})
    ask()
    assert outcome()[0] == "refused"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://user:pass@data.example.org/",
        f"http://{HOST}:22/",
        "http://intranet/",
        "https://data.example.org\\@evil.example/",
    ],
)
def test_hostile_addresses_are_refused_unasked(version, outside, named, ask, url):
    server = outside(ok)
    named({url: "terms"})
    ask()
    assert outcome() == ("refused", None)
    assert server.requests == []


def test_without_leave_no_host_is_asked(version, outside, named, ask, settings):
    server = outside(ok)
    settings.KFM_LINK_HOSTS = ()
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("refused", None)
    assert "leave" in LinkCheck.objects.get().detail
    assert server.requests == []


def test_the_hosts_of_the_datasets_own_sources_may_be_asked(world, version, outside, named, ask, settings):
    from django.utils import timezone

    from datasets.sources import SourceFields, record_source
    from tests.pages_c.conftest import FIELDS

    record_source(dataset=world.dataset, fields=SourceFields(**FIELDS), by=world.person("operator"), at=timezone.now())
    outside(ok)
    settings.KFM_LINK_HOSTS = ()
    assert HOST in links.hosts_for(world.dataset)
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("answers", 200)


def test_a_redirect_leads_to_no_host_without_leave(version, outside, named, ask, settings):
    server = outside(answers(302, location=f"http://{OTHER}/x"), ok, hosts={HOST: [[PUBLIC]], OTHER: [[PUBLIC]]})
    settings.KFM_LINK_HOSTS = (HOST,)
    named({PAGE: "terms"})
    ask()
    assert outcome()[0] == "refused"
    assert len(server.requests) == 1


def test_one_host_is_asked_once_a_second_and_twenty_times_a_run(version, outside, named, ask):
    server = outside(ok)
    named({f"http://{HOST}/{n}": "terms" for n in range(25)})
    job = ask()
    assert len(server.requests) == ask_links.MOST_A_HOST
    assert server.clock.slept == [ask_links.PAUSE_SECONDS] * (ask_links.MOST_A_HOST - 1)
    assert "5 later" in "\n".join(job.lines.values_list("text", flat=True))
    assert ExternalLink.objects.filter(last_outcome="").count() == 5


def test_what_was_asked_is_not_asked_again_before_its_day_but_at_a_persons_wish(version, outside, named, ask):
    server = outside(ok)
    named({PAGE: "terms"})
    ask()
    ask()
    assert len(server.requests) == 1
    from promotions.models import Job

    Job.objects.update(finished_at=Job.objects.latest("pk").finished_at - timedelta(hours=1))
    ask("operator")
    assert len(server.requests) == 2


def test_the_answer_to_another_dataset_counts_for_a_day(world, version, outside, named, ask):
    from copy import deepcopy

    from django.utils import timezone

    from datasets.registry import register_dataset
    from tests.world import SPEC

    other = register_dataset(
        spec=deepcopy(SPEC) | {"dataset_slug": "test_other"}, by=world.person("contributor"), at=timezone.now()
    )
    links.name_links(dataset=other, found={PAGE: "terms"}, by=world.person("operator"), at=timezone.now())
    theirs = ExternalLink.objects.select_related("dataset").get(dataset=other)
    answered = links.Answered(LinkOutcome.ANSWERS, 200)
    links.record_answer(link=theirs, answered=answered, by=world.person("operator"), at=timezone.now())
    server = outside(ok)
    named({PAGE: "terms"})
    ask()
    assert outcome() == ("answers", 200)
    assert server.requests == []


def test_no_address_stands_in_the_log_or_in_the_runs_lines(version, outside, named, ask, caplog):
    outside(answers(500))
    named({PAGE: "terms"})
    with caplog.at_level(logging.DEBUG):
        job = ask()
    said = "\n".join(job.lines.values_list("text", flat=True)) + caplog.text
    assert "hush" not in said
    assert "/terms" not in said


def test_a_run_cut_off_keeps_what_was_answered(version, outside, named, world, monkeypatch):
    from django.utils import timezone

    from datasets.people import PIPELINE
    from promotions import jobs, pipeline

    outside(ok)
    named({f"http://{HOST}/{n}": "terms" for n in range(3)})
    job = jobs.request_links(dataset=world.dataset, by=PIPELINE, at=timezone.now())
    real, asked = ask_links.probe, []

    def die(url, **more):
        if len(asked) == 2:
            raise SystemExit
        asked.append(url)
        return real(url, **more)

    with monkeypatch.context() as patch:
        patch.setattr(ask_links, "probe", die)
        with pytest.raises(SystemExit):
            pipeline.run(jobs.claim(job.pk, timezone.now()))
    assert LinkCheck.objects.count() == 2
    pipeline.run(jobs.claim(job.pk, timezone.now() + jobs.LEASE * 2))
    job.refresh_from_db()
    assert job.state == JobState.DONE
    assert LinkCheck.objects.count() == 3


def test_links_decide_no_gate(world, version, outside, named, ask):
    before = world.digest(version)
    outside(answers(404))
    named({PAGE: "terms"})
    ask()
    assert world.digest(version) == before


def test_a_chain_of_redirects_ends_and_none_leads_from_https_to_http():
    clock = Clock()
    with upstream(answers(302, location="/next")) as server:
        wire = wire_to(server.port, clock=clock, resolver=Resolver({HOST: [[PUBLIC]]}), net=Net())
        with pytest.raises(UpstreamRefused) as caught:
            probe(PAGE, allowed_hosts={"*"}, wire=wire)
        assert caught.value.code == "too_many_redirects"
        assert len(server.requests) == 6


def test_no_body_is_read(version, outside, named, ask):
    def endless(handler):
        handler.answer(200, b"", content_length=str(10**12)) if handler.command == "GET" else handler.answer(500)

    outside(endless)
    named({PAGE: "terms"})
    assert ask().state == JobState.DONE
    assert outcome() == ("answers", 200)


def test_what_a_lost_document_named_is_not_taken_for_named_no_longer(world, version, outside, ask):
    outside(*[ok] * 20)
    ask()
    named = set(ExternalLink.objects.filter(next_check_at__isnull=False).values_list("pk", flat=True))
    lost = next(file for file in current_files(version) if file.part == "dcat")
    overwrite(lost.artifact_id, None)
    job = ask()
    assert named
    assert set(ExternalLink.objects.filter(next_check_at__isnull=False).values_list("pk", flat=True)) == named
    assert any("1 catalog document(s) can't be read" in line.text for line in job.lines.all())
