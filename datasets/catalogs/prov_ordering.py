"""Whether the events of PROV records can have happened in one order: W3C PROV-CONSTRAINTS 30-49.

Decides which events could only come before themselves; never compares clock times (prov_clock does) and never reads
bytes. An entity's generation and invalidation, an activity's start and end are one event each. Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from datasets.catalogs.prov_records import Record

Event = tuple[str, str]
Step = tuple[Event, Event, bool]
"""(earlier event, later event, strictly)."""
Node = TypeVar("Node", bound=Hashable)


def impossible_events(records: Sequence[Record]) -> list[Event]:
    """The events that would come strictly before themselves, sorted: ``(kind of event, identifier)``."""
    edges = event_edges(records)
    return sorted({before for before, after in ring_edges(edges) if edges[before][after]})


def event_edges(records: Sequence[Record]) -> dict[Event, dict[Event, bool]]:
    """Each event, the events that it does not come after, and whether it comes strictly before them."""
    edges: dict[Event, dict[Event, bool]] = defaultdict(dict)
    for index, record in enumerate(records):
        for before, after, strict in _steps(record, f"#{index}"):
            edges[before][after] = edges[before].get(after, False) or strict
    return edges


def ring_edges(edges: Mapping[Node, Mapping[Node, object]]) -> list[tuple[Node, Node]]:
    """The edges that lie on a ring: both ends in one strongly connected component."""
    component = components(edges)
    return [(one, other) for one, targets in edges.items() for other in targets if component[one] == component[other]]


def components(edges: Mapping[Node, Mapping[Node, object]]) -> dict[Node, int]:
    """The number of each node's strongly connected component (Kosaraju), in time linear in the edges.

    An edge leads to its own component or to one of a higher number.
    """
    finished: list[Node] = []
    seen: set[Node] = set()
    backwards: dict[Node, list[Node]] = defaultdict(list)
    for one, targets in edges.items():
        for other in targets:
            backwards[other].append(one)
        _visit(one, edges, seen, finished)
    component: dict[Node, int] = {}
    for root in reversed(finished):
        waiting = [root] if root not in component else []
        while waiting:
            node = waiting.pop()
            if node not in component:
                component[node] = len(component) if node is root else component[root]
                waiting += [source for source in backwards[node] if source not in component]
    return component


def _visit(root: Node, edges: Mapping[Node, Mapping[Node, object]], seen: set[Node], finished: list[Node]) -> None:
    """Append what can be reached from ``root``, each node after all that it leads to; no recursion."""
    if root in seen:
        return
    seen.add(root)
    trail = [(root, iter(edges.get(root, {})))]
    while trail:
        node, targets = trail[-1]
        fresh = next((target for target in targets if target not in seen), None)
        if fresh is None:
            finished.append(node)
            trail.pop()
        else:
            seen.add(fresh)
            trail.append((fresh, iter(edges.get(fresh, {}))))


def _steps(record: Record, unnamed: str) -> Iterator[Step]:
    """What one record says of the order of events; ``unnamed`` stands for what it leaves without a name."""
    kind, given = record.kind, record.arguments
    if kind == "activity" and record.identifier:
        yield ("start", record.identifier), ("end", record.identifier), False  # 30
    elif kind in {"used", "wasGeneratedBy", "wasInvalidatedBy"}:
        yield from _entity_event(record, unnamed)
    elif kind in {"wasStartedBy", "wasEndedBy"}:
        yield from _activity_event(record, unnamed)
    elif kind == "wasDerivedFrom":
        yield from _derivation(given)
    elif kind == "wasInformedBy" and given.get("informant") and given.get("informed"):
        yield ("start", given["informant"]), ("end", given["informed"]), False  # 35
    elif kind in {"specializationOf", "mentionOf"} and given.get("specificEntity") and given.get("generalEntity"):
        specific, general = given["specificEntity"], given["generalEntity"]
        yield ("generation", general), ("generation", specific), False  # 45
        yield ("invalidation", specific), ("invalidation", general), False  # 46
    else:
        yield from _agency(kind, given)


def _entity_event(record: Record, unnamed: str) -> Iterator[Step]:
    given = record.arguments
    entity, activity = given.get("entity"), given.get("activity")
    if not entity:
        return
    born, gone = ("generation", entity), ("invalidation", entity)
    yield born, gone, False  # 36
    event = {"wasGeneratedBy": born, "wasInvalidatedBy": gone}.get(record.kind, ("usage", record.identifier or unnamed))
    if record.kind == "used":
        yield born, event, False  # 37
        yield event, gone, False  # 38
    if activity:
        yield ("start", activity), event, False  # 33, 34
        yield event, ("end", activity), False


def _activity_event(record: Record, unnamed: str) -> Iterator[Step]:
    """A start or end lies in its trigger's life (43, 44); its starter or ender generated the trigger (inference 9)."""
    given = record.arguments
    activity, other = given.get("activity"), given.get("starter") or given.get("ender")
    trigger = given.get("trigger") or unnamed
    if activity:
        event = ("start" if record.kind == "wasStartedBy" else "end", activity)
        yield ("generation", trigger), event, False
        yield event, ("invalidation", trigger), False
        yield ("generation", trigger), ("invalidation", trigger), False
        yield ("start", activity), ("end", activity), False
    if other:
        yield ("start", other), ("generation", trigger), False
        yield ("generation", trigger), ("end", other), False


def _derivation(given: Mapping[str, str]) -> Iterator[Step]:
    if given.get("usage") and given.get("generatedEntity"):
        yield ("usage", given["usage"]), ("generation", given["generatedEntity"]), False  # 41
    if given.get("usedEntity") and given.get("generatedEntity"):
        yield ("generation", given["usedEntity"]), ("generation", given["generatedEntity"]), True  # 42


def _agency(kind: str, given: Mapping[str, str]) -> Iterator[Step]:
    """When an agent, be it an entity or an activity, lives by what it answers for (47-49).

    It is there by the end of the activity (47) and by the generation of the entity (48); who is responsible is there
    before the delegate is gone (49).
    """
    agent = given.get("responsible") or given.get("agent")
    if not agent:
        return
    born = [("generation", agent), ("start", agent)]
    gone = [("invalidation", agent), ("end", agent)]
    if kind == "wasAssociatedWith" and given.get("activity"):
        yield from ((("start", given["activity"]), event, False) for event in gone)
        yield from ((event, ("end", given["activity"]), False) for event in born)
    elif kind == "wasAttributedTo" and given.get("entity"):
        yield from ((event, ("generation", given["entity"]), False) for event in born)
    elif kind == "actedOnBehalfOf" and given.get("delegate"):
        yield ("generation", agent), ("invalidation", given["delegate"]), False
        yield ("start", agent), ("end", given["delegate"]), False
