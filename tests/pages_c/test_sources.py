"""The pages of sources: who knows of them, who reads the whole address, recording, fetching, and every attempt."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.models import Source
from datasets.people import PUBLIC, person_named
from kfm_console.environment import Credential
from promotions.models import Job
from promotions.readers import sources_page
from tests.pages_c.conftest import FIELDS, SECRET, TYPED


def page_of(client, source) -> str:
    return client.get(reverse("promotions:source", args=[source.pk])).content.decode()


def words_of(answer) -> bytes:
    """The page without its CSRF token and its audit reference, which differ each time."""
    each_time = rb'(?s)<p class="soft">Audit.*?</p>|"X-CSRFToken": "[^"]+"|value="[^"]{64}"'
    return re.sub(each_time, b"", answer.content)


@pytest.fixture
def new(world):
    return reverse("promotions:record_source", args=[world.dataset.slug])


def test_a_hidden_source_and_an_absent_one_are_the_same_answer(as_, world, source_of, granted):
    source = source_of()
    granted("nobody", world.dataset, "read_restricted")  # opens versions, and is no role
    client = as_("nobody")
    for name in ("source", "change_source", "fetch_source"):
        hidden, absent = (reverse(f"promotions:{name}", args=[pk]) for pk in (source.pk, source.pk + 99))
        ask = client.post if name == "fetch_source" else client.get
        assert ask(hidden).status_code == ask(absent).status_code == 404
        assert words_of(ask(hidden)) == words_of(ask(absent))
    for name in ("dataset_sources", "record_source", "terms"):
        hidden, absent = (reverse(f"promotions:{name}", args=[slug]) for slug in (world.dataset.slug, "no_such"))
        assert client.get(hidden).status_code == client.get(absent).status_code == 404
    kept = [(e.actor, e.references["code"], e.subject) for e in ledger.entries()[:2]]
    assert kept == [("nobody", "not_found", "source/unnamed")] * 2  # a hidden one and an absent one, in the same words
    assert as_("").get(reverse("promotions:source", args=[source.pk]))["Location"].startswith("/login/")
    assert not Job.objects.filter(source=source).exists()


def test_a_grant_on_one_dataset_opens_its_sources_only(as_, world, source_of, granted):
    source = source_of()
    granted("nobody", world.dataset, "contribute_dataset")
    assert as_("nobody").get(reverse("promotions:source", args=[source.pk])).status_code == 200
    assert set(sources_page.visible_sources(person_named("nobody"))) == {source}
    assert not sources_page.visible_sources(PUBLIC).exists()


@pytest.mark.parametrize("name", ["steward", "auditor", "reviewer", "council"])
def test_who_may_not_change_it_reads_the_host_only(as_, source_of, name, settings):
    settings.KFM_SOURCE_CREDENTIALS = {}
    source = source_of()
    Source.objects.filter(pk=source.pk).update(credential="census-key")
    for address in (
        reverse("promotions:source", args=[source.pk]),
        reverse("promotions:sources"),
        reverse("promotions:dataset_sources", args=[source.dataset.slug]),
        reverse("datasets:detail", args=[source.dataset.slug]),
    ):
        page = as_(name).get(address).content.decode()
        assert "data.example.org" in page
        assert SECRET not in page
        assert "cdn.example.net" not in page
        assert "census-key" not in page


@pytest.mark.parametrize("name", ["contributor", "operator"])
def test_who_may_change_it_reads_all_of_it(as_, source_of, name):
    page = page_of(as_(name), source_of())
    assert SECRET in page
    assert "*.cdn.example.net" in page


@pytest.mark.parametrize(
    ("location", "kind", "shown"),
    [
        ("https://u.example.org/a/b?c=d", "http", "u.example.org"),
        ("s3://county-data/roads", "files", "a bucket"),
        ("/srv/incoming/roads", "files", "a directory"),
        ("https://[broken", "http", "an address"),
    ],
)
def test_the_host_is_all_that_is_left_of_an_address(location, kind, shown):
    assert sources_page.where(Source(location=location, kind=kind), whole=False) == shown


def test_recording_one_is_a_form_a_page_and_a_ledger_entry(as_, world, new):
    answer = as_("contributor").post(new, TYPED, follow=True)
    source = Source.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("promotions:source", args=[source.pk])
    assert source.allowed_hosts == ["data.example.org", "*.cdn.example.net"]
    page = answer.content.decode()
    assert "The source wells-feed is recorded." in page
    assert "Nothing was fetched from here yet." in page
    assert ledger.entries()[0].event == Event.SOURCE_RECORDED


def test_a_source_whose_only_fetch_failed_is_not_one_that_was_never_fetched(as_, source_of, tried):
    source = source_of()
    address = reverse("promotions:sources")
    assert "not fetched yet" in as_("operator").get(address).content.decode()
    tried(source, "failed")
    page = as_("operator").get(address).content.decode()
    assert "no fetch succeeded yet" in page
    assert "not fetched yet" not in page


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "Not A Name"}, "name", "lower-case letters"),
        ({"name": ""}, "name", "This field is required"),
        ({"location": "https://data.example.org/?api_key=hush"}, "location", "a secret in its query"),
        ({"location": "https://elsewhere.example.com/x"}, "allowed_hosts", "elsewhere.example.com"),
        ({"kind": "files", "location": "/etc", "allowed_hosts": ""}, "location", "KFM_SOURCE_ROOTS"),
        ({"license": "public domain"}, "license", "is a claim, not a licence"),
        ({"cadence": "fortnightly"}, "cadence", "not one of the available choices"),
        ({"credential": "no-such"}, "credential", "not one of the available choices"),
    ],
)
def test_each_fault_stands_beside_its_field_and_in_the_summary(as_, new, changes, field, words):
    page = as_("operator").post(new, {**TYPED, "rights_holder": "Typed <by hand>", **changes}).content.decode()
    assert words in page
    assert f'href="#id_{field}' in page
    assert "Typed &lt;by hand&gt;" in page
    assert not Source.objects.exists()


def test_a_name_that_is_taken_is_said_beside_the_name(as_, new, source_of):
    source_of()
    page = as_("operator").post(new, TYPED).content.decode()
    assert "has a source named wells-feed already" in page
    assert 'href="#id_name"' in page
    assert Source.objects.count() == 1


def test_changing_it_keeps_who_changed_what(as_, source_of):
    source = source_of()
    address = reverse("promotions:change_source", args=[source.pk])
    shown = as_("contributor").get(address).content.decode()
    assert SECRET in shown
    assert "Nothing differs from what is recorded." in as_("contributor").post(address, TYPED).content.decode()
    page = as_("contributor").post(address, {**TYPED, "cadence": "weekly"}, follow=True).content.decode()
    assert "Contributor Test changed how often" in page
    assert "Operator Test recorded it" in page


@pytest.mark.parametrize("name", ["steward", "auditor"])
def test_who_may_not_record_is_told_why_and_who_can_and_the_try_is_kept(as_, new, world, source_of, name):
    source = source_of()
    page = page_of(as_(name), source)
    assert "Only an operator or contributor of test_ks_wells records its sources." in page
    assert "Contributor Test (contributor)" in page
    assert as_(name).get(new).status_code == 403
    assert as_(name).post(new, TYPED).status_code == 403
    entry = ledger.entries()[0]
    assert (entry.event, entry.actor, entry.references["code"]) == (Event.ACTION_REFUSED, name, "may_not_record_source")


def test_fetch_now_owes_a_run_and_a_second_click_goes_to_it(as_, source_of, woken):
    source = source_of()
    address = reverse("promotions:fetch_source", args=[source.pk])
    first = as_("contributor").post(address)
    job = Job.objects.get(source=source)
    assert first["Location"] == reverse("promotions:job", args=[job.pk])
    assert woken == [job.pk]
    second = as_("operator").post(address, follow=True)
    assert second.redirect_chain[-1][0] == first["Location"]
    assert "Already asked for by Contributor Test: this is that run." in second.content.decode()
    assert "A run asked for by Contributor Test is under way." in page_of(as_("operator"), source)
    other = as_("contributor2").post(address, follow=True)  # who may not open another contributor's run
    assert other.status_code == 200
    assert "Already asked for by Contributor Test; that run is under way." in other.content.decode()
    assert Job.objects.filter(source=source).count() == 1


def test_a_slice_makes_it_a_backfill_and_a_slice_that_is_none_is_said(as_, source_of):
    source = source_of()
    address = reverse("promotions:fetch_source", args=[source.pk])
    refused = as_("operator").post(address, {"slice": "last year"})
    assert "A slice is YYYY" in refused.content.decode()
    assert not Job.objects.filter(source=source).exists()
    empty = as_("operator").post(address, {"slice": ""}).content.decode()
    assert "This field is required." in empty
    assert not Job.objects.filter(source=source).exists()
    as_("operator").post(address, {"slice": "2024"})
    assert Job.objects.get(source=source).mode == "backfill"


def test_a_source_that_is_switched_off_says_so_and_is_not_fetched(as_, source_of):
    source = source_of(active=False)
    page = page_of(as_("operator"), source)
    assert "The source is switched off. Switch it on first." in page
    assert f'action="{reverse("promotions:fetch_source", args=[source.pk])}"' not in page
    assert as_("operator").post(reverse("promotions:fetch_source", args=[source.pk])).status_code == 409


def test_the_strip_shows_the_last_twenty_with_a_twin_in_words(as_, source_of, tried):
    source = source_of()
    for day in range(22, 2, -1):
        tried(source, "unchanged", days=day, http_status=304)
    tried(source, "failed", days=2, code="timed_out", message="No byte came for 30 seconds.", fix="Try later.")
    tried(source, "refused", days=1, code="host_not_allowed", message="It led to <another> host.")
    tried(source, "fetched", size_bytes=1234, http_status=200)
    page = page_of(as_("auditor"), source)
    assert "The last 20 attempts: 1 fetched, 17 unchanged, 1 refused, 1 failed." in page
    strip = page.split('class="attempts"')[1].split("</svg></svg>")[0]
    assert strip.count("<title>") == 20
    for words in (
        "No byte came for 30 seconds.",
        "Try later.",
        "timed_out",
        "It led to &lt;another&gt; host.",
        "1.2 kB",
        "HTTP 304",
    ):
        assert words in page


def test_a_run_and_a_version_are_linked_for_those_who_may_open_them(as_, world, version, source_of, tried):
    source = source_of()
    job = Job.objects.create(
        kind="fetch", dataset=world.dataset, source=source, requested_by="pipeline", requested_at=timezone.now()
    )
    tried(source, "fetched", job=job.pk, acquisition=version.acquisition)
    address = reverse("promotions:job", args=[job.pk])
    assert f'href="{address}"' in page_of(as_("operator"), source)
    assert f'href="{address}"' not in page_of(as_("contributor2"), source)
    assert version.version_id in page_of(as_("operator"), source)
    type(version).objects.filter(pk=version.pk).update(policy_label="restricted")
    assert version.version_id not in page_of(as_("reviewer"), source)


def test_the_stale_ones_come_first_and_are_on_the_home_page(as_, source_of, tried):
    source_of(name="a-fresh-one")
    stale = source_of(name="z-stale-one")
    for day in (3, 2, 1):
        tried(stale, "failed", days=day, fix="Ask the upstream.")
    page = as_("steward").get("/sources/")
    assert [line.source.name for line in page.context["page"].object_list] == ["z-stale-one", "a-fresh-one"]
    assert "The last 3 fetches failed" in page.content.decode()
    only = as_("steward").get("/sources/", {"show": "stale"})
    assert [line.source.name for line in only.context["page"].object_list] == ["z-stale-one"]
    home = as_("steward").get("/").content.decode()
    assert "Sources that are stale" in home
    assert "z-stale-one" in home
    assert "z-stale-one" not in as_("nobody").get("/").content.decode()


@pytest.mark.parametrize("name", ["operator", "auditor"])
def test_the_number_of_queries_does_not_grow(as_, source_of, tried, django_assert_num_queries, name):
    client, source = as_(name), source_of()
    tried(source, "failed", days=1)
    addresses = [
        "/sources/",
        reverse("promotions:source", args=[source.pk]),
        "/",
        reverse("datasets:detail", args=[source.dataset.slug]),
    ]
    counts = []
    for address in addresses:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        counts.append(len(queries))
    for n in range(8):
        other = source_of(name=f"other-{n}")
        for day in (3, 2, 1):
            tried(other, "failed", days=day)
            tried(source, "failed", days=day)
    for address, count in zip(addresses, counts, strict=True):
        extra = 1 if address in {"/sources/", "/"} else 0
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        assert len(queries) <= count + extra, address


def test_the_public_sees_no_sources_on_a_dataset(as_, world, version, source_of):
    source_of()
    world.sign_all(version)
    world.publish(version)
    address = reverse("datasets:detail", args=[world.dataset.slug])
    assert "data.example.org" not in as_("").get(address).content.decode()
    assert 'id="sources"' in as_("auditor").get(address).content.decode()


def test_the_form_and_the_writer_name_the_same_fields(source_of):
    from promotions.forms_sources import SourceForm, as_typed

    form = SourceForm(as_typed(source_of()))
    assert form.is_valid(), form.errors
    assert form.source_fields().location == FIELDS["location"]


def test_a_credential_is_chosen_by_name_and_what_it_holds_is_never_shown(as_, new, settings):
    hush = Credential(hosts=frozenset({"data.example.org"}), headers={"Authorization": "Bearer hush-hush"})
    settings.KFM_SOURCE_CREDENTIALS = {"wells-key": hush}
    form = as_("operator").get(new).content.decode()
    assert '<option value="wells-key">' in form
    page = as_("operator").post(new, {**TYPED, "credential": "wells-key"}, follow=True).content.decode()
    assert Source.objects.get().credential == "wells-key"
    assert "<code>wells-key</code>" in page
    assert "hush" not in form + page
    settings.KFM_SOURCE_CREDENTIALS = {}  # an operator took it away: the form still says what the source names
    again = as_("operator").get(reverse("promotions:change_source", args=[Source.objects.get().pk])).content.decode()
    assert '<option value="wells-key" selected>' in again


@pytest.mark.parametrize("number", [0, 2**63, 10**30])
def test_a_number_that_is_none_is_absent(as_, number):
    assert as_("operator").get(f"/sources/{number}/").status_code == 404
    assert as_("operator").get("/sources/", {"page": str(number), "show": "\x00"}).status_code == 200
    assert as_("operator").get("/runs/", {"page": str(number), "dataset": "\x00"}).status_code == 200


def test_a_first_source_begins_with_the_terms_that_the_spec_states(as_, world):
    page = as_("contributor").get(f"/datasets/{world.dataset.slug}/sources/new/").content.decode()
    for stated in ("CC-BY-4.0", "Test Survey", "Wells by the Test Survey", "https://example.invalid/terms"):
        assert f'value="{stated}"' in page
