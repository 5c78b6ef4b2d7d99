"""Design §8: only what is published is served, hidden and absent are one answer, bytes are those of their digest."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from datasets.models import DatasetVersion, PolicyDecision
from datasets.stores import console_store
from datasets.zones.store import DamagedObject, StoreUnavailable
from promotions.api import answers, base, files
from promotions.api.reading import released
from promotions.states import State
from tests.api.conftest import NOTICE, url

READERS_OF_RESTRICTED = {"steward", "auditor"}
EVERYBODY = [None, "nobody", "operator", "steward", "auditor", "superuser"]
ABSENT = "/api/v1/datasets/test_ks_wells/versions/2019.00000000"
RESTS = ["", "/manifest", "/artifacts/data", "/catalog/dcat.jsonld"]


def stripped(answer):
    """The whole answer but for the reference's value."""
    body = json.loads(answer.content)
    assert body.pop("audit_ref").startswith("kfm://policy_decision/")
    return answer.status_code, sorted(answer.items()), list(body.items()), len(answer.content)


def body_of(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize("who", EVERYBODY)
def test_s6_every_role_gets_what_is_published_under_its_labels_and_nothing_else(api, who):
    client = api.client(who)
    assert client.get(url(api.public)).status_code == 200
    readable = who in READERS_OF_RESTRICTED
    assert client.get(url(api.restricted)).status_code == (200 if readable else 404)
    data = client.get(url(api.restricted, "/artifacts/data")).status_code
    assert data == (200 if who == "steward" else 404)
    listed = [d["dataset_id"] for d in client.get("/api/v1/datasets/").json()["datasets"]]
    assert listed == (["test_ks_sites", "test_ks_wells"] if readable else ["test_ks_wells"])
    for version in api.hidden.values():
        assert client.get(url(version)).status_code == 404
    for version in (api.withdrawn, api.superseded):
        assert client.get(url(version)).status_code == 410


@pytest.mark.parametrize("rest", RESTS)
def test_s8_hidden_and_absent_are_the_same_answer(api, rest):
    client = api.client()
    absent = stripped(client.get(ABSENT + rest))
    assert absent[0] == 404
    for version in (*api.hidden.values(), api.restricted):
        assert stripped(client.get(url(version, rest))) == absent
    for slug in ("test_ks_sites", "no_such_dataset"):
        for path in (
            f"datasets/{slug}/",
            f"datasets/{slug}/versions/",
            f"stac/collections/{slug}",
            f"stac/collections/{slug}/items",
        ):
            assert stripped(client.get(f"/api/v1/{path}")) == absent
    assert stripped(client.get("/api/v1/no/such/address")) == absent


@pytest.mark.parametrize("who", [None, "operator"])
def test_s8_hidden_and_absent_take_the_same_steps(api, who):
    client = api.client(who)
    steps = []
    for path in (ABSENT, url(api.hidden[State.CATALOG]), url(api.restricted)):
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        steps.append([query["sql"].split(" WHERE ")[0].split(" VALUES ")[0] for query in queries])
    assert steps[0] == steps[1] == steps[2]


def test_s8_a_denial_is_stored_and_names_no_version(api):
    for path in (ABSENT, url(api.restricted)):
        row = PolicyDecision.objects.get(pk=api.client().get(path).json()["audit_ref"])
        assert (row.decision, row.version, row.principal) == ("deny", None, "public")


def test_s6_the_decision_behind_an_answer_is_stored(api):
    row = PolicyDecision.objects.get(pk=api.client("steward").get(url(api.restricted)).json()["audit_ref"])
    assert (row.decision, row.version, row.action, row.principal) == ("allow", api.restricted, "read", "steward")


def test_s8_a_version_carries_ids_digests_label_and_obligations(api):
    found = api.client("steward").get(url(api.restricted)).json()
    assert (found["dataset_id"], found["dataset_version_id"]) == ("test_ks_sites", api.restricted.version_id)
    assert (found["policy_label"], found["spec_hash"]) == ("restricted", api.restricted.spec.spec_hash)
    assert found["notices"] == [NOTICE]
    assert found["attribution"] == "Wells by the Test Survey"
    assert {f["key"] for f in found["artifacts"]} == {"data", "preview", "qa-report", "terms"}


def test_g1_every_file_of_the_release_is_served_with_the_bytes_of_its_digest(api):
    client = api.client("steward")
    found = client.get(url(api.restricted)).json()
    for file in [*found["artifacts"], *found["catalogs"]]:
        answer = client.get(file["href"])
        raw = body_of(answer)
        assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == file["digest"]
        assert answer["Content-Length"] == str(len(raw)) == str(file["size_bytes"])
        assert answer["Content-Type"] == file["media_type"]
        assert answer["ETag"] == f'"{file["digest"]}"'
        assert answer["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(raw).digest()).decode()}:"
        assert answer["KFM-Dataset-Version"] == f"test_ks_sites@{api.restricted.version_id}"
    by_path = client.get(url(api.restricted, f"/artifacts/{found['artifacts'][0]['path']}"))
    assert by_path.status_code == 200
    assert "%E2%80%94" in by_path["KFM-Notice"]
    assert by_path["Content-Disposition"].startswith("attachment")


def test_g1_the_manifest_is_served_byte_for_byte(api):
    answer = api.client().get(url(api.public, "/manifest"))
    release = api.public.releases.get()
    assert answer.content == release.manifest.encode()
    assert answer["ETag"] == f'"{release.manifest_digest}"'


def test_every_link_in_the_catalogs_works(api):
    client = api.client()
    item = client.get(url(api.public, f"/catalog/stac/items/{api.public.version_id}.json"))
    document = json.loads(body_of(item))
    own = [link["href"] for link in document["links"] if link["href"].startswith("http://testserver")]
    own += [asset["href"] for asset in document["assets"].values()]
    assert len(own) >= 10
    for href in own:
        answer = client.get(href)
        assert answer.status_code == 200, href
        body_of(answer)


def test_conditional_and_head_requests(api):
    client = api.client()
    for rest in ("/artifacts/data", "/manifest", "/catalog/dcat.ttl"):
        tag = client.get(url(api.public, rest))["ETag"]
        for given in (tag, f'W/{tag}, "x"', "*"):
            again = client.get(url(api.public, rest), headers={"If-None-Match": given})
            assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert client.get(url(api.public, rest), headers={"If-None-Match": '"sha256:0"'}).status_code == 200
        head = client.head(url(api.public, rest))
        assert (head.status_code, head.content, head["ETag"]) == (200, b"", tag)
    assert api.client().get(url(api.restricted, "/artifacts/data"), headers={"If-None-Match": "*"}).status_code == 404


@pytest.mark.parametrize(
    "key", ["Data", "data/", "dat", "../data", "data%2f", "data%00", "rejects", "normalized", "", "%2e%2e/manifest"]
)
def test_an_artifact_is_named_exactly_or_is_absent(api, key):
    assert api.client("steward").get(url(api.public, f"/artifacts/{key}")).status_code == 404


def test_410_is_a_tombstone_with_reason_and_readable_successor(api):
    gone = api.client().get(url(api.withdrawn)).json()
    assert gone["error_code"] == "gone"
    stone = gone["tombstone"]
    assert (stone["standing"], stone["reason"], stone["successor"]) == ("WITHDRAWN", "A mistake in the source.", None)
    assert (stone["dataset_version_id"], stone["policy_label"]) == (api.withdrawn.version_id, "public")
    assert "INC-1" not in str(gone)
    stone = api.client().get(url(api.superseded, "/artifacts/data")).json()["tombstone"]
    assert stone["successor"] == {"dataset_id": "test_ks_wells", "dataset_version_id": api.public.version_id}
    answer = api.client().get(f"/api/v1/stac/collections/test_ks_wells/items/{api.withdrawn.version_id}")
    assert answer.status_code == 410
    listed = api.client().get("/api/v1/datasets/test_ks_wells/versions/").json()
    assert [v["dataset_version_id"] for v in listed["versions"]] == [api.public.version_id]
    assert {t["dataset_version_id"] for t in listed["tombstones"]} == {
        api.withdrawn.version_id,
        api.superseded.version_id,
    }


def test_a_tombstone_is_hidden_and_a_successor_unnamed_when_their_label_is_closed(api):
    DatasetVersion.objects.filter(pk=api.public.pk).update(policy_label="internal")
    assert api.client().get(url(api.superseded)).json()["tombstone"]["successor"] is None
    DatasetVersion.objects.filter(pk=api.withdrawn.pk).update(policy_label="restricted")
    assert stripped(api.client().get(url(api.withdrawn))) == stripped(api.client().get(ABSENT))


def test_c2_data_without_a_transform_that_its_label_requires_now_stays_in(api):
    DatasetVersion.objects.filter(pk=api.public.pk).update(policy_label="public_generalized")
    client = api.client()
    assert client.get(url(api.public)).status_code == 200
    assert client.get(url(api.public, "/artifacts/data")).status_code == 404
    assert client.get(url(api.public, "/artifacts/preview")).status_code == 404
    assert client.get(url(api.public, "/artifacts/terms")).status_code == 200


def test_lists_are_pages_in_a_stable_order_without_counts(api):
    client = api.client("steward")
    first = client.get("/api/v1/datasets/?limit=1").json()
    assert [d["dataset_id"] for d in first["datasets"]] == ["test_ks_sites"]
    second = client.get(first["next"]).json()
    assert ([d["dataset_id"] for d in second["datasets"]], second["next"]) == (["test_ks_wells"], None)
    assert set(first) == {"datasets", "next"}
    for bad in ("limit=0", "limit=x", "limit=-1", "limit=%D9%A1", "after=A", "after=%00"):
        assert client.get(f"/api/v1/datasets/?{bad}").json()["error_code"] == "parameter_invalid"


def test_query_counts_do_not_grow_with_what_is_listed(api):
    counts = {}
    api.client().get("/api/v1/datasets/")  # the first decision keeps its policies too
    for who in ("operator", "steward"):
        client = api.client(who)
        for path in (
            "/api/v1/datasets/",
            "/api/v1/stac/collections",
            "/api/v1/stac/search",
            "/api/v1/dcat/catalog.ttl",
        ):
            with CaptureQueriesContext(connection) as queries:
                body_of(client.get(path))
            counts.setdefault(path, set()).add(len(queries))
    assert all(len(found) == 1 and found.pop() <= 10 for found in counts.values()), counts


def test_damaged_bytes_are_refused_and_never_sent(api):
    digest = api.client().get(url(api.public, "/artifacts/data"))["ETag"].strip('"').removeprefix("sha256:")
    path = files.settings.VAR_DIR / "store" / "sha256" / digest[:2] / digest
    whole = path.read_bytes()
    path.chmod(0o644)
    try:
        path.write_bytes(whole[:-1] + b"?")
        answer = api.client().get(url(api.public, "/artifacts/data"))
        assert (answer.status_code, answer.json()["error_code"]) == (503, "stored_bytes_damaged")
        path.rename(path.with_suffix(".away"))
        assert api.client().get(url(api.public, "/artifacts/data")).status_code == 503
    finally:
        path.with_suffix(".away").unlink(missing_ok=True)
        path.write_bytes(whole)


def test_a_large_download_is_cut_before_its_last_chunk_when_damaged(api, monkeypatch):
    monkeypatch.setattr(files, "VERIFIED_WHOLE_BYTES", 0)
    assert body_of(api.client().get(url(api.public, "/artifacts/data")))[:4] == b"PAR1"
    digest, read = api.public.files.get(part="data").artifact_id, type(console_store())._read

    def spoiled(store, wanted):
        return iter([b"good", b"bad"]) if str(wanted) == digest else read(store, wanted)

    monkeypatch.setattr(type(console_store()), "_read", spoiled)
    answer = api.client().get(url(api.public, "/artifacts/data"))
    got = []
    with pytest.raises(DamagedObject):
        got.extend(answer.streaming_content)
    assert got == [b"good"]


def test_a_store_or_database_that_is_away_is_503(api, monkeypatch):
    def away(*_):
        raise StoreUnavailable("s3://secret")

    monkeypatch.setattr(files, "read_document", away)
    answer = api.client().get(url(api.public))
    assert (answer.status_code, answer.json()["error_code"]) == (503, "store_unavailable")
    assert "secret" not in answer.content.decode()
    assert answers.answer_exception(OperationalError("x"), {}).status_code == 503
    assert answers.answer_exception(ZeroDivisionError(), {}) is None


def test_a_manifest_that_was_changed_is_not_served(api):
    version = (
        DatasetVersion.objects.select_related("standing", "dataset").prefetch_related("releases").get(pk=api.public.pk)
    )
    release = version.releases.all()[0]
    release.manifest = release.manifest.replace("steward", "stewart")
    with pytest.raises(answers.NotServable, match="not the one"):
        released(version)


def test_methods_and_throttle_answer_with_the_envelope(api, monkeypatch):
    client = api.client()
    for method in (client.post, client.put, client.delete, client.options):
        answer = method(url(api.public))
        assert (answer.status_code, answer.json()["error_code"]) == (405, "method_not_allowed")
    cache.clear()
    monkeypatch.setattr(base.ClientThrottle, "rate", "9/minute")
    got = [client.get("/api/v1/") for _ in range(20)]
    limited = [a for a in got if a.status_code == 429]
    assert limited
    assert set(limited[0].json()) == {"error_code", "message", "audit_ref"}
    assert int(limited[0]["Retry-After"]) > 0


def test_slashes_are_put_right_by_address_alone(api):
    for path in (url(api.public, "/"), url(api.restricted, "/"), f"{ABSENT}/"):
        answer = api.client().get(path)
        assert (answer.status_code, answer["Location"]) == (301, path.rstrip("/"))
    assert api.client().get("/api/v1/datasets").status_code == 301
