"""What a PROV bundle tells, as a graph that runs from source to release: activities, entities, agents, and influence.

Decides which statement becomes which node and edge; an edge leads from what came first to what came of it. Run receipts
tell the same before the catalogs are built, and for runs that outside pipelines made; each node says who tells it.
Never looks anything up, draws nothing (layered_layout does), judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from datasets.catalogs.namespaces import DCT, KFM, PROV, RDFS, agent_iri, artifact_iri
from datasets.catalogs.triplet import Statements, mapping

Kind = Literal["activity", "entity", "agent", "release"]
Teller = Literal["prov", "receipt", "pipeline", "manifest"]
OPERATIONS: Final[dict[str, str]] = {
    "ingest": "Ingest",
    "validate": "Normalize and check",
    "redact": "Apply obligations",
    "catalog": "Build the catalogs",
    "rebuild": "Rebuild",
    "promote": "Promote",
}
#: Subject and object of PROV-O, the object being what came first.
_BACKWARD: Final = (
    "used",
    "wasGeneratedBy",
    "wasDerivedFrom",
    "wasInformedBy",
    "wasAssociatedWith",
    "wasAttributedTo",
    "hadMember",
    "actedOnBehalfOf",
    "specializationOf",
    "wasRevisionOf",
    "hadPrimarySource",
)
_MOST_ALIKE: Final = 4
"""So many entities with the same neighbours are drawn one by one; more are one node."""


@dataclass(frozen=True, slots=True)
class Node:
    """``note``: a second line; ``digest``: of an entity's bytes, or of a run's receipt; ``members``: of a group."""

    iri: str
    kind: Kind
    label: str
    note: str = ""
    digest: str = ""
    told_by: Teller = "prov"
    members: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """From what came first to what came of it. ``relation``: of PROV, or ``released`` and ``approved``."""

    start: str
    end: str
    relation: str
    told_by: Teller = "prov"


@dataclass(slots=True)
class Graph:
    """Nodes by IRI in the order in which they were told, and edges, each once."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, node: Node) -> None:
        """A node, unless it is there; one that had no name yet takes the new one's."""
        known = self.nodes.setdefault(node.iri, node)
        if not known.label and node.label:
            self.nodes[node.iri] = replace(known, label=node.label)

    def join(self, start: str, end: str, relation: str, told_by: Teller = "prov") -> None:
        """An edge, where both ends are known and nobody told it before."""
        told = (start, end, relation)
        if start in self.nodes and end in self.nodes and start != end and told not in self._told:
            self._told.add(told)
            self.edges.append(Edge(*told, told_by))

    def before(self, iri: str, *relations: str) -> list[Node]:
        return [self.nodes[e.start] for e in self.edges if e.end == iri and e.relation in relations]

    def after(self, iri: str, *relations: str) -> list[Node]:
        return [self.nodes[e.end] for e in self.edges if e.start == iri and e.relation in relations]

    def of_kind(self, *kinds: Kind) -> list[Node]:
        return [node for node in self.nodes.values() if node.kind in kinds]

    def steps(self) -> list[Node]:
        """Activities and release by their time; those of one second as the truth path orders them."""
        return sorted(self.of_kind("activity", "release"), key=lambda node: (node.note, _rank(node), node.iri))

    def drawn_edges(self) -> list[Edge]:
        """The edges, but what a run took in and filed unchanged is drawn once, as made."""
        made = {(edge.start, edge.end) for edge in self.edges if edge.relation == "wasGeneratedBy"}
        return [edge for edge in self.edges if edge.relation != "used" or (edge.end, edge.start) not in made]


def from_prov(prov: Statements) -> Graph:
    """The graph of a PROV-O bundle, as it was read."""
    graph = Graph()
    activities = [_activity(prov, iri) for iri in sorted(prov.instances(PROV + "Activity"))]
    for node in sorted(activities, key=lambda node: (node.note, _rank(node))):
        graph.add(node)
    for iri in sorted(prov.instances(PROV + "Entity")):
        graph.add(_entity(prov, iri))
    for iri in sorted(prov.instances(PROV + "Agent")):
        graph.add(_agent(prov, iri))
    for name in _BACKWARD:
        for subject, target in prov.mentioned(PROV + name):
            if name != "wasGeneratedBy" or not prov.objects(subject, PROV + "hadMember"):  # its members say it
                graph.join(target, subject, name)
    return graph


def add_receipt(graph: Graph, receipt: Mapping[str, Any], digest: str, told_by: Teller) -> str:
    """Adds a run as its receipt tells it; the run's IRI. ``digest``: of the receipt's bytes."""
    run, operation = str(receipt.get("run_id")), str(receipt.get("operation"))
    label = f"Outside: {operation}" if told_by == "pipeline" else OPERATIONS.get(operation, operation)
    graph.add(Node(run, "activity", label, _moment(run), digest, told_by))
    for side in ("inputs", "outputs"):
        listed = receipt.get(side)
        for row in listed if isinstance(listed, list) else []:
            named = mapping(row)
            iri = artifact_iri(str(named.get("digest")))
            graph.add(Node(iri, "entity", _file_name(str(named.get("uri"))), "", str(named.get("digest")), told_by))
            if side == "inputs":
                graph.join(iri, run, "used", told_by)
            else:
                graph.join(run, iri, "wasGeneratedBy", told_by)
    actor = mapping(receipt.get("actor"))
    if actor.get("principal"):
        agent = agent_iri("principal", str(actor["principal"]))
        graph.add(Node(agent, "agent", str(actor["principal"]), str(actor.get("role") or ""), "", told_by))
        graph.join(agent, run, "wasAssociatedWith", told_by)
    return run


