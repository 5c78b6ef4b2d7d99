"""One list of PROV statements, written in each of the five notations: what the readers must agree on.

Writes by its own tables, which it shares with no reader. A name is local (``e1``), a statement without a name has None.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from datasets.catalogs.prov_records import Record

SPACE = "http://example.org/"
PROV = "http://www.w3.org/ns/prov#"
XSD = "http://www.w3.org/2001/XMLSchema#"
ORDER = {
    "activity": ("startTime", "endTime"),
    "wasGeneratedBy": ("entity", "activity", "time"),
    "used": ("activity", "entity", "time"),
    "wasInformedBy": ("informed", "informant"),
    "wasStartedBy": ("activity", "trigger", "starter", "time"),
    "wasEndedBy": ("activity", "trigger", "ender", "time"),
    "wasInvalidatedBy": ("entity", "activity", "time"),
    "wasDerivedFrom": ("generatedEntity", "usedEntity", "activity", "generation", "usage"),
    "wasAttributedTo": ("entity", "agent"),
    "wasAssociatedWith": ("activity", "agent", "plan"),
    "actedOnBehalfOf": ("delegate", "responsible", "activity"),
    "wasInfluencedBy": ("influencee", "influencer"),
    "specializationOf": ("specificEntity", "generalEntity"),
    "alternateOf": ("alternate1", "alternate2"),
    "hadMember": ("collection", "entity"),
}
QUALIFIED = {
    "wasGeneratedBy": ("qualifiedGeneration", "activity", "atTime"),
    "used": ("qualifiedUsage", "entity", "atTime"),
    "wasInformedBy": ("qualifiedCommunication", "activity"),
    "wasStartedBy": ("qualifiedStart", "entity", "hadActivity", "atTime"),
    "wasEndedBy": ("qualifiedEnd", "entity", "hadActivity", "atTime"),
    "wasInvalidatedBy": ("qualifiedInvalidation", "activity", "atTime"),
    "wasDerivedFrom": ("qualifiedDerivation", "entity", "hadActivity", "hadGeneration", "hadUsage"),
    "wasAttributedTo": ("qualifiedAttribution", "agent"),
    "wasAssociatedWith": ("qualifiedAssociation", "agent", "hadPlan"),
    "actedOnBehalfOf": ("qualifiedDelegation", "agent", "hadActivity"),
    "wasInfluencedBy": ("qualifiedInfluence", "influencer"),
}
CLASSES = {"entity": "Entity", "activity": "Activity", "agent": "Agent"}


def notation(records: Sequence[Record]) -> bytes:
    lines = ["document", f"prefix ex <{SPACE}>"]
    for record in records:
        element = record.kind in CLASSES
        name = f"ex:{record.identifier}" + ("" if element else "; ") if record.identifier else ""
        values = [_n_value(record.arguments.get(each), each) for each in ORDER.get(record.kind, ())]
        types = "".join(f"prov:type='prov:{each}'" for each in sorted(record.types))
        inside = [*([name] if element else []), *values, *([f"[{types}]"] if types else [])]
        lines.append(f"{record.kind}({'' if element else name}{', '.join(inside)})")
    return "\n".join([*lines, "endDocument"]).encode()


def _n_value(value: str | None, name: str) -> str:
    return "-" if value is None else value if _is_time(name) else f"ex:{value}"


def _is_time(name: str) -> bool:
    return name in {"time", "startTime", "endTime", "atTime", "startedAtTime", "endedAtTime"}


def prov_json(records: Sequence[Record]) -> bytes:
    document: dict = {"prefix": {"ex": SPACE}}
    for index, record in enumerate(records):
        body: dict = {f"prov:{name}": v if _is_time(name) else f"ex:{v}" for name, v in record.arguments.items()}
        if record.types:
            body["prov:type"] = [{"$": f"prov:{each}", "type": "xsd:QName"} for each in sorted(record.types)]
        key = f"ex:{record.identifier}" if record.identifier else f"_:n{index}"
        document.setdefault(record.kind, {}).setdefault(key, []).append(body)
    return json.dumps(document).encode()


def prov_xml(records: Sequence[Record]) -> bytes:
    parts = [f'<prov:document xmlns:prov="{PROV}" xmlns:ex="{SPACE}">']
    for record in records:
        name = f' prov:id="ex:{record.identifier}"' if record.identifier else ""
        body = "".join(
            f"<prov:{each}>{value}</prov:{each}>" if _is_time(each) else f'<prov:{each} prov:ref="ex:{value}"/>'
            for each, value in ((each, record.arguments.get(each)) for each in ORDER.get(record.kind, ()))
            if value is not None
        )
        body += "".join(f"<prov:type>prov:{each}</prov:type>" for each in sorted(record.types))
        parts.append(f"<prov:{record.kind}{name}>{body}</prov:{record.kind}>")
    return "".join([*parts, "</prov:document>"]).encode()


def _triples(records: Sequence[Record]) -> list[tuple[str, str, str, bool]]:
    """(subject, property, object, whether the object is a time) of each PROV-O statement."""
    said: list[tuple[str, str, str, bool]] = []
    for index, record in enumerate(records):
        given, kind = record.arguments, record.kind
        name = f"{SPACE}{record.identifier}" if record.identifier else f"_:n{index}"
        if kind in CLASSES:
            said += [(name, "type", PROV + each, False) for each in {CLASSES[kind], *record.types}]
            for argument, part in (("startTime", "startedAtTime"), ("endTime", "endedAtTime")):
                said += [(name, PROV + part, given[argument], True)] if argument in given else []
            continue
        subject, *others = ORDER[kind]
        if kind not in QUALIFIED:
            said.append((SPACE + given[subject], PROV + kind, SPACE + given[others[0]], False))
            continue
        relation, *parts = QUALIFIED[kind]
        said.append((SPACE + given[subject], PROV + relation, name, False))
        for argument, part in zip(others, parts, strict=True):
            if argument in given:
                timed = _is_time(argument)
                said.append((name, PROV + part, given[argument] if timed else SPACE + given[argument], timed))
    return said


def turtle(records: Sequence[Record]) -> bytes:
    lines = [f"@prefix prov: <{PROV}> ."]
    for subject, predicate, value, timed in _triples(records):
        verb = "a" if predicate == "type" else f"<{predicate}>"
        thing = f'"{value}"^^<{XSD}dateTime>' if timed else _node(value)
        lines.append(f"{_node(subject)} {verb} {thing} .")
    return "\n".join(lines).encode()


def _node(name: str) -> str:
    return name if name.startswith("_:") else f"<{name}>"


def json_ld(records: Sequence[Record]) -> bytes:
    nodes = [
        {"@id": subject, "@type": [value]}
        if predicate == "type"
        else {"@id": subject, predicate: {"@value": value, "@type": XSD + "dateTime"} if timed else {"@id": value}}
        for subject, predicate, value, timed in _triples(records)
    ]
    return json.dumps({"@context": {"prov": PROV}, "@graph": nodes}).encode()


NOTATIONS = {
    "provn": notation,
    "provjson": prov_json,
    "provxml": prov_xml,
    "turtle": turtle,
    "jsonld": json_ld,
}
