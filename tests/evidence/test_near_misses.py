"""Clause D3: what is not the very reference resolves nothing, by API and by page; what is, does."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.people import PUBLIC
from promotions.api.reading import Reader
from promotions.api.resolver import resolve
from tests.evidence.references import everything, near, of_others, text_of, valid

AT_ONCE = 100
SCHEMES = {"dcat", "stac", "prov", "doc", "graph"}


@pytest.fixture
def named(api):
    """All that resolves, or is gone, in this world but spans of documents."""
    found = everything(api.public) | everything(api.withdrawn) | everything(api.superseded)
    return found | set(valid(api.public))


def is_exact(text: str, named: set[str]) -> bool:
    """Whether a text made from a valid reference is one itself: of the same world, or another span of a document."""
    span = re.fullmatch(r"doc://(sha256:[0-9a-f]{64})#page=1&span=(0|[1-9]\d*):([1-9]\d*)", text)
    return text in named or bool(span)


@pytest.fixture
def misses(api, named):
    refs = valid(api.public)
    found = {miss for ref in refs for miss in near(ref)}
    found |= of_others(refs, api.public, [*api.hidden.values(), api.restricted])
    kept = {miss for miss in found if not is_exact(miss, named) and not miss.isspace() and _encodable(miss)}
    assert len(kept) > 3_000
    return sorted(kept)


def _encodable(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def ask(client, refs):
    answer = client.post("/api/v1/evidence/resolve", data=json.dumps({"refs": refs}), content_type="application/json")
    assert answer.status_code == 200, answer.content[:300]
    return answer.json()["results"]


def test_d3_valid_references_of_all_five_schemes_resolve(api):
    refs = valid(api.public)
    assert {ref.partition(":")[0] for ref in refs} == SCHEMES
    results = ask(api.client(), refs)
    assert [(r["ref"], r["status"]) for r in results] == [(ref, "resolved") for ref in refs]
    for result in results:
        if result["ref"].startswith("doc://"):
            assert result["bundle"]["cards"][0]["quote"] == text_of(result["ref"])
    page = api.client().get("/evidence/?" + urlencode([("ref", ref) for ref in refs])).content.decode()
    assert f"{len(refs)} of {len(refs)} resolved." in page


@pytest.mark.slow
def test_d3_near_misses_resolve_nothing_by_the_api(api, misses):
    client = api.client()
    for start in range(0, len(misses), AT_ONCE):
        results = ask(client, misses[start : start + AT_ONCE])
        assert [r["ref"] for r in results if r["status"] != "unresolved"] == []
        assert len({r["audit_ref"] for r in results}) == 1


def test_d3_near_misses_resolve_nothing_on_the_page(api, misses):
    client = api.client()
    some = misses[:: max(1, len(misses) // 1_200)][:1_200]
    assert len(some) >= 1_000
    for start in range(0, len(some), 50):
        batch = some[start : start + 50]
        page = client.get("/evidence/", {"ref": batch})
        text = page.content.decode()
        assert page.status_code == 200
        assert f"0 of {len(batch)} resolved." in text
        assert "✓ resolved" not in text
        assert "no longer served" not in text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_d3_only_the_very_characters_resolve(api, named, data):
    """Any valid reference with any few characters put in, taken out or changed resolves only if it is one itself."""
    text = data.draw(st.sampled_from(sorted(named)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 2))
        put = data.draw(st.text(max_size=2) | st.sampled_from(["#", "@", "/", ":", "..", "=", "0", "a", "%2e"]))
        text = text[:at] + put + text[at + cut :]
    answer = resolve(text, Reader(PUBLIC, timezone.now()), _indexes(api))
    assert answer is None or is_exact(text, named), text


_KEPT: dict[int, dict] = {}


def _indexes(api):
    return _KEPT.setdefault(id(api), {})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80))
def test_d3_no_text_at_all_resolves_by_chance(api, text):
    assert resolve(text, Reader(PUBLIC, timezone.now()), _indexes(api)) is None


def test_d3_a_span_is_exact_to_the_character(api):
    ref = next(ref for ref in valid(api.public) if ref.startswith("doc://"))
    digest = ref.removeprefix("doc://").partition("#")[0]
    from datasets.stores import read_document

    length = len(read_document(digest).decode())
    good = [f"doc://{digest}#page=1&span=0:{length}", f"doc://{digest}#page=1&span={length - 1}:{length}"]
    bad = [
        f"doc://{digest}#page=1&span=0:{length + 1}",
        f"doc://{digest}#page=2&span=0:1",
        f"doc://{digest}#page=0&span=0:1",
        f"doc://{digest}#page=1&span=1:1",
        f"doc://{digest}#page=1&span=2:1",
        f"doc://{digest}#page=01&span=0:1",
        f"doc://{digest}#page=1&span=0:01",
        f"doc://{digest}#page=1&span=0:1{'0' * 30}",
        f"doc://{digest}#span=0:1&page=1",
        f"doc://{digest}#page=1&span=0:1&page=1",
        f"doc://{digest}#page=1",
        f"doc://{digest}",
    ]
    results = ask(api.client(), [*good, *bad])
    assert [r["status"] for r in results] == ["resolved"] * 2 + ["unresolved"] * len(bad)


def test_d3_graph_references_name_only_what_prov_records(api):
    own = f"kfm://dataset/{api.public.dataset.slug}@{api.public.version_id}"
    run = valid(api.public)[5].removeprefix("prov://")
    source = api.public.acquisition.source_id
    results = ask(
        api.client(),
        [
            f"graph://{own}#rel=prov:hadMember",
            f"graph://{run}",
            f"graph://{run}#rel=prov:used",
            f"graph://kfm://artifact/{source}",
        ],
    )
    assert {r["status"] for r in results} == {"resolved"}
    target = results[0]["bundle"]["target"]
    assert target["kind"] == "entity"
    assert target["objects"] == [f"kfm://artifact/{api.public.files.get(part='data').artifact_id}"]
    bad = [
        "graph://well",
        "graph://well#rel=prov:used",
        f"graph://{own}#rel=prov:used",
        f"graph://{own}#rel=hadMember",
        f"graph://{own}#rel=kfm:nothing",
        f"graph://{own}#rel=Prov:hadMember",
        f"graph://kfm://dataset/{api.public.dataset.slug}",
        "graph://kfm://policy_decision/x",
        "graph://kfm://audit/entry/1",
        f"graph://kfm://dataset/{api.restricted.dataset.slug}@{api.restricted.version_id}",
    ]
    assert {r["status"] for r in ask(api.client(), bad)} == {"unresolved"}
