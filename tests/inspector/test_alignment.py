"""The triplet side by side: what agrees agrees, and one spoiled field is marked where it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.catalogs.alignment import align
from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.prov import build_prov
from datasets.catalogs.sayings import Documents, read_partly
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from tests.catalogs.facts_world import DATA, PROCESS, VERSION, facts
from tests.inspector.triplets import good, spoiled, without

DATASET = f"@{VERSION}"


def rows(documents):
    return {(row.group, row.name): row for row in align(read_partly(documents))}


def states(row):
    return tuple(cell.state for cell in row.cells)


def test_a_good_triplet_agrees_in_every_field():
    found = rows(good().documents())
    assert {row.verdict for row in found.values()} == {"agree", "alone"}
    assert {"What it is", "Rights", "Policy", "Where and when"} <= {group for group, _ in found}
    assert states(found["Rights", "Licence"]) == ("says", "says", "says")
    assert states(found["Artifact: airports", "Digest"]) == ("says", "says", "says")


@pytest.mark.parametrize(
    "changes",
    [
        {"bbox": None},
        {"temporal_start": "2024-02", "temporal_end": "2024-02"},
        {"temporal_start": "2023-12-31", "temporal_end": "2024-01-01T10:00:00Z"},
        {"obligations": ()},
        {
            "obligations": (
                {"type": "show_notice", "message": "Mind “quotes”, ü."},
                {"type": "suppress_small_counts", "k": 5},
            )
        },
        {"license": "LicenseRef-Own", "title": "Ünïcode “title”"},
        {"policy_label": "restricted_sensitive_location"},
        {"keywords": ()},
    ],
)
def test_other_good_triplets_agree_too(changes):
    given = facts(**changes)
    documents = Documents(build_dcat(given), build_stac_collection(given), (build_stac_item(given),), build_prov(given))
    assert {row.verdict for row in align(read_partly(documents))} <= {"agree", "alone"}


def put(document, ending, name, value):
    def change(triplet):
        triplet.node(document, ending)[name] = value

    return change


def field(document, *path, value):
    def change(triplet):
        holder = getattr(triplet, document)
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = value

    return change


TEXT = {"@value": "Another", "@type": "xsd:string"}
DIFFERENT = [
    (put("dcat", DATASET, "dct:title", {"@value": "Another", "@language": "en"}), "Title", ("odd", "says", "says")),
    (put("prov", DATASET, "dct:title", {"@value": "Another", "@language": "en"}), "Title", ("says", "says", "odd")),
    (field("item", "properties", "title", value="Another"), "Title", ("says", "odd", "says")),
    (field("collection", "description", value="Another"), "Description", ("says", "odd", "silent")),
    (put("dcat", DATASET, "kfm:dataset_id", TEXT), "Dataset id", ("odd", "says", "says")),
    (field("collection", "id", value="faa_airports_kS"), "Dataset id", ("says", "odd", "says")),
    (field("item", "id", value="2024.0a1b2c3e"), "Version id", ("says", "odd", "says")),
    (put("dcat", DATASET, "dcat:version", TEXT), "Version id", ("odd", "says", "says")),
    (put("prov", DATASET, "kfm:spec_hash", TEXT), "Spec hash", ("says", "says", "odd")),
    (put("prov", DATASET, "kfm:license", TEXT), "Licence", ("says", "says", "odd")),
    (put("dcat", "#dist=airports", "kfm:license", TEXT), "Licence", ("odd", "says", "says")),
    (field("collection", "kfm:policy_label", value="internal"), "Policy label", ("says", "odd", "says")),
    (field("item", "properties", "kfm:attribution", value="Another"), "Attribution", ("says", "odd", "silent")),
    (put("dcat", "#publisher", "foaf:name", TEXT), "Publisher", ("odd", "odd", "silent")),
    (field("item", "bbox", value=[-102.05, 37.0, -94.6, 40.1]), "Extent", ("says", "odd", "silent")),
    (field("item", "properties", "end_datetime", value="2025-12-31T23:59:59Z"), "Period", ("says", "odd", "silent")),
    (field("item", "properties", "kfm:obligations", value=[]), "Obligations", ("says", "odd", "silent")),
    (field("item", "properties", "created", value="2026-02-01T10:00:01Z"), "Issued", ("odd", "odd", "silent")),
]


@pytest.mark.parametrize(("change", "name", "expected"), DIFFERENT)
def test_one_different_field_is_marked_where_it_stands(change, name, expected):
    found = {row.name: row for row in rows(spoiled(change).documents()).values()}
    assert found[name].verdict == "differ"
    assert states(found[name]) == expected
    others = [row.name for row in rows(spoiled(change).documents()).values() if row.verdict == "differ"]
    assert others == [name]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (field("item", "assets", "airports", "file:checksum", value="1220" + "0" * 64), "Digest"),
        (field("item", "assets", "airports", "file:size", value=4097), "Size in bytes"),
        (field("item", "assets", "airports", "type", value="text/csv"), "Media type"),
        (field("item", "assets", "airports", "kfm:run_id", value=PROCESS + "x"), "Made by run"),
        (put("dcat", ".checksum", "spdx:checksumValue", {"@value": "00" * 32, "@type": "xsd:hexBinary"}), "Digest"),
        (put("prov", DATA, "kfm:size_bytes", {"@value": "1", "@type": "xsd:nonNegativeInteger"}), "Size in bytes"),
    ],
)
def test_one_different_fact_of_an_artifact_is_marked(change, name):
    found = rows(spoiled(change).documents())
    assert found["Artifact: airports", name].verdict == "differ"
    assert sum(cell.state == "odd" for cell in found["Artifact: airports", name].cells) == 1


@pytest.mark.parametrize(
    ("change", "name", "column"),
    [
        (lambda t: t.node("dcat", DATASET).pop("dct:title"), "Title", 0),
        (lambda t: t.node("prov", DATASET).pop("kfm:license"), "Licence", 2),
        (lambda t: t.item["properties"].pop("kfm:license"), "Licence", 1),
        (lambda t: t.collection.pop("kfm:policy_label"), "Policy label", 1),
        (lambda t: t.item["assets"].pop("airports"), "Digest", 1),
        (lambda t: t.node("dcat", "#rights").pop("rdfs:label"), "Attribution", 0),
    ],
)
def test_what_a_document_owes_and_does_not_say_is_missing_there(change, name, column):
    found = [row for row in rows(spoiled(change).documents()).values() if row.name == name]
    marked = [row for row in found if row.verdict == "missing"]
    assert marked
    assert marked[0].cells[column].state == "missing"


def test_the_item_that_lacks_what_the_collection_says_is_named():
    found = rows(spoiled(lambda t: t.item["properties"].pop("kfm:license")).documents())
    assert found["Rights", "Licence"].cells[1].absent == (f"stac/items/{VERSION}",)


def test_a_run_that_only_dcat_knows_is_missing_elsewhere():
    stale = PROCESS.replace("09:00", "09:01")
    found = rows(spoiled(put("dcat", DATASET, "prov:wasGeneratedBy", [{"@id": stale}])).documents())
    row = next(
        row for (_, name), row in found.items() if name == "Run id" and row.cells[0].said and row.verdict != "agree"
    )
    assert (row.verdict, states(row)) == ("missing", ("says", "missing", "missing"))


@pytest.mark.parametrize(
    ("absent", "column"), [({"dcat": None}, 0), ({"stac_collection": None, "stac_items": ()}, 1), ({"prov": None}, 2)]
)
def test_a_document_that_is_not_there_silences_no_other(absent, column):
    read = read_partly(without(good().documents(), **absent))
    assert read.problems
    found = align(read)
    assert {cell.state for row in found for cell in [row.cells[column]]} <= {"unread", "silent"}
    others = [cell for row in found for n, cell in enumerate(row.cells) if n != column]
    assert {cell.state for cell in others} <= {"says", "silent"}
    assert next(row for row in found if row.name == "Licence").verdict == "unread"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b"\xff\xfe", b"@prefix", b'{"@context":"https://x.example/c"}']
)
@pytest.mark.parametrize("name", ["dcat", "stac_collection", "prov"])
def test_a_malformed_document_is_told_and_never_a_traceback(raw, name):
    read = read_partly(without(good().documents(), **{name: raw}))
    found = align(read)
    assert any(row.verdict != "agree" for row in found)
    well_formed = raw in (b"", b"@prefix", b"[]") if name != "stac_collection" else raw.startswith(b'{"@')
    assert read.problems or well_formed  # what says nothing may be well formed


PLACES = [("dcat", None), ("prov", None), ("collection", None), ("item", None)]


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_value_replaced_by_any_json_gives_rows_and_no_traceback(data):
    triplet = good()
    holder = getattr(triplet, data.draw(st.sampled_from(["dcat", "prov", "collection", "item"])))
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], (dict, list)):
            break
        holder = holder[key]
    keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
    if keys:
        value = st.sampled_from([None, 0, -1.5, "", "x", [], {}, [None], {"@id": ""}, {"@value": 1}, True])
        holder[data.draw(st.sampled_from(keys))] = data.draw(value)
    assert align(read_partly(triplet.documents()))


def test_the_same_documents_in_another_order_give_the_same_rows():
    triplet = good()
    triplet.dcat["@graph"].reverse()
    triplet.prov["@graph"].reverse()
    assert align(read_partly(triplet.documents())) == align(read_partly(good().documents()))
    assert json.dumps(triplet.dcat) != json.dumps(good().dcat)
