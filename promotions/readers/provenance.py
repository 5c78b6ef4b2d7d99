"""The Provenance tab: what the PROV bundle tells, drawn from source to release, and word for word as a table.

Drawn from documents, not from rows: PROV as it lies in the store (before the catalogs are built, the run receipts), the
receipt that an outside pipeline sent, and the promotion manifest. Decides only where a node leads to; judges nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from datasets.catalogs import provenance_graph
from datasets.catalogs.layered_layout import HEIGHT, WIDTH, Layout, lay_out
from datasets.catalogs.provenance_graph import Edge, Graph, Node
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.triplet import Statements
from datasets.models import SubmittedRun
from promotions.readers.documents import OPEN_PARTS
from promotions.readers.version_page import Opened
from promotions.releases import latest_release
from promotions.shelf import Shelf

WORDS = {"activity": "Activity", "entity": "Entity", "agent": "Agent", "release": "Release"}
TOLD_BY = {
    "prov": "PROV",
    "receipt": "its run receipt",
    "pipeline": "the pipeline's own receipt",
    "manifest": "the promotion manifest",
}
DID = {
    "wasAssociatedWith": "ran",
    "wasAttributedTo": "proposed",
    "approved": "approved",
    "actedOnBehalfOf": "stood behind",
}
NAMELESS = "a file"
_LABEL, _NOTE = 18, 24
_ROUND, _TIP = 22, 16


def provenance(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``versions/provenance.html``. ``problem``: why PROV could not be read."""
    graph, problem = _told(shelf)
    _sent_in(opened, shelf, graph)
    release = latest_release(opened.version)
    if release is not None and graph.nodes:
        released_at = f"{release.released_at:%Y-%m-%dT%H:%M:%SZ}"
        provenance_graph.add_release(graph, json.loads(release.manifest), release.manifest_digest, released_at)
    targets = _Targets(opened, shelf)
    drawn = provenance_graph.grouped(graph)
    return {
        "problem": problem,
        "from_prov": shelf.part("prov") is not None and not problem,
        "picture": _picture(drawn, targets) if drawn.nodes else None,
        "steps": [_step(graph, node, targets) for node in graph.steps()],
        "wholes": [
            _whole(graph, node, targets) for node in graph.of_kind("entity") if graph.before(node.iri, "hadMember")
        ],
        "agents": [_agent(graph, node) for node in graph.of_kind("agent")],
        "loose": [_named(node, targets) for node in graph.of_kind("entity") if not graph.before(node.iri, *_MADE)],
        "outside": any(node.told_by == "pipeline" for node in graph.nodes.values()),
    }


_MADE = ("wasGeneratedBy", "hadMember")


def _told(shelf: Shelf) -> tuple[Graph, str]:
    """The graph that PROV tells; where none is filed, the one that the run receipts tell."""
    if shelf.part("prov") is None:
        graph = Graph()
        for receipt in sorted(shelf.receipts.values(), key=lambda row: row.ledger_index):
            document = shelf.json(receipt.document_id)
            if document is not None:
                provenance_graph.add_receipt(graph, document, receipt.document_id, "receipt")
        return graph, ""
    raw = shelf.document(shelf.digest_of("prov"))
    if raw is None:
        return Graph(), "The PROV bundle is not in the store, or its bytes are not the recorded ones."
    reading = read_rdf(raw)
    if reading.triples is None:
        return Graph(), f"The PROV bundle can't be read: {reading.findings[0].message}"
    return provenance_graph.from_prov(Statements(reading.triples)), ""


def _sent_in(opened: Opened, shelf: Shelf, graph: Graph) -> None:
    """The run of an outside pipeline, where one sent the source; for those who work here: its receipt names paths."""
    if not opened.works:
        return
    acquisition = opened.version.acquisition
    run = SubmittedRun.objects.filter(acquisition=acquisition, receipt__isnull=False).order_by("pk").first()
    receipt = shelf.json(run.receipt_id) if run is not None else None
    if receipt is not None and run is not None and run.receipt_id is not None:
        source = acquisition.source_id
        provenance_graph.add_outside_run(graph, receipt, run.receipt_id, source=source, sent_by=run.principal)