def add_outside_run(graph: Graph, receipt: Mapping[str, Any], digest: str, *, source: str, sent_by: str) -> None:
    """Adds the run that the account *sent_by* sent in, before the runs that took in *source*, a digest, from it."""
    run = add_receipt(graph, receipt, digest, "pipeline")
    agent = agent_iri("principal", sent_by)
    graph.add(Node(agent, "agent", sent_by, "outside pipeline", "", "pipeline"))
    graph.join(agent, run, "wasAssociatedWith", "pipeline")
    for ingest in graph.before(artifact_iri(source), "wasGeneratedBy"):
        graph.join(run, ingest.iri, "wasInformedBy", "pipeline")
        for made in graph.after(run, "wasGeneratedBy"):
            if made.digest != source:  # several files came as one bundle
                graph.join(made.iri, ingest.iri, "used", "pipeline")


def add_release(graph: Graph, manifest: Mapping[str, Any], digest: str, released_at: str) -> None:
    """Adds the release as its promotion manifest tells it: what it lists, and in which roles it was approved."""
    iri = f"kfm://manifest/{digest}"
    graph.add(Node(iri, "release", "Release", released_at, digest, "manifest"))
    whole = [node.iri for node in graph.nodes.values() if node.iri.startswith("kfm://dataset/")]
    listed = manifest.get("artifacts")
    digests = [str(mapping(row).get("digest")) for row in listed] if isinstance(listed, list) else []
    for start in whole or [artifact_iri(one) for one in digests]:
        graph.join(start, iri, "released", "manifest")
    approvals = manifest.get("approvals")
    for row in approvals if isinstance(approvals, list) else []:
        graph.join(agent_iri("role", str(mapping(row).get("role"))), iri, "approved", "manifest")


def grouped(graph: Graph) -> Graph:
    """The same, with many files that have the same neighbours as one node each, so that a large graph stays legible."""
    ends: dict[str, set[tuple[str, str]]] = {}
    starts: dict[str, set[tuple[str, str]]] = {}
    for edge in graph.edges:
        ends.setdefault(edge.end, set()).add((edge.start, edge.relation))
        starts.setdefault(edge.start, set()).add((edge.end, edge.relation))
    alike: dict[tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]], list[Node]] = {}
    for node in graph.of_kind("entity"):
        neighbours = (frozenset(ends.get(node.iri, ())), frozenset(starts.get(node.iri, ())))
        alike.setdefault(neighbours, []).append(node)
    inside = {node.iri: nodes for nodes in alike.values() if len(nodes) > _MOST_ALIKE for node in nodes}
    result = Graph()
    for node in graph.nodes.values():
        result.add(_group(inside[node.iri]) if node.iri in inside else node)
    for edge in graph.edges:
        start, end = (inside[iri][0].iri if iri in inside else iri for iri in (edge.start, edge.end))
        result.join(start, end, edge.relation, edge.told_by)
    return result


def _group(nodes: Sequence[Node]) -> Node:
    named = ", ".join(node.label for node in nodes)
    return replace(nodes[0], label=f"{len(nodes)} files", note=named, digest="", members=tuple(nodes))


# --- one node ---


def _rank(node: Node) -> int:
    """Where a step stands among those of the same second."""
    if node.told_by == "pipeline":
        return -1
    known = list(OPERATIONS.values())
    return known.index(node.label) if node.label in known else len(known)


def _first(prov: Statements, iri: str, *predicates: str) -> str:
    found = (min(prov.objects(iri, predicate), default="") for predicate in predicates)
    return next((text for text in found if text), "")


def _activity(prov: Statements, iri: str) -> Node:
    operation = _first(prov, iri, KFM + "operation")
    label = OPERATIONS.get(operation, operation) or _first(prov, iri, RDFS + "label") or _tail(iri)
    return Node(
        iri, "activity", label, _first(prov, iri, PROV + "startedAtTime"), _first(prov, iri, KFM + "receipt_digest")
    )


def _entity(prov: Statements, iri: str) -> Node:
    digest = _first(prov, iri, KFM + "digest")
    paths = sorted(path for path in prov.objects(iri, KFM + "path") if "://" not in path)
    title = _first(prov, iri, DCT + "title", RDFS + "label")
    label = title or (_file_name(paths[0]) if paths else _tail(iri))
    return Node(iri, "entity", label, _first(prov, iri, KFM + "artifact_role"), digest)


def _agent(prov: Statements, iri: str) -> Node:
    label = _first(prov, iri, KFM + "principal", KFM + "approval_role", RDFS + "label") or _tail(iri)
    roles = ", ".join(sorted(prov.objects(iri, KFM + "role")))
    approves = "must approve" if prov.objects(iri, KFM + "approval_role") else ""
    return Node(iri, "agent", label, roles or approves or "software")


def _moment(run: str) -> str:
    """The time in a run id: ``kfm://run/2026-02-01T08:00:00Z.ingest``."""
    return run.removeprefix("kfm://run/").split("Z.")[0] + "Z" if "Z." in run else ""


def _file_name(path: str) -> str:
    """The last name of a path; of a reference, which names a digest, nothing."""
    return "" if path.startswith("kfm://") else path.rstrip("/").rsplit("/", 1)[-1] or path


def _tail(iri: str) -> str:
    return iri.rstrip("/").rsplit("/", 1)[-1].rsplit("#", 1)[-1]
