"""Clause D3 over HTTP: an EvidenceRef resolves exactly or not at all, and a denied one looks like an absent one."""

from __future__ import annotations

import json
import random
import unicodedata
from urllib.parse import quote

import pytest

from audit.digests import digest_json
from datasets.models import RunReceipt
from datasets.stores import read_document
from tests.api.conftest import NOTICE

RESOLVE = "/api/v1/evidence/resolve"


def ask(client, body):
    return client.post(
        RESOLVE, data=body if isinstance(body, str | bytes) else json.dumps(body), content_type="application/json"
    )


def references(version):
    own = f"{version.dataset.slug}@{version.version_id}"
    item = f"stac://{version.dataset.slug}/items/{version.version_id}"
    run = RunReceipt.objects.filter(version=version).first().run_id
    terms = version.files.get(part="terms").artifact_id
    return [
        f"dcat://{own}",
        f"dcat://{own}#dist=data",
        item,
        f"{item}#asset=qa-report",
        f"prov://{run}",
        f"prov://{run.removeprefix('kfm://')}",
        f"doc://{terms}#page=1&span=0:8",
    ]


def test_d3_every_kind_of_reference_resolves_to_a_bundle(api):
    refs = references(api.public)
    results = ask(api.client(), {"refs": refs}).json()["results"]
    assert [r["ref"] for r in results] == refs
    assert {r["status"] for r in results} == {"resolved"}
    kinds = [r["bundle"]["target"]["kind"] for r in results]
    assert kinds == ["dataset", "distribution", "item", "asset", "run", "run", "document"]
    for result in results:
        bundle = result["bundle"]
        body = {k: v for k, v in bundle.items() if k not in {"bundle_id", "digest", "audit_ref"}}
        assert str(digest_json(body)) == bundle["digest"]
        assert bundle["bundle_id"] == f"kfm://evidence/{bundle['digest'].removeprefix('sha256:')}"
        assert bundle["policy"]["label"] == "public"
        assert bundle["version"]["manifest_digest"].startswith("sha256:")
        assert {c["verdict"] for c in bundle["checks"]} == {"pass"}
        assert bundle["provenance"]["runs"]
        assert bundle["cards"][0]["attribution"] == "Wells by the Test Survey"


def test_d3_the_same_reference_gives_the_same_bundle_again(api):
    ref = references(api.public)[1]
    first, second = (ask(api.client(), {"ref": ref}).json()["bundle"] for _ in range(2))
    assert first.pop("audit_ref") != second.pop("audit_ref")
    assert first == second
    assert [a["key"] for a in first["artifacts"]] == ["data"]


def test_d3_denied_looks_like_absent(api):
    absent = "dcat://no_such_thing@2026.00000000"
    denied = references(api.restricted)[:-1]  # the terms have the same words as the public version's
    hidden = [f"dcat://{v.dataset.slug}@{v.version_id}" for v in api.hidden.values()]
    results = ask(api.client(), {"refs": [absent, *denied, *hidden, "graph://well", "nonsense"]}).json()["results"]
    assert {(r["status"], r["audit_ref"]) for r in results} == {("unresolved", results[0]["audit_ref"])}
    single = []
    for ref in (absent, *denied, *hidden):
        answer = ask(api.client(), {"ref": ref})
        body = answer.json()
        assert body.pop("audit_ref").startswith("kfm://policy_decision/")
        single.append((answer.status_code, sorted(answer.items()), tuple(body.items())))
    assert all(answer == single[0] for answer in single)
    assert (single[0][0], single[0][2][0]) == (404, ("error_code", "unresolved"))


def test_d3_who_may_read_may_resolve(api):
    results = ask(api.client("steward"), {"refs": references(api.restricted)}).json()["results"]
    assert {r["status"] for r in results} == {"resolved"}
    assert results[0]["bundle"]["cards"][0]["notices"] == [NOTICE]