class _Targets:
    """Where a node leads to: the document itself in the drawer, the receipt that speaks of it, or its place below."""

    def __init__(self, opened: Opened, shelf: Shelf) -> None:
        self.version, self.works = opened.version, opened.works
        self.receipts = {row.run_id: row.document_id for row in shelf.receipts.values()}
        self.documents = {file.artifact_id for file in shelf.files if file.part in OPEN_PARTS}
        self.made_by = {file.artifact_id: file.receipt.document_id for file in shelf.files}
        self.dcat = shelf.digest_of("dcat")

    def href(self, node: Node) -> str:
        """The address of the evidence drawer; ``""`` where no document speaks of the node."""
        if node.members or node.kind == "agent" or node.told_by == "pipeline":
            return ""
        if node.kind == "release":
            return self._document(node.digest) if self.works else ""
        if node.kind == "activity":
            digest = self.receipts.get(node.iri, "")
            return self._document(digest) if digest else ""
        if node.iri == f"kfm://dataset/{self.version.dataset.slug}@{self.version.version_id}":
            return self._document(self.dcat, node.iri) if self.dcat else ""
        if node.digest in self.documents:
            return self._document(node.digest)
        maker = self.made_by.get(node.digest)
        return self._document(maker, node.digest) if maker else ""

    def _document(self, digest: str, where: str = "") -> str:
        names = [self.version.dataset.slug, self.version.version_id, digest]
        address = reverse("promotions:evidence_document", args=names)
        return f"{address}?{urlencode({'where': where})}" if where else address


# --- the drawing ---


def _picture(graph: Graph, targets: _Targets) -> dict[str, Any]:
    edges = graph.drawn_edges()
    joined = {edge.start for edge in edges} | {edge.end for edge in edges}
    nodes = [node for node in graph.nodes.values() if node.kind != "agent" or node.iri in joined]
    lane = {node.iri for node in nodes if node.kind == "agent"}
    layout = lay_out([node.iri for node in nodes], [(edge.start, edge.end) for edge in edges], lane)
    return {
        "width": layout.width,
        "height": layout.height,
        "curves": [_curve(edge, layout) for edge in edges],
        "boxes": [_box(graph, node, layout, targets) for node in sorted(nodes, key=lambda one: _reading(one, layout))],
    }


def _curve(edge: Edge, layout: Layout) -> dict[str, Any]:
    agent = edge.relation in ("wasAssociatedWith", "wasAttributedTo", "approved", "actedOnBehalfOf")
    return {
        "d": layout.curve(edge.start, edge.end),
        "kind": "agent" if agent else "used" if edge.relation == "used" else "made",
    }


def _box(graph: Graph, node: Node, layout: Layout, targets: _Targets) -> dict[str, Any]:
    place = layout.places[node.iri]
    word = "Entities" if node.members else WORDS[node.kind]
    note = "" if node.members else node.note
    href = targets.href(node)
    told = "" if node.told_by == "prov" else f" Told by {TOLD_BY[node.told_by]}."
    return {
        "kind": node.kind,
        "outside": node.told_by == "pipeline",
        "many": bool(node.members),
        "x": place.x,
        "y": place.y,
        "path": _outline(node, place.x, place.y),
        "text_x": place.x + (26 if node.kind == "agent" else 14),
        "label": _cut(node.label or NAMELESS, _LABEL - (2 if node.kind == "agent" else 0)),
        "note": _cut(f"{word} · {_short(note)}" if note else word, _NOTE),
        "title": f"{word}: {node.label}{f', {note}' if note else ''}. {node.iri}.{told}",
        "href": href or f"#{_place_below(graph, node)}",
        "drawer": bool(href),
    }


def _reading(node: Node, layout: Layout) -> tuple[bool, int, int]:
    """The order in which the keyboard goes from node to node: left to right, agents last."""
    place = layout.places[node.iri]
    return (node.kind == "agent", place.x, place.y)


