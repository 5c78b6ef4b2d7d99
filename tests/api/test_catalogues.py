"""The STAC API and the DCAT catalogue hold the released documents of what may be read, and nothing else."""

from __future__ import annotations

import json

import pyoxigraph
import pystac
import pytest

from tests.api.conftest import url

MEMBER = pyoxigraph.NamedNode("http://www.w3.org/ns/dcat#dataset")


def members(raw, form):
    return {q.object.value for q in pyoxigraph.parse(raw, format=form) if q.predicate == MEMBER}


def triples(raw, form):
    return {str(q.triple) for q in pyoxigraph.parse(raw, format=form)}


def test_the_dcat_catalogue_is_the_same_in_both_forms_and_holds_what_may_be_read(api):
    wells, sites = (f"kfm://dataset/{v.dataset.slug}@{v.version_id}" for v in (api.public, api.restricted))
    for who, expected in ((None, {wells}), ("steward", {wells, sites})):
        client = api.client(who)
        json_ld = b"".join(client.get("/api/v1/dcat/catalog.jsonld").streaming_content)
        turtle = b"".join(client.get("/api/v1/dcat/catalog.ttl").streaming_content)
        assert (
            members(json_ld, pyoxigraph.RdfFormat.JSON_LD) == members(turtle, pyoxigraph.RdfFormat.TURTLE) == expected
        )
        assert triples(json_ld, pyoxigraph.RdfFormat.JSON_LD) == triples(turtle, pyoxigraph.RdfFormat.TURTLE)
        own = b"".join(client.get(url(api.public, "/catalog/dcat.ttl")).streaming_content)
        assert triples(own, pyoxigraph.RdfFormat.TURTLE) < triples(turtle, pyoxigraph.RdfFormat.TURTLE)
    assert client.head("/api/v1/dcat/catalog.ttl")["Content-Type"] == "text/turtle"


def test_stac_documents_are_the_released_ones(api):
    client = api.client()
    item = client.get(f"/api/v1/stac/collections/test_ks_wells/items/{api.public.version_id}")
    released = b"".join(
        client.get(url(api.public, f"/catalog/stac/items/{api.public.version_id}.json")).streaming_content
    )
    assert item.content == released
    assert item["Content-Type"] == "application/geo+json"
    assert pystac.Item.from_dict(item.json()).id == api.public.version_id
    collection = client.get("/api/v1/stac/collections/test_ks_wells")
    assert pystac.Collection.from_dict(collection.json()).id == "test_ks_wells"
    root = client.get("/api/v1/stac/").json()
    assert pystac.Catalog.from_dict(root).id == "kfm"
    assert root["conformsTo"] == client.get("/api/v1/stac/conformance").json()["conformsTo"]
    for link in root["links"]:
        assert link.get("method") == "POST" or client.get(link["href"]).status_code == 200
    assert [f["id"] for f in client.get("/api/v1/stac/collections/test_ks_wells/items").json()["features"]] == [
        api.public.version_id
    ]


def test_stac_lists_hold_what_may_be_read(api):
    for who, expected in ((None, ["test_ks_wells"]), ("steward", ["test_ks_sites", "test_ks_wells"])):
        client = api.client(who)
        assert [c["id"] for c in client.get("/api/v1/stac/collections").json()["collections"]] == expected
        assert [f["collection"] for f in client.get("/api/v1/stac/search").json()["features"]] == expected


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 2),
        ({"collections": "test_ks_wells"}, 1),
        ({"collections": "test_ks_wells,../x,\x00"}, 1),
        ({"collections": ""}, 0),
        ({"ids": "2019.00000000"}, 0),
        ({"bbox": "-100,37,-94,40"}, 2),
        ({"bbox": "-100,37,0,-94,40,9"}, 2),
        ({"bbox": "0,0,10,10"}, 0),
        ({"bbox": "170,37,-94,40"}, 2),
        ({"datetime": "2024-06-01T00:00:00Z"}, 1),
        ({"datetime": "2026-01-01T00:00:00Z/.."}, 1),
        ({"datetime": "../2020-01-01T00:00:00Z"}, 0),
    ],
)
def test_stac_search_filters_by_get_and_by_post(api, query, found):
    client = api.client("steward")
    assert client.get("/api/v1/stac/search", query).json()["numberReturned"] == found
    body = dict(query)
    if "bbox" in body:
        body["bbox"] = [float(n) for n in body["bbox"].split(",")]
    if body.get("collections"):
        body["collections"] = body["collections"].split(",")
    client.logout()
    client.force_login(api.world.users["steward"], backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/api/v1/stac/search", data=json.dumps(body), content_type="application/json")
    assert answer.json()["numberReturned"] == found


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=nan,0,1,1",
        "bbox=0,2,1,1",
        "bbox=x",
        "datetime=2024",
        "datetime=../..",
        "datetime=a/b/c",
        "limit=0",
        "token=../",
        "filter=x",
        "datetime=2024-02-30T00:00:00Z",
    ],
)
def test_a_search_that_is_not_understood_is_400(api, query):
    assert api.client().get(f"/api/v1/stac/search?{query}").json()["error_code"] == "parameter_invalid"


def test_search_pages_follow_their_next_links(api):
    client = api.client("steward")
    href, seen = "/api/v1/stac/search?limit=1&bbox=-100,37,-94,40", []
    while href:
        page = client.get(href).json()
        seen += [f["collection"] for f in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == ["test_ks_sites", "test_ks_wells"]
