"""Bundles under their digests: what was given out is given again, to whoever may read it now, and to nobody else."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from datasets.models import Artifact, PolicyLabel
from datasets.stores import keep, read_document
from datasets.zones.store import ObjectNotFound
from promotions import transitions
from promotions.api import bundles
from promotions.api.resolver import NOT_IN_BODY
from tests.evidence.references import everything, valid
from tests.promotions import stored_path


def ask(client, ref):
    return client.post("/api/v1/evidence/resolve", data=json.dumps({"ref": ref}), content_type="application/json")


def given(client, ref):
    answer = ask(client, ref)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_bundle_is_served_by_its_digest_which_recomputes(api):
    for ref in valid(api.public):
        result = given(api.client(), ref)
        bundle = result["bundle"]
        assert result["href"].partition("?")[0] == f"http://testserver/api/v1/evidence/{bundle['digest']}"
        again = api.client().get(result["href"])
        assert again.status_code == 200
        body = {k: v for k, v in again.json().items() if k not in NOT_IN_BODY}
        assert str(digest_bytes(canonical_bytes(body))) == bundle["digest"]
        if not ref.startswith("doc://"):
            assert read_document(bundle["digest"]) == canonical_bytes(body)


def test_everyone_who_may_read_gets_the_same_bundle(api):
    ref = valid(api.public)[1]
    assert (
        len({given(api.client(name), ref)["bundle"]["digest"] for name in (None, "nobody", "steward", "auditor2")}) == 1
    )


def test_it_is_kept_once(api):
    ref = valid(api.public)[0]
    given(api.client(), ref)
    before = Artifact.objects.filter(media_type=bundles.MEDIA_TYPE).count()
    given(api.client("steward"), ref)
    assert Artifact.objects.filter(media_type=bundles.MEDIA_TYPE).count() == before


def stored() -> tuple[int, int]:
    """Rows and files of the store."""
    return Artifact.objects.count(), sum(path.is_file() for path in stored_path("sha256:ff").parents[1].rglob("*"))


def test_no_reader_makes_the_store_grow_beyond_what_the_documents_name(api):
    """Spans of a document are without number: whoever asks for each of them leaves nothing behind."""
    span = [ref for ref in valid(api.public) if ref.startswith("doc://")][-1]
    before = stored()
    for end in range(1, 40):
        ref = f"{span.rpartition('=')[0]}=0:{end}"
        result = given(api.client(), ref)
        assert result["href"].endswith("?" + urlencode({"ref": ref}))
        assert api.client().get(result["href"]).json()["digest"] == result["bundle"]["digest"]
    api.client().get("/evidence/", {"ref": span})
    assert stored() == before


def test_of_all_else_each_bundle_is_kept_once_whoever_asks_and_however_often(api):
    named = sorted(everything(api.public))
    before = stored()
    asked = []
    for name in (None, "steward", None, "steward"):
        for start in range(0, len(named), 100):
            api.client(name).post(
                "/api/v1/evidence/resolve",
                data=json.dumps({"refs": named[start : start + 100]}),
                content_type="application/json",
            )
        asked.append(stored())
    rows, files = (now - then for now, then in zip(asked[0], before, strict=True))
    assert 0 < files <= rows <= len(named)  # files of other tests' bundles may lie there, without their rows
    assert asked[1][0] - asked[0][0] < rows, "whoever reads more is answered from another version that holds the same"
    assert asked[1:] == [asked[1]] * 3


def test_d3_a_reference_beside_the_digest_opens_nothing_that_it_does_not_open_alone(api):
    own, hidden = given(api.client(), valid(api.public)[0])["bundle"], valid(api.restricted)[0]
    theirs = given(api.client("steward"), hidden)["bundle"]
    answers = [
        api.client().get(f"/api/v1/evidence/{theirs['digest']}", {"ref": ref})
        for ref in (hidden, "dcat://no_such@2024.00000000", "", "x" * 3_000)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({json.dumps({**answer.json(), "audit_ref": ""}) for answer in answers}) == 1
    other = api.client().get(f"/api/v1/evidence/{theirs['digest']}", {"ref": own["ref"]})
    assert (other.status_code, other.json()["error_code"]) == (410, "bundle_overtaken")
    assert own["digest"] in other.json()["message"]


def test_d3_a_digest_is_no_way_around_the_policies(api):
    digest = given(api.client("steward"), valid(api.restricted)[0])["bundle"]["digest"]
    assert api.client("steward").get(f"/api/v1/evidence/{digest}").status_code == 200
    for name in (None, "nobody", "contributor"):
        denied = api.client(name).get(f"/api/v1/evidence/{digest}")
        absent = api.client(name).get("/api/v1/evidence/sha256:" + "0" * 64)
        assert (denied.status_code, absent.status_code) == (404, 404)
        told = [{k: v for k, v in answer.json().items() if k != "audit_ref"} for answer in (denied, absent)]
        assert told[0] == told[1]
        assert sorted(denied.headers) == sorted(absent.headers)


def test_d3_a_tightened_label_closes_the_bundle_at_once(api):
    digest = given(api.client(), valid(api.public)[0])["bundle"]["digest"]
    type(api.public).objects.filter(pk=api.public.pk).update(policy_label=PolicyLabel.objects.get(name="restricted"))
    assert api.client().get(f"/api/v1/evidence/{digest}").status_code == 404


def test_a_withdrawn_versions_bundle_answers_with_the_tombstone(api):
    ref = valid(api.public)[1]
    digest = given(api.client(), ref)["bundle"]["digest"]
    transitions.withdraw(
        version_pk=api.public.pk,
        by=api.world.person("steward"),
        reason="Wrong datum.",
        incident="INC-7",
        at=timezone.now(),
    )
    for answer in (api.client().get(f"/api/v1/evidence/{digest}"), ask(api.client(), ref)):
        assert answer.status_code == 410
        assert answer.json()["tombstone"]["reason"] == "Wrong datum."
        assert answer.json()["error_code"] == "gone"
    page = api.client().get("/evidence/", {"ref": ref})
    assert page.status_code == 410
    assert "Wrong datum." in page.content.decode()
    assert ask(api.client(), f"{ref}x").status_code == 404


def test_a_bundle_that_is_no_longer_the_answer_says_so(api):
    bundle = given(api.client(), valid(api.public)[0])["bundle"]
    body = {k: v for k, v in bundle.items() if k not in NOT_IN_BODY}
    body["version"] = body["version"] | {"manifest_digest": "sha256:" + "1" * 64}
    older = keep(canonical_bytes(body), media_type=bundles.MEDIA_TYPE, at=timezone.now())
    answer = api.client().get(f"/api/v1/evidence/{older.digest}")
    assert (answer.status_code, answer.json()["error_code"]) == (410, "bundle_overtaken")
    assert bundle["digest"] in answer.json()["message"]


@pytest.mark.parametrize("part", ["data", "terms", "qa_report", "dcat", "source"])
def test_no_other_stored_object_is_a_bundle(api, part):
    digest = api.public.acquisition.source_id if part == "source" else api.public.files.get(part=part).artifact_id
    assert api.client("steward").get(f"/api/v1/evidence/{digest}").status_code == 404


@pytest.mark.parametrize(
    "text", ["sha256:" + "A" * 64, "sha256:" + "0" * 63, "sha256:" + "0" * 65, "0" * 64, "sha512:x", "%2e%2e"]
)
def test_what_is_no_digest_is_no_address(api, text):
    assert api.client().get(f"/api/v1/evidence/{text}").status_code == 404


def test_gone_is_told_in_a_list_too_and_order_is_kept(api):
    refs = [valid(api.public)[0], valid(api.withdrawn)[0], "dcat://no_such@2024.00000000", valid(api.superseded)[0]]
    answer = api.client().post(
        "/api/v1/evidence/resolve", data=json.dumps({"refs": refs}), content_type="application/json"
    )
    results = answer.json()["results"]
    assert [r["ref"] for r in results] == refs
    assert [r["status"] for r in results] == ["resolved", "gone", "unresolved", "gone"]
    assert results[1]["tombstone"]["standing"] == "WITHDRAWN"
    assert "bundle" not in results[1]


def test_gone_is_exact_too(api):
    own = f"{api.withdrawn.dataset.slug}@{api.withdrawn.version_id}"
    assert ask(api.client(), f"dcat://{own}#dist=data").status_code == 410
    assert ask(api.client(), f"dcat://{own}#dist=Data").status_code == 404
    assert ask(api.client(), f"dcat://{own}#dist=other").status_code == 404


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"{}", b'{"ref": 5}', b'{"ref": "dcat://x"}', b"\xff", b'{"a":1,"a":2}']
)
def test_bytes_that_only_claim_to_be_a_bundle_are_none(api, raw):
    claimed = keep(raw, media_type=bundles.MEDIA_TYPE, at=timezone.now())
    assert api.client("steward").get(f"/api/v1/evidence/{claimed.digest}").status_code == 404


def test_a_bundle_whose_bytes_are_lost_is_503_and_never_made_up(api, monkeypatch):
    digest = given(api.client(), valid(api.public)[0])["bundle"]["digest"]

    def lost(asked):
        raise ObjectNotFound(asked)

    monkeypatch.setattr(bundles, "read_document", lost)
    assert api.client().get(f"/api/v1/evidence/{digest}").status_code == 503