def _outline(node: Node, x: int, y: int) -> str:
    """PROV's own shapes: activities square, entities round; agents have a head, and a release is a tag."""
    right, bottom = x + WIDTH, y + HEIGHT
    if node.kind == "entity":
        r = _ROUND
        return (
            f"M{x + r} {y}H{right - r}A{r} {HEIGHT // 2} 0 0 1 {right - r} {bottom}"
            f"H{x + r}A{r} {HEIGHT // 2} 0 0 1 {x + r} {y}Z"
        )
    if node.kind == "agent":
        return f"M{x} {y + HEIGHT // 2}L{x + _TIP} {y}H{right}V{bottom}H{x + _TIP}Z"
    if node.kind == "release":
        return f"M{x} {y}H{right - _TIP}L{right} {y + HEIGHT // 2}L{right - _TIP} {bottom}H{x}Z"
    return f"M{x} {y}H{right}V{bottom}H{x}Z"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _short(note: str) -> str:
    """A time without its day: the day stands in the table."""
    return note[11:19] if len(note) == len("2026-02-01T08:00:00Z") and note[10] == "T" else note


def _anchor(iri: str) -> str:
    """Where the tables tell of a step or an agent."""
    return f"node-{hashlib.sha256(iri.encode()).hexdigest()[:12]}"


def _place_below(graph: Graph, node: Node) -> str:
    """The row that tells of *node*: its own, or that of the run which made it or used it."""
    if node.kind != "entity":
        return _anchor(node.iri)
    near = [
        *graph.before(node.iri, "wasGeneratedBy"),
        *graph.after(node.iri, "used"),
        *graph.after(node.iri, "released"),
    ]
    return _anchor(near[0].iri) if near else "node-loose"


# --- the same in words ---


def _step(graph: Graph, node: Node, targets: _Targets) -> dict[str, Any]:
    who = graph.before(node.iri, "wasAssociatedWith", "approved")
    return {
        "name": node.label,
        "kind": WORDS[node.kind],
        "anchor": _anchor(node.iri),
        "at": node.note,
        "iri": node.iri,
        "told_by": TOLD_BY[node.told_by],
        "href": targets.href(node),
        "document": "manifest" if node.kind == "release" else "receipt",
        # who approved a release had to; of the others it is told as what they acted
        "who": [f"{one.label} ({one.note})" if one.note and node.kind != "release" else one.label for one in who],
        "used": _list(graph.before(node.iri, "used", "released", "wasInformedBy"), targets),
        "made": _list(graph.after(node.iri, "wasGeneratedBy"), targets),
    }


def _list(nodes: Sequence[Node], targets: _Targets) -> list[dict[str, str]]:
    return [_named(node, targets) for node in nodes]


def _named(node: Node, targets: _Targets) -> dict[str, str]:
    return {
        "label": node.label or NAMELESS,
        "note": node.note,
        "digest": node.digest,
        "href": targets.href(node),
    }


def _whole(graph: Graph, node: Node, targets: _Targets) -> dict[str, Any]:
    """What is made up of files: the dataset version, and who proposed it."""
    return {
        **_named(node, targets),
        "members": _list(graph.before(node.iri, "hadMember"), targets),
        "proposed_by": ", ".join(one.label for one in graph.before(node.iri, "wasAttributedTo")),
    }


def _agent(graph: Graph, node: Node) -> dict[str, Any]:
    """*did*: what of each sort, in the order of the steps."""
    order = {step.iri: place for place, step in enumerate(graph.steps())}
    edges = [edge for edge in graph.edges if edge.start == node.iri]
    did: dict[str, list[str]] = {}
    for edge in sorted(edges, key=lambda edge: order.get(edge.end, len(order))):
        did.setdefault(DID.get(edge.relation, edge.relation), []).append(graph.nodes[edge.end].label)
    return {
        "label": node.label,
        "note": node.note,
        "anchor": _anchor(node.iri),
        "did": [f"{word} {', '.join(labels)}" for word, labels in did.items()],
    }
