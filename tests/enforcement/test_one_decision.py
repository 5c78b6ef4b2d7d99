"""Design §6: every request that asks what may be read leaves exactly one stored decision; the others leave none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.urls import URLPattern, URLResolver, get_resolver

from datasets import decisions, enforcement, questions, replays
from datasets.models import PolicyDecision
from datasets.people import PUBLIC
from datasets.policy.requests import Action
from promotions.models import Job, QuarantineCase
from promotions.states import State

ROLES = [None, "contributor", "operator", "reviewer", "steward", "council", "auditor", "admin", "superuser", "nobody"]
#: What every address is filled with; ``x`` finds nothing.
FILLING = {"pk": 1, "name": "sign", "way": "claim", "digest": "sha256:" + "0" * 64, "runbook_id": "RB-DATA-040"}


def addresses(api: Any) -> Iterator[str]:
    """Every address that the console registers, filled with what is there, and once with what is not."""
    values = {
        "slug": api.public.dataset.slug,
        "version_id": api.public.version_id,
        "case_pk": QuarantineCase.objects.first().pk,
        "job_pk": Job.objects.first().pk,
    }
    for pattern in walk(get_resolver()):
        yield "/" + filled(pattern, values)
        if "version_id" in pattern or "case_pk" in pattern or "job_pk" in pattern:
            yield "/" + filled(pattern, {**values, "version_id": "2031.0123abcd", "case_pk": 99999, "job_pk": 99999})
            hidden = api.hidden[State.CATALOG]
            yield "/" + filled(pattern, {**values, "version_id": hidden.version_id})
            yield "/" + filled(pattern, {**values, "slug": "test_ks_sites", "version_id": api.restricted.version_id})


def walk(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        part = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, part)
        elif isinstance(entry, URLPattern):
            yield part


def filled(pattern: str, values: dict[str, Any]) -> str:
    import re

    def value(found: re.Match[str]) -> str:
        kind, _, name = found[1].rpartition(":")
        if name in values:
            return str(values[name])
        if name in FILLING:
            return str(FILLING[name])
        return {"int": "1", "uuid": "00000000-0000-0000-0000-000000000000"}.get(kind, "x")

    text = re.sub(r"<([^>]+)>", value, pattern)
    text = re.sub(r"\(\?P<[^>]+>[^)]*\)", "x", text)
    return (
        text.replace("^", "")
        .replace("$", "")
        .replace("\\.", ".")
        .replace("\\Z", "")
        .replace("(?:", "")
        .replace(")", "")
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked, seen at the one door: the calls that the record of a request is made of."""
    seen: list[str] = []
    single, listed = questions.Questions.single, questions.Questions.listed

    def one(self: Any, *args: Any) -> None:
        seen.append("single")
        single(self, *args)

    def many(self: Any, *args: Any) -> None:
        seen.append("listed")
        listed(self, *args)

    monkeypatch.setattr(questions.Questions, "single", one)
    monkeypatch.setattr(questions.Questions, "listed", many)
    return seen


def get(api: Any, client: Any, address: str, method: str = "get") -> Any:
    answer = getattr(client, method)(address)
    if answer.streaming:
        list(answer.streaming_content)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("who", ROLES)
def test_c1_every_address_leaves_one_decision_or_none(api, asked, who):
    client = api.client(who)
    client.raise_request_exception = False
    wrong = {}
    for address in dict.fromkeys(addresses(api)):
        if "/logout" in address:
            continue
        asked.clear()
        before = PolicyDecision.objects.count()
        answer = get(api, client, address)
        assert answer.status_code < 500, address
        left = PolicyDecision.objects.count() - before
        if left != (1 if asked else 0):
            wrong[address] = (left, list(asked))
    assert not wrong


@pytest.mark.parametrize("who", [None, "contributor", "steward"])
def test_c1_pages_about_versions_do_ask(api, asked, who):
    slug, number = api.public.dataset.slug, api.public.version_id
    for address in (
        "/",
        "/datasets/",
        f"/datasets/{slug}/",
        f"/datasets/{slug}/versions/{number}/",
        f"/datasets/{slug}/versions/{number}/preview.geojson",
        f"/datasets/{slug}/versions/2031.0123abcd/",
        f"/api/v1/datasets/{slug}/",
        f"/api/v1/datasets/{slug}/versions/{number}",
        f"/api/v1/datasets/{slug}/versions/{number}/artifacts/data",
        "/api/v1/datasets/",
        "/api/v1/stac/search",
        "/api/v1/dcat/catalog.ttl",
    ):
        before = PolicyDecision.objects.count()
        get(api, api.client(who), address)
        assert PolicyDecision.objects.count() == before + 1, address


