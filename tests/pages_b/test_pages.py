"""Home, queue, quarantine, runbooks and admin: what each role sees, and how many queries it takes."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from datasets.models import PolicyLabel
from promotions.models import QuarantineCase, Standing
from promotions.runbooks import check_runbook
from promotions.states import State
from tests.world import PASSWORD, wells

ROLES = ["contributor", "operator", "reviewer", "steward", "council", "auditor", "admin", "nobody"]


def body(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.fixture
def case(world) -> QuarantineCase:
    version = world.version_in(State.QUARANTINE)
    return QuarantineCase.objects.get(version=version)


def test_each_role_gets_each_page(world, case, client_of):
    for name in ROLES:
        client = client_of(name)
        for page in ("home", "promotions:queue", "promotions:quarantine", "promotions:runbooks"):
            assert client.get(reverse(page)).status_code == 200, (name, page)


def test_anonymous_gets_the_front_page_and_signs_in_for_the_rest(world, case, client_of):
    client = client_of("anonymous")
    assert "Nothing is published now." in body(client.get("/"))
    assert "Demo accounts" in body(client.get("/login/"))
    for page in ("promotions:queue", "promotions:quarantine", "promotions:runbooks"):
        assert client.get(reverse(page)).status_code == 302
    assert client.get(reverse("promotions:case", args=[case.pk])).status_code == 302


def test_front_page_queries_nothing_about_people(world, client_of, django_assert_max_num_queries):
    client_of("anonymous").get("/")  # the first decision keeps its policies too
    with django_assert_max_num_queries(6):
        client_of("anonymous").get("/")


def test_home_shows_what_waits_for_the_reviewer(world, client_of):
    world.version_in(State.CATALOG)
    page = body(client_of("reviewer").get("/"))
    assert "One version waits for you" in page
    assert "Sign as reviewer" in page
    assert "Nothing waits for you" in body(client_of("contributor").get("/"))
    assert "CATALOG" in body(client_of("contributor").get("/?show=requests"))


def test_queue_costs_the_same_for_one_and_for_many(world, client_of, django_assert_num_queries):
    world.version_in(State.CATALOG)
    client = client_of("reviewer")
    client.get("/queue/")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        client.get("/queue/")
    world.version_in(State.RAW, content=wells(3, start=40))
    world.version_in(State.CATALOG, content=wells(4, start=60))
    with django_assert_num_queries(len(one)):
        client.get("/queue/")


def test_queue_filters_are_in_the_address(world, client_of):
    world.version_in(State.CATALOG)
    client = client_of("steward")
    assert "test_ks_wells</a>" in body(client.get("/queue/?state=CATALOG&label=public"))
    assert "No version answers to these filters." in body(client.get("/queue/?state=RAW"))
    assert "No version answers to these filters." in body(client.get("/queue/?state=nonsense"))


def test_case_plan_keeps_owner_due_and_plan(world, case, client_of):
    where = reverse("promotions:case_plan", args=[case.pk])
    kept = client_of("operator").post(
        where, {"owner": "operator", "due": "2030-01-01", "plan": "Ask upstream."}, follow=True
    )
    assert "The plan was kept." in body(kept)
    assert "changed owner, due, plan" in body(kept)
    case.refresh_from_db()
    assert (case.owner, case.plan_by) == ("operator", "operator")
    late = client_of("operator").post(where, {"owner": "operator", "due": "2001-01-01", "plan": "Later."})
    assert late.status_code == 409
    assert "The due date is in the past." in body(late)
    assert "Later." in body(late)


def test_release_is_refused_while_the_gate_fails(world, case, client_of):
    refused = client_of("reviewer").post(
        reverse("promotions:case_resolve", args=[case.pk, "release"]), {"release-reason": "Fixed."}
    )
    assert refused.status_code == 409
    assert "Gate E does not pass" in body(refused)
    assert "Fixed." in body(refused)
    assert Standing.objects.get(version=case.version).state == State.QUARANTINE


def test_steward_denies_with_a_reason(world, case, client_of):
    where = reverse("promotions:case_resolve", args=[case.pk, "deny"])
    assert "Say why." in body(client_of("steward").post(where, {"deny-reason": ""}))
    assert "Denied. The record stays." in body(
        client_of("steward").post(where, {"deny-reason": "Not fit."}, follow=True)
    )
    assert client_of("reviewer").post(where, {"deny-reason": "Me too."}).status_code == 409


def test_case_is_hidden_from_who_may_not_read_it(world, case, client_of):
    assert client_of("nobody").get(reverse("promotions:case", args=[case.pk])).status_code == 404
    assert client_of("nobody").get(reverse("promotions:case", args=[10**6])).status_code == 404


def test_every_runbook_on_the_shelf_has_the_layout_and_a_page(world, client_of):
    from promotions import library

    client = client_of("operator")
    for entry in library.shelf():
        assert check_runbook(entry.path.read_text(), entry.path.name) == [], entry.path
        page = client.get(reverse("promotions:runbook", args=[entry.runbook_id]))
        assert "Rollback plan" in body(page)
    assert client.get("/runbooks/RB-DATA-999/").status_code == 404


def test_admin_changes_nothing_even_for_a_superuser(world, case, client_of):
    client = client_of("superuser")
    standing = Standing.objects.get(version=case.version)
    change = f"/admin/promotions/standing/{standing.pk}/change/"
    assert client.post(change, {"state": "PUBLISHED"}).status_code in {403, 404}
    assert client.post(f"/admin/promotions/standing/{standing.pk}/delete/", {"post": "yes"}).status_code in {403, 404}
    assert client.post("/admin/datasets/roleassignment/add/", {"role": "steward"}).status_code == 403
    assert client.post(
        "/admin/datasets/policylabel/public/change/", {"tightness": 0, "readers": '["public"]'}
    ).status_code in {403, 404}
    steward = world.users["steward"]
    client.post(f"/admin/auth/user/{steward.pk}/password/", {"password1": "x" * 20, "password2": "x" * 20}, follow=True)
    steward.refresh_from_db()
    assert steward.check_password(PASSWORD)
    assert client.get("/admin/audit/ledgerentry/").status_code == 403
    assert Standing.objects.get(pk=standing.pk).state == State.QUARANTINE
    assert PolicyLabel.objects.get(pk="public").readers
