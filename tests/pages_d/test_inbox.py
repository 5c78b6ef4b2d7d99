"""The list: groups, views, filters in the address, the case beside it; hidden is absent; a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from promotions import cases
from promotions.models import Dossier, QuarantineCase, Release, Severity, Standing
from promotions.views.inbox_place import place_in, place_of
from tests.inbox.many import more_cases

ROLES = ["contributor", "operator", "reviewer", "steward", "council", "auditor", "admin", "nobody", "superuser"]


def cost(client, path) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


@pytest.mark.parametrize("name", ROLES)
def test_every_case_in_a_persons_list_is_theirs_to_open(world, case, client_of, name):
    more_cases(case, 2)
    client = client_of(name)
    page = client.get("/quarantine/")
    assert page.status_code == 200
    for pk in page.context["links"]:
        assert client.get(f"/quarantine/{pk}/").status_code == 200, pk
        assert client.get(f"/quarantine/?case={pk}").status_code == 200, pk
        assert client.get(f"/quarantine/{pk}/samples/").status_code == 200, pk


def test_hidden_and_absent_cases_are_the_same_404(case, client_of, main_of):
    client = client_of("nobody")
    for place in ("{}/", "?case={}", "{}/samples/", "{}/failing.geojson", "{}/derive/", "{}/metadata-only/"):
        hidden = client.get("/quarantine/" + place.format(case.pk))
        absent = client.get("/quarantine/" + place.format(10**6))
        assert (hidden.status_code, absent.status_code) == (404, 404), place
        assert main_of(hidden, case.pk) == main_of(absent, 10**6)


def published_after(case) -> None:
    """The version went on and is public now; the case that it had has ended."""
    QuarantineCase.objects.filter(pk=case.pk).update(
        resolution="released", resolved_by="reviewer", resolved_at=case.opened_at
    )
    Standing.objects.filter(version=case.version_id).update(state="PUBLISHED")
    digest, at = "sha256:" + "0" * 64, timezone.now()  # a version that no release speaks for is shown to nobody
    dossier = Dossier.objects.create(version=case.version, digest=digest, canonical="{}", gathered_at=at)
    Release.objects.create(
        version=case.version,
        round=Standing.objects.get(version=case.version_id).round,
        verb="publish",
        manifest="{}",
        manifest_digest=digest,
        dossier=dossier,
        released_by="operator",
        released_at=at,
    )


def test_how_a_case_was_worked_does_not_become_public_with_its_version(case, client_of, main_of, body):
    published_after(case)
    client = client_of("nobody")
    for place in ("{}/", "?case={}", "{}/samples/", "{}/failing.geojson", "{}/derive/"):
        hidden = client.get("/quarantine/" + place.format(case.pk))
        absent = client.get("/quarantine/" + place.format(10**6))
        assert (hidden.status_code, absent.status_code) == (404, 404), place
        assert main_of(hidden, case.pk) == main_of(absent, 10**6)
    assert f"/quarantine/{case.pk}/" not in body(client.get("/quarantine/?state=all"))
    assert client_of("reviewer").get(f"/quarantine/{case.pk}/").status_code == 200


@pytest.mark.parametrize("name", ["contributor2", "auditor", "council", "admin"])
def test_c2_rows_set_apart_stay_closed_to_those_outside_once_the_version_is_public(case, client_of, name):
    published_after(case)
    assert client_of("reviewer").get(f"/quarantine/{case.pk}/samples/").context["rows"]
    page = client_of(name).get(f"/quarantine/{case.pk}/samples/")
    assert page.status_code == 200
    assert not page.context["rows"]
    assert page.context["why_not"]


def test_anonymous_signs_in_first(case, client_of):
    client = client_of("anonymous")
    for path in ("/quarantine/", f"/quarantine/{case.pk}/", "/quarantine/bulk/?act=claim&pk=1", "/notices/"):
        assert client.get(path).status_code == 302


def test_groups_say_cause_severity_and_runbook(case, client_of, body):
    more_cases(case, 2, severity=Severity.HIGH, root_cause="C1:label_missing", reason_code="SENSITIVITY_UNCLEAR")
    text = body(client_of("reviewer").get("/quarantine/"))
    assert "high severity" in text
    assert "normal severity" in text
    assert text.index("C1:label_missing") < text.index(case.root_cause)
    assert 'href="/runbooks/RB-DATA-020/"' in text


def test_views_are_addresses(world, case, client_of, body):
    late, mine = more_cases(case, 2)
    QuarantineCase.objects.filter(pk=late.pk).update(due=timezone.now().date() - timedelta(days=1))
    cases.assign(case_pk=mine.pk, owner="reviewer", by=world.person("steward"), at=timezone.now())
    client = client_of("reviewer")
    for path, pks in (
        ("/quarantine/?overdue=1", {late.pk}),
        ("/quarantine/?mine=1", {mine.pk}),
        ("/quarantine/?owner=-", {case.pk, late.pk}),
        ("/quarantine/?state=ended", set()),
    ):
        page = client.get(path)
        assert set(page.context["links"]) == pks, path
        assert body(page).count('aria-current="page"') >= 2, path
    assert "No case answers to these filters." in body(client.get("/quarantine/?reason=nonsense"))
    assert '<option value="nonsense" selected>' in body(client.get("/quarantine/?reason=nonsense"))


def test_the_case_beside_the_list_keeps_the_filters(case, client_of, body):
    text = body(client_of("reviewer").get(f"/quarantine/?gate=E&case={case.pk}"))
    assert 'aria-current="true"' in text
    assert 'name="back" value="?gate=E&amp;case=' in text
    assert 'href="/quarantine/?gate=E#case-' in text


def test_an_empty_quarantine_says_what_next(case, client_of, body):
    assert "No case is open that you may see." in body(client_of("nobody").get("/quarantine/"))


@pytest.mark.parametrize("asked", ["case=x", "case=-1", "page=0", "page=99", "case=", "text=%00", "owner=%F0%9F%98%80"])
def test_odd_addresses_show_the_list(case, client_of, asked):
    assert client_of("reviewer").get(f"/quarantine/?{asked}").status_code == 200


def test_a_place_comes_back_from_its_own_address():
    place = place_of({"gate": "E", "page": "3", "case": "12"})
    assert place.href == "/quarantine/?gate=E&page=3&case=12"
    assert place_in(place.href.partition("?")[2]) == place
    assert place_in("//evil.example/?gate=E").href.startswith("/quarantine/")


def test_the_list_costs_the_same_for_one_and_for_many(case, client_of):
    client = client_of("reviewer")
    one = cost(client, "/quarantine/")
    more_cases(case, 6)
    more_cases(case, 3, severity=Severity.HIGH, root_cause="C1:x")
    assert cost(client, "/quarantine/") == one
    assert one <= 25


def test_the_case_costs_the_same_however_much_was_said(world, case, client_of):
    client = client_of("reviewer")
    cases.comment(case_pk=case.pk, text="One.", by=world.person("operator"), at=timezone.now())
    one = cost(client, f"/quarantine/?case={case.pk}")
    for n, name in enumerate(("operator", "steward", "contributor", "operator2")):
        cases.comment(case_pk=case.pk, text=f"Again {n}.", by=world.person(name), at=timezone.now())
    assert cost(client, f"/quarantine/?case={case.pk}") == one
    assert one <= 50