def test_c1_what_asks_nothing_leaves_nothing(api):
    for address in ("/login/", "/healthz", "/static/css/tokens.css", "/api/v1/", "/api/v1/stac/conformance"):
        before = PolicyDecision.objects.count()
        get(api, api.client(), address)
        assert PolicyDecision.objects.count() == before, address


def test_c1_the_decision_that_governed_is_the_one_kept(api):
    slug, number = api.public.dataset.slug, api.public.version_id
    client = api.client("contributor")
    get(api, client, f"/api/v1/datasets/{slug}/versions/{number}/artifacts/data")
    kept = PolicyDecision.objects.latest("decided_at")
    assert (kept.action, kept.decision, kept.version_id) == ("download", "allow", api.public.pk)
    hidden = api.hidden[State.RAW]
    answer = api.client("nobody").get(f"/datasets/{slug}/versions/{hidden.version_id}/")
    kept = PolicyDecision.objects.latest("decided_at")
    assert (answer.status_code, kept.action, kept.decision) == (404, "read", "deny")
    assert kept.decision_id in answer.content.decode()
    assert decisions.document_of(kept)["request"]["resource"]["standing"] == "RAW"


def test_c1_what_was_kept_replays_to_the_same_answer(api):
    for who in (None, "contributor", "operator", "steward", "auditor"):
        client = api.client(who)
        for address in ("/", "/datasets/", f"/datasets/{api.public.dataset.slug}/", "/api/v1/stac/search"):
            get(api, client, address)
            kept = PolicyDecision.objects.latest("decided_at")
            assert replays.replay(kept).verdict == "same", (who, address)
            assert decisions.document_of(kept)["request"]["scope"].get("route")


def test_c1_a_kept_list_that_was_altered_is_found(api):
    get(api, api.client("operator"), "/datasets/")
    kept = PolicyDecision.objects.latest("decided_at")
    document = decisions.document_of(kept)
    document["readable"][0]["groups"] = []
    kept.canonical = decisions.row_of(document, version=None, at=kept.decided_at).canonical
    assert replays.replay(kept).verdict == "differs"


def test_nothing_is_answered_when_nothing_can_be_kept(api, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise DatabaseError("disk full of secrets")

    monkeypatch.setattr(decisions, "keep", full)
    slug, number = api.public.dataset.slug, api.public.version_id
    for address in ("/datasets/", f"/datasets/{slug}/versions/{number}/preview.geojson", "/api/v1/stac/search"):
        answer = api.client().get(address)
        assert answer.status_code == 503, address
        assert b"secrets" not in answer.content
        assert slug.encode() not in answer.content


def test_a_task_leaves_one_decision_a_question(api):
    with questions.one_question("a_task"):
        enforcement.visible_versions(PUBLIC).count()
        enforcement.visible_versions(PUBLIC, Action.READ).count()
    kept = PolicyDecision.objects.latest("decided_at")
    assert decisions.document_of(kept)["request"]["scope"] == {"task": "a_task"}
    assert replays.replay(kept).verdict == "same"


ROWS = (
    "datasets/datasetversion",
    "datasets/policydecision",
    "datasets/artifact",
    "promotions/release",
    "promotions/job",
)


@pytest.mark.parametrize("who", ["superuser", "admin", "steward"])
def test_the_admin_site_opens_no_data(api, who):
    """Neither being a superuser nor the role admin shows a row about a version there."""
    world = api.world
    type(world.users[who]).objects.filter(pk=world.users[who].pk).update(is_staff=True)
    for model in ROWS:
        assert api.client(who).get(f"/admin/{model}/").status_code in {302, 403}, model


def test_the_admin_site_shows_an_auditor_what_they_may_read_and_changes_nothing(api):
    world = api.world
    type(world.users["auditor"]).objects.filter(pk=world.users["auditor"].pk).update(is_staff=True)
    client = api.client("auditor")
    for model in ROWS:
        assert client.get(f"/admin/{model}/").status_code == 200, model
        assert client.get(f"/admin/{model}/add/").status_code == 403, model
    before = PolicyDecision.objects.count()
    page = client.get("/admin/datasets/datasetversion/").content.decode()
    assert PolicyDecision.objects.count() == before + 1
    assert (
        page.count('class="field-__str__"')
        == enforcement.visible_versions(world.person("auditor"), Action.READ).count()
    )
