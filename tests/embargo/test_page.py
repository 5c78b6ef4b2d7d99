"""The page of a dataset's embargo: what each role sees and may do, refusals kept in the ledger, and its query count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import embargoes
from datasets.models import Embargo
from tests.world import World

pytestmark = pytest.mark.django_db
REASON = "The survey's paper is not out."


@pytest.fixture
def world():
    return World.build()


@pytest.fixture
def address(world):
    return reverse("promotions:embargo", args=[world.dataset.slug])


def client_of(world, name):
    client = Client()
    if name:
        client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(response):
    return response.content.decode()


def in_days(days):
    return timezone.now().date() + timedelta(days=days)


def put(world, *, days=10, by="steward"):
    return embargoes.set_embargo(
        dataset=world.dataset, until=in_days(days), reason=REASON, by=world.person(by), at=timezone.now()
    )


def passed(world, days=3):
    """An embargo whose day was *days* ago."""
    at = timezone.now() - timedelta(days=days + 5)
    return embargoes.set_embargo(
        dataset=world.dataset, until=in_days(-days), reason=REASON, by=world.person("steward"), at=at
    )


def refusals():
    return list(ledger.entries().filter(event=Event.ACTION_REFUSED.value).order_by("-index"))


def test_a_steward_sets_moves_and_lifts(world, address):
    steward = client_of(world, "steward")
    assert "There never was one." in text(steward.get(address))
    told = steward.post(address, {"act": "set", "set-until": str(in_days(0)), "set-reason": REASON}, follow=True)
    assert "Set. The embargo runs until a person lifts it" in text(told)
    told = steward.post(address, {"act": "set", "set-until": str(in_days(9)), "set-reason": "Later."}, follow=True)
    assert "Moved." in text(told)
    assert "It can be lifted on or after" in text(told)
    Embargo.objects.update(until=in_days(0))
    told = steward.post(
        address, {"act": "lift", "lift-seen": str(in_days(0)), "lift-reason": "It is out."}, follow=True
    )
    assert "Lifted. What was published is read again" in text(told)
    for word in ("set until", "moved to", "lifted", REASON, "Later.", "It is out."):
        assert word.replace("'", "&#x27;") in text(told)
    assert [e.event for e in ledger.entries().order_by("-index")[:3]] == [
        "embargo.lifted",
        "embargo.moved",
        "embargo.set",
    ]


def test_a_form_left_empty_says_what_each_field_needs(world, address):
    told = text(client_of(world, "steward").post(address, {"act": "set"}))
    assert "Give the first day on which it may be lifted." in told
    assert "Say why: the reason is kept" in told
    assert "This field is required" not in told
    assert not Embargo.objects.exists()


@pytest.mark.parametrize("name", ["contributor", "operator", "reviewer", "auditor", "admin"])
def test_others_see_it_and_are_told_who_can(world, address, name):
    passed(world)
    client = client_of(world, name)
    shown = text(client.get(address))
    assert "Only a steward of test_ks_wells or the council lifts it." in shown
    assert "Steward Test (steward)" in shown
    assert 'name="act"' not in shown
    for act in ("set", "lift"):
        fields = {"act": act, "set-until": str(in_days(9)), "set-reason": "x", "lift-reason": "x"}
        tried = client.post(address, {**fields, "lift-seen": str(in_days(-3))})
        assert tried.status_code == 409
        assert "Only a steward" in text(tried)
    assert [(r.actor, r.event) for r in refusals()] == [(name, "action.refused")] * 2
    assert Embargo.objects.get().lifted_at is None


@pytest.mark.parametrize("name", ["nobody", "superuser"])
def test_without_a_role_there_is_no_such_page(world, address, name):
    row = passed(world)
    client = client_of(world, name)
    assert client.get(address).status_code == 404
    assert client.post(address, {"act": "lift", "lift-reason": "x"}).status_code == 404
    assert client.get(reverse("promotions:embargo_by_number", args=[row.pk])).status_code == 404
    assert client.get("/embargoes/99999/").status_code == 404


def test_the_public_signs_in_first(world, address):
    assert client_of(world, "").get(address)["Location"].startswith("/login/")


def test_before_its_day_the_button_says_when(world, address):
    put(world)
    shown = text(client_of(world, "steward").get(address))
    assert "It can be lifted on or after" in shown
    assert "registered as a dataset of its own" in shown
    assert 'value="lift"' not in shown


def test_an_early_lift_is_refused_and_in_the_ledger(world, address):
    put(world)
    tried = client_of(world, "steward").post(
        address, {"act": "lift", "lift-seen": str(in_days(10)), "lift-reason": "Please."}
    )
    assert (tried.status_code, "and not before" in text(tried)) == (409, True)
    assert "Please." in text(tried) or 'value="lift"' not in text(tried)
    assert refusals()[0].actor == "steward"
    assert Embargo.objects.get().lifted_at is None


def test_a_second_click_says_who_lifted_it(world, address):
    passed(world)
    fields = {"act": "lift", "lift-seen": str(in_days(-3)), "lift-reason": "It is out."}
    steward = client_of(world, "steward")
    steward.post(address, fields)
    again = client_of(world, "council").post(address, fields, follow=True)
    assert "steward lifted it at" in text(again)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"act": "set"},
        {"act": "set", "set-until": "soon", "set-reason": "x"},
        {"act": "set", "set-until": "2026-02-30", "set-reason": "x"},
        {"act": "set", "set-until": "9999-12-31", "set-reason": "x"},
        {"act": "set", "set-until": "0001-01-01", "set-reason": "x"},
        {"act": "set", "set-until": "2999-01-01", "set-reason": "   "},
        {"act": "set", "set-until": "2026-06-01\x00", "set-reason": "x\x00"},
        {"act": "lift"},
        {"act": "lift", "lift-seen": "x", "lift-reason": "x"},
        {"act": "lift", "lift-reason": "x" * 5000, "lift-seen": "2026-01-01"},
        {"act": "whatever", "set-until": "", "set-reason": ""},
    ],
    ids=str,
)
def test_bad_input_changes_nothing_and_is_never_a_500(world, address, fields):
    for embargoed in (False, True):
        if embargoed:
            passed(world)
        answered = client_of(world, "steward").post(address, fields)
        assert answered.status_code in {200, 409}
        assert Embargo.objects.filter(lifted_at__isnull=True).count() == int(embargoed)


def test_the_reason_is_escaped(world, address):
    embargoes.set_embargo(
        dataset=world.dataset,
        until=in_days(1),
        reason="<script>alert(1)</script>",
        by=world.person("steward"),
        at=timezone.now(),
    )
    shown = text(client_of(world, "contributor").get(address))
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;" in shown


def test_the_datasets_page_tells_those_who_work_on_it(world):
    page = reverse("datasets:detail", args=[world.dataset.slug])
    steward = client_of(world, "steward")
    assert "None runs." in text(steward.get(page))
    passed(world)
    shown = text(steward.get(page))
    assert "Under embargo." in shown
    assert "#lift" in shown
    assert "#lift" not in text(client_of(world, "contributor").get(page))


def test_the_page_costs_the_same_for_few_and_many_steps(world, address):
    passed(world)
    client = client_of(world, "steward")
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(address)
    for month in range(1, 8):
        until = datetime(2030, month, 1, tzinfo=UTC).date()
        embargoes.set_embargo(
            dataset=world.dataset, until=until, reason="Later.", by=world.person("council"), at=timezone.now()
        )
    with CaptureQueriesContext(connection) as many:
        client.get(address)
    assert len(many) == len(few)
    assert len(few) <= 26, [query["sql"][:90] for query in few]


def test_the_number_leads_to_the_page(world, address):
    row = passed(world)
    assert client_of(world, "steward").get(f"/embargoes/{row.pk}/")["Location"] == address
