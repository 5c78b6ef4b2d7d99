"""The provenance graph: all that PROV tells is drawn, the same each time, left to right, and legible when large."""

from __future__ import annotations

import json
import random

import pytest

from datasets.catalogs.layered_layout import HEIGHT, WIDTH, lay_out
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.provenance_graph import (
    Graph,
    Node,
    add_outside_run,
    add_receipt,
    add_release,
    from_prov,
    grouped,
)
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.triplet import Statements
from tests.catalogs.facts_world import (
    CATALOG,
    DATA,
    INGEST,
    PROCESS,
    QA,
    RAW,
    RECEIPTS,
    VERSION,
    digest,
    facts,
    receipt,
)
from tests.inspector.triplets import good

WHOLE = f"kfm://dataset/faa_airports_ks@{VERSION}"


def read(raw: bytes) -> Graph:
    reading = read_rdf(raw)
    assert reading.triples is not None
    return from_prov(Statements(reading.triples))


def layout_of(graph):
    edges = graph.drawn_edges()
    lane = {node.iri for node in graph.of_kind("agent")}
    return lay_out(list(graph.nodes), [(edge.start, edge.end) for edge in edges], lane)


def test_every_activity_entity_and_agent_of_prov_is_a_node():
    graph = read(build_prov(facts()))
    assert [node.iri for node in graph.of_kind("activity")] == [INGEST, PROCESS, CATALOG]
    assert {node.digest for node in graph.of_kind("entity")} == {RAW, DATA, QA, ""}
    assert {node.label for node in graph.of_kind("agent")} == {
        "KFM pipeline",
        "svc-pipeline",
        "carol",
        "reviewer",
        "steward",
    }
    told = {(edge.start, edge.end, edge.relation) for edge in graph.edges}
    assert (INGEST, f"kfm://artifact/{RAW}", "wasGeneratedBy") in told
    assert (f"kfm://artifact/{RAW}", PROCESS, "used") in told
    assert (f"kfm://artifact/{DATA}", WHOLE, "hadMember") in told


def test_turtle_and_json_ld_in_any_order_are_drawn_alike():
    first = read(build_prov(facts()))
    triplet = good()
    random.Random(3).shuffle(triplet.prov["@graph"])
    for raw in (build_prov_turtle(facts()), json.dumps(triplet.prov).encode()):
        again = read(raw)
        assert list(again.nodes.values()) == list(first.nodes.values())
        assert again.edges == first.edges
        assert layout_of(again).places == layout_of(first).places


def test_it_reads_from_left_to_right():
    graph = read(build_prov(facts()))
    add_release(
        graph, {"artifacts": [], "approvals": [{"role": "steward"}]}, "sha256:" + "0" * 64, "2026-02-02T00:00:00Z"
    )
    places = layout_of(graph).places
    order = [INGEST, f"kfm://artifact/{RAW}", PROCESS, f"kfm://artifact/{DATA}", WHOLE]
    order.append(f"kfm://manifest/sha256:{'0' * 64}")
    assert [places[iri].x for iri in order] == sorted({places[iri].x for iri in order})
    assert {edge.relation for edge in graph.edges if edge.end == order[-1]} == {"released", "approved"}


def many(count: int) -> Graph:
    graph = Graph()
    outputs = {f"tile-{n:03}.tif": digest(str(n).encode()) for n in range(count)}
    add_receipt(graph, json.loads(receipt(INGEST, "ingest", {}, {"raw/a.csv": RAW})), "", "receipt")
    add_receipt(graph, json.loads(receipt(PROCESS, "validate", {"raw/a.csv": RAW}, outputs)), "", "receipt")
    return graph


def test_two_hundred_entities_stay_legible():
    whole = many(200)
    drawn = grouped(whole)
    assert len(whole.of_kind("entity")) == 201
    groups = [node for node in drawn.nodes.values() if node.members]
    assert [len(node.members) for node in groups] == [200]
    assert groups[0].label == "200 files"
    layout = layout_of(drawn)
    assert layout.height < 600
    assert len(whole.after(PROCESS, "wasGeneratedBy")) == 200  # the words keep each


def test_few_entities_are_not_grouped():
    assert not [node for node in grouped(many(4)).nodes.values() if node.members]


@pytest.mark.parametrize("seed", range(12))
def test_no_box_lies_on_another_whatever_the_graph(seed):
    chance = random.Random(seed)
    keys = [f"n{n}" for n in range(chance.randrange(1, 40))]
    edges = [(chance.choice(keys), chance.choice(keys)) for _ in range(chance.randrange(0, 80))]  # cycles and loops too
    lane = {key for key in keys if chance.random() < 0.2}
    layout = lay_out(keys, edges, lane)
    assert set(layout.places) == set(keys)
    boxes = list(layout.places.values())
    for n, a in enumerate(boxes):
        assert 0 <= a.x <= layout.width - WIDTH
        assert 0 <= a.y <= layout.height - HEIGHT
        for b in boxes[n + 1 :]:
            assert abs(a.x - b.x) >= WIDTH or abs(a.y - b.y) >= HEIGHT
    assert lay_out(keys, edges, lane) == layout
    for start, end in edges:
        assert layout.curve(start, end).startswith("M")


def test_nothing_is_laid_out_of_nothing():
    assert lay_out([], []).places == {}


def test_a_run_of_an_outside_pipeline_stands_before_our_ingest():
    graph = Graph()
    add_receipt(graph, json.loads(RECEIPTS[INGEST]), "", "receipt")
    theirs = "kfm://run/2026-01-31T08:00:00Z.theirs"
    parts = {"a.csv": digest(b"a"), "b.csv": digest(b"b")}
    sent = json.loads(receipt(theirs, "ingest", {"s3": digest(b"upstream")}, parts))
    add_outside_run(graph, sent, "sha256:" + "1" * 64, source=RAW, sent_by="svc-theirs")
    assert [node.iri for node in graph.steps()] == [theirs, INGEST]
    assert graph.nodes[theirs].told_by == "pipeline"
    assert {node.label for node in graph.before(INGEST, "used")} == {"a.csv", "b.csv"}
    assert [node.label for node in graph.before(theirs, "wasAssociatedWith")] == ["svc-theirs"]
    places = layout_of(graph).places
    assert places[theirs].x < places[INGEST].x < places[f"kfm://artifact/{RAW}"].x


@pytest.mark.parametrize("body", [{}, {"inputs": 1, "outputs": None}, {"run_id": 5, "inputs": [1, {}]}, {"actor": []}])
def test_a_receipt_of_any_shape_gives_a_graph(body):
    graph = Graph()
    add_receipt(graph, body, "", "pipeline")
    assert layout_of(grouped(graph)).places


def test_an_edge_to_what_is_not_described_is_left_out():
    graph = Graph()
    graph.add(Node("a", "entity", "a"))
    graph.join("a", "nowhere", "used")
    graph.join("a", "a", "used")
    assert graph.edges == []
