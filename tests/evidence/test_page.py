"""The evidence page: the API's answers in words, and nothing more than those."""

from __future__ import annotations

import re

import pytest

from promotions.views import evidence_page
from tests.evidence.references import valid

TOKEN = re.compile(r'csrfmiddlewaretoken" value="[^"]+|X-CSRFToken": "[^"]+|kfm(?:://|%3A%2F%2F)policy_decis[^<"]*')


def told(page, ref):
    return TOKEN.sub("", page.content.decode()).replace(ref, "REF")


def test_it_is_in_everyones_menu(api):
    for name in (None, "nobody", "auditor", "admin"):
        assert '<a href="/evidence/"' in api.client(name).get("/datasets/").content.decode()


@pytest.mark.parametrize(
    "name", [None, "nobody", "contributor", "reviewer", "steward", "auditor", "admin", "superuser"]
)
def test_every_role_reads_what_the_policies_let_it(api, name):
    client = api.client(name)
    assert client.get("/evidence/").status_code == 200
    page = client.get("/evidence/", {"ref": valid(api.public)[1]})
    assert page.status_code == 200
    assert "A distribution of a dataset version" in page.content.decode()
    restricted = client.get("/evidence/", {"ref": valid(api.restricted)[0]})
    assert restricted.status_code == (200 if name == "steward" else 404)


def test_hidden_and_absent_are_the_same_page(api):
    client = api.client()
    refs = [valid(api.restricted)[0], "dcat://no_such_thing@2024.00000000"]
    refs += [f"dcat://{v.dataset.slug}@{v.version_id}" for v in api.hidden.values()]
    pages = [client.get("/evidence/", {"ref": ref}) for ref in refs]
    assert {page.status_code for page in pages} == {404}
    assert len({told(page, ref) for page, ref in zip(pages, refs, strict=True)}) == 1


def test_pasted_lines_are_read_exactly(api):
    good = valid(api.public)[0]
    page = api.client().get("/evidence/", {"refs": f"{good}\r\n {good}\n\n{good}/\n"}).content.decode()
    assert "1 of 3 resolved." in page
    assert "It holds a character that no reference has" in page
    assert "It is not written as any of the five kinds of reference is" in page


def test_the_document_is_quoted_and_escaped(api):
    ref = next(ref for ref in valid(api.public) if ref.startswith("doc://"))
    assert "ref-quote" in api.client().get("/evidence/", {"ref": ref}).content.decode()
    page = api.client().get("/evidence/", {"ref": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"ref": ["x"] * 3 + [str(n) for n in range(60)]}, "61 references are too many"),
        ({"ref": "x" * 2_001}, "one here has 2001;"),
        ({"refs": "\n".join(str(n) for n in range(51))}, "51 references are too many"),
    ],
)
def test_too_many_or_too_long_are_refused_with_a_sentence(api, query, words):
    page = api.client().get("/evidence/", query)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert "nothing was looked up" in page.content.decode()


@pytest.mark.parametrize(
    "ref", ["", " ", "\x00", "\ud7ff", "a" * 2000, "%00", "dcat://", "://", "\u202e", "'; DROP", "{{7*7}}"]
)
def test_hostile_texts_never_break_it(api, ref):
    assert api.client().get("/evidence/", {"ref": ref}).status_code in (200, 404)
    assert api.client().get("/evidence/", {"refs": ref}).status_code in (200, 404)


def test_only_get(api):
    assert api.client("steward").post("/evidence/", {"refs": "x"}).status_code == 405


def test_damaged_bytes_are_told_and_nothing_is_shown(api, monkeypatch):
    from promotions.api import files

    def lost(digest):
        raise files.DamagedObject(digest)

    monkeypatch.setattr(files, "read_document", lost)
    page = api.client().get("/evidence/", {"ref": valid(api.public)[0]})
    assert page.status_code == 503
    assert "✓ resolved" not in page.content.decode()


def test_query_count_is_bounded(api, django_assert_max_num_queries):
    client = api.client("reviewer")
    ref = valid(api.public)[1]
    client.get("/evidence/", {"ref": ref})
    with django_assert_max_num_queries(40):
        client.get("/evidence/", {"ref": ref})
    with django_assert_max_num_queries(45):
        client.get("/evidence/", {"ref": [f"dcat://absent_{n}@2024.00000000" for n in range(10)]})


def test_every_kind_of_target_has_its_words():
    from typing import get_args

    from datasets.catalogs.evidence_index import EvidenceTarget

    kinds = (
        get_args(EvidenceTarget.__annotations__["kind"])
        if not isinstance(EvidenceTarget.__annotations__["kind"], str)
        else None
    )
    assert kinds is None or set(kinds) == set(evidence_page.KINDS)
    assert "entity" in evidence_page.KINDS