def near_misses(refs):
    """About a thousand texts that look like a reference and are none."""
    chance = random.Random(7)
    misses = set()
    for ref in refs:
        misses |= {
            ref.upper(),
            ref.title(),
            f" {ref}",
            f"{ref} ",
            f"{ref}\n",
            f"{ref}\x00",
            f"{ref}/",
            f"{ref}#",
            f"{ref}?x=1",
            quote(ref, safe=""),
        }
        misses |= {
            ref.replace("://", ":/"),
            ref.replace("://", ":///"),
            ref.replace("_", "-"),
            ref.replace("2024", "2024-01"),
            f"kfm://{ref}",
        }
        misses |= {
            ref.replace("test", "te\u0301st"),
            ref.replace("e", "é"),
            ref.replace("e", "e\u0301"),
            unicodedata.normalize("NFD", ref.replace("e", "é")),
        }
        misses |= {
            ref.replace("s", "\u017f"),
            ref.replace("o", "\u043e"),
            ref.replace("/", "\uff0f"),
            ref.replace("2", "\uff12"),
            f"\ufeff{ref}",
            f"{ref}\u200b",
        }
        misses |= {
            ref.replace("://", "://../"),
            ref.replace("://", "://./"),
            f"{ref}/../x",
            ref.replace("@", "%40"),
            ref.replace("#", "%23"),
        }
        for length in range(4, len(ref)):
            misses.add(ref[:length])
        for _ in range(90):
            position = chance.randrange(len(ref))
            letter = chance.choice("abz09_.~%")
            misses |= {ref[:position] + letter + ref[position:], ref[:position] + letter + ref[position + 1 :]}
    return sorted(misses)


def test_d3_no_near_miss_resolves(api):
    refs = references(api.public)
    # A prefix that is a reference itself, a narrower span, or another page's number is no near miss: it is exact.
    exact = set(refs) | {refs[6][:-1] + n for n in "123456789"} | {refs[6] + n for n in "0123456789"}
    for gone in (api.withdrawn, api.superseded):  # a changed year names these, and they are gone: exact too
        exact |= {ref.replace(api.public.version_id, gone.version_id) for ref in refs}
    misses = [m for m in near_misses(refs) if m not in exact and not (m.startswith(refs[6].split("span=")[0]))]
    assert len(misses) > 1000
    client = api.client()
    for start in range(0, len(misses), 100):
        results = ask(client, {"refs": misses[start : start + 100]}).json()["results"]
        assert [r["ref"] for r in results if r["status"] != "unresolved"] == []


def test_d3_a_page_or_span_that_is_not_there_does_not_resolve(api):
    terms = api.public.files.get(part="terms").artifact_id
    length = len(read_document(terms).decode())
    data = api.public.files.get(part="data").artifact_id
    good = f"doc://{terms}#page=1&span=0:{length}"
    bad = [
        f"doc://{terms}#page=1&span=0:{length + 1}",
        f"doc://{terms}#page=2&span=0:1",
        f"doc://{data}#page=1&span=0:1",
        f"doc://{terms}#page=1&span=5:5",
    ]
    statuses = [r["status"] for r in ask(api.client(), {"refs": [good, *bad]}).json()["results"]]
    assert statuses == ["resolved"] + ["unresolved"] * 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"ref": 1}',
        b'{"refs": []}',
        b'{"refs": "x"}',
        b'{"refs": [null]}',
        b'{"ref":"a","ref":"b"}',
        b'{"ref": "a", "refs": ["b"]}',
        b'{"ref": NaN}',
        b'{"ref": "\\ud800"}',
        b'\xef\xbb\xbf{"ref": "a"}',
        b'{"ref": "\xff"}',
        b'{"ref": ' + b"[" * 5000,
        b'{"ref": "a", "more": 1}',
        json.dumps({"refs": ["x"] * 101}).encode(),
        json.dumps({"ref": "x" * 2001}).encode(),
        b'{"ref": "' + b"x" * 600_000 + b'"}',
    ],
)
def test_a_body_that_is_not_strictly_right_is_400(api, body):
    answer = ask(api.client(), body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error_code", "message", "audit_ref"}


def test_another_media_type_is_415_and_a_forged_post_403(api):
    answer = api.client().post(RESOLVE, data={"ref": "x"})
    assert (answer.status_code, answer.json()["error_code"]) == (415, "unsupported_media_type")
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(api.world.users["steward"], backend="django.contrib.auth.backends.ModelBackend")
    assert ask(client, {"ref": "x"}).status_code == 403
