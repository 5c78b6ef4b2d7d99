"""Whether the times that PROV records state can be those of one history: KFM's rule, which W3C PROV leaves open.

Decides that no event's time is earlier than that of one which can't come after it (prov_ordering says which can't):
nothing is used before it is generated, however many records lie between. Never decides the order itself, never compares
a time without an offset, and leaves an activity's own start and end to validate_prov. An entity that several runs are
said to have made, at no stated time, came about over all of them: it ties none of their times. Profile ``kfm`` asks;
``core`` does not, since PROV-CONSTRAINTS orders events and not clocks. Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from audit.findings import Finding
from datasets.catalogs.prov_ordering import Event, components, event_edges
from datasets.catalogs.prov_records import Record
from datasets.catalogs.xsd_forms import instant

Instant = tuple[bool, int, str]
Told = tuple[Instant, Event, str]
"""A moment, the event that is said to be then, and the time as it is written."""
_TIMED: Final = {
    "wasGeneratedBy": ("generation", "entity"),
    "wasInvalidatedBy": ("invalidation", "entity"),
    "wasStartedBy": ("start", "activity"),
    "wasEndedBy": ("end", "activity"),
}


def clock_faults(records: Sequence[Record]) -> Iterator[Finding]:
    """Events that are said to be earlier than what comes before them; ``records`` in normal form."""
    told: dict[Event, list[Told]] = defaultdict(list)
    for index, record in enumerate(records):
        for event, text in _times(record, f"#{index}"):
            found = instant(text.strip())
            if found and found[0]:
                told[event].append((found, event, text))
    yield from _too_early(event_edges(list(_of_one_moment(records))), told)


def _of_one_moment(records: Sequence[Record]) -> Iterator[Record]:
    """Without the untimed generations of an entity that more than one activity made: a collection grows."""
    makers: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.kind == "wasGeneratedBy" and "activity" in record.arguments:
            makers[record.arguments.get("entity", "")].add(record.arguments["activity"])
    for record in records:
        grown = record.kind == "wasGeneratedBy" and len(makers[record.arguments.get("entity", "")]) > 1
        if not grown or "time" in record.arguments:
            yield record


def _times(record: Record, unnamed: str) -> Iterator[tuple[Event, str]]:
    """The events that a record gives a time, under the names that prov_ordering gives them."""
    given = record.arguments
    if record.kind == "activity" and record.identifier:
        for kind, name in (("start", "startTime"), ("end", "endTime")):
            if name in given:
                yield (kind, record.identifier), given[name]
    elif record.kind == "used" and "time" in given:
        yield ("usage", record.identifier or unnamed), given["time"]
    elif record.kind in _TIMED and "time" in given:
        kind, name = _TIMED[record.kind]
        if name in given:
            yield (kind, given[name]), given["time"]


def _too_early(edges: Mapping[Event, Mapping[Event, bool]], told: Mapping[Event, list[Told]]) -> Iterator[Finding]:
    """Events in the order of their components, each held against the latest time of all that lead to it."""
    component = components(edges)
    latest: dict[int, Told] = {}
    for number, group in groupby(sorted(component, key=component.__getitem__), key=component.__getitem__):
        events = sorted(group)
        times = [time for event in events for time in told.get(event, ())]
        if number in latest:
            times.append(latest[number])
        if not times:
            continue
        last = max(times)
        for event in events:
            for own in told.get(event, ()):
                if own[0] < last[0] and {own[1], last[1]} != {("start", own[1][1]), ("end", own[1][1])}:
                    yield _fault(own, last)
        for event in events:
            for target in edges.get(event, {}):
                latest[component[target]] = max(latest.get(component[target], last), last)


def _fault(early: Told, late: Told) -> Finding:
    (kind, name), (other_kind, other) = early[1], late[1]
    message = (
        f"The {kind} of {name} is said to be at {early[2]}, before the {other_kind} of {other} at {late[2]}, "
        "which it can't come before."
    )
    return Finding(
        "prov_clock", name, message[:500], "Mend the times, or the records that put one event after another."
    )
