"""One fault each: every id, link, digest, fact and receipt of a good triplet spoiled in every way that applies to it.

A fault comes with the clause that must find it: D3 for an EvidenceRef; D1 for what KFM's profile requires and for the
form of a document; D2 for all that two places must agree on (``gate D``: where one of them is the path a file lies
under); F1 for what only the recorded digest of a receipt can tell.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyoxigraph as ox

from datasets.catalogs.crosslinks import StoredArtifact
from tests.catalogs.facts_world import digest
from tests.triplet.worlds import CATALOG, DATA, QA, World

Path = tuple[Any, ...]
Edit = Callable[[Any, Any], None]
_HEX = re.compile(r"[0-9a-f]{40,64}")
_RUN_TIME = re.compile(r"run/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Fault:
    name: str
    world: World
    clause: str


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


def _edited(document: Any, path: Path, edit: Edit) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    edit(holder, path[-1])
    return changed


def _spoiled(value: str) -> Iterator[tuple[str, str]]:
    """(kind of fault, another text) for one text that is an id, a link, a digest or a fact."""
    yield "dangling", value + "x"
    yield "trailing slash", value + "/"
    yield "white space", value + " "
    if value.swapcase() != value:
        yield "changed case", value.swapcase()
    if _HEX.search(value):
        yield "wrong digest", _HEX.sub(lambda found: found[0][:-1] + ("0" if found[0][-1] != "0" else "1"), value)
        yield (
            "swapped digest",
            _HEX.sub((QA if QA[7:] not in value else DATA)[7:][: len(_HEX.findall(value)[0])], value),
        )
    if _RUN_TIME.search(value):
        yield "stale run id", _RUN_TIME.sub("run/2025-12-31T23:59:59Z", value)
    if "://" in value:
        yield "percent encoding", value[:-1] + f"%{ord(value[-1]):02X}"


def _named(path: Path) -> set[str]:
    return {str(key) for key in path}


# --- DCAT and PROV as JSON-LD ---

_COSMETIC = {"KFM pipeline"}
_REQUIRED_DCAT = (
    "dct:title", "dct:description", "dct:publisher", "dcat:theme", "dct:spatial", "dct:temporal", "dcat:distribution",
    "prov:wasGeneratedBy", "kfm:policy_label", "kfm:dataset_id", "kfm:dataset_version_id", "dcat:mediaType",
    "dct:license", "spdx:checksum", "spdx:checksumValue", "spdx:algorithm", "kfm:spec_hash", "kfm:policy_decision",
)  # fmt: skip
_REQUIRED_PROV = (
    "prov:startedAtTime", "prov:endedAtTime", "prov:wasAssociatedWith", "kfm:operation", "kfm:policy_decision",
    "kfm:environment", "kfm:container_digest", "kfm:git_commit", "kfm:receipt_digest", "kfm:approval_role",
    "kfm:dataset_id", "kfm:dataset_version_id", "kfm:policy_label", "prov:wasAttributedTo",
)  # fmt: skip


_ON_DATASET = {"dct:title", "prov:wasGeneratedBy", "kfm:policy_decision"}
"""Owed by the dataset in DCAT, or by the run in PROV; on other nodes it is a fact that must agree."""


def _linked(world: World, name: str) -> Iterator[Fault]:
    document = json.loads(getattr(world.documents, name))

    def fault(kind: str, path: Path, edit: Edit, clause: str) -> Fault:
        where = "/".join(str(key) for key in path)
        raw = json.dumps(_edited(document, path, edit)).encode()
        return Fault(f"{name}: {kind} at {where}", world.with_documents(**{name: raw}), clause)

    for path, value in _places(document["@graph"], ("@graph",)):
        for kind, edit, clause in (*_other_value(path, value), *_missing(document, path, value, name)):
            yield fault(kind, path, edit, clause)
    for prefix, iri in document["@context"].items():
        yield fault("prefix of another namespace", ("@context", prefix), _set(iri + "x"), "D1")
        if re.search(rf'"{prefix}:(?!//)', json.dumps(document["@graph"])):
            yield fault("undeclared prefix", ("@context", prefix), _drop, "D1")


def _other_value(path: Path, value: Any) -> Iterator[tuple[str, Edit, str]]:
    if path[-1] not in {"@id", "@value"} or not isinstance(value, str) or value in _COSMETIC:
        return
    inside = _named(path)
    form = {"spdx:algorithm", "dcat:bbox", "kfm:role"} & inside
    clause = "D3" if "kfm:evidence" in inside else "D1" if form else "D2"
    for kind, text in _spoiled(value):
        harmless = "kfm:obligation" in inside or path[-1] == "@id"  # JSON means the same with it; no IRI holds any
        if not (kind == "white space" and harmless):
            yield kind, _set(text), clause


def _missing(document: Any, path: Path, value: Any, name: str) -> Iterator[tuple[str, Edit, str]]:
    key, holder = path[-1], _holder(document, path)
    if key in (_REQUIRED_DCAT if name == "dcat" else _REQUIRED_PROV):
        kinds = holder.get("@type", ())
        owing = {"dcat:Dataset", "prov:Activity"} & set(kinds if isinstance(kinds, list) else [kinds])
        alternative = key == "dct:license" and owing
        if (key not in _ON_DATASET or owing) and not alternative:
            yield "missing field", _drop, "D1"
        elif key in _ON_DATASET or alternative:
            yield "missing fact", _drop, "D2"
    elif len(path) == 2:
        yield "missing node", _drop, "D1" if "agent/role/" in value["@id"] else "D2"
    elif key == "kfm:evidence":
        yield "missing field", _drop, "D3"
    elif key == "@type" and "@value" in holder:
        if value != "xsd:string":
            yield "no datatype", _drop, "D1"
        yield "other datatype", _set("xsd:token"), "D1"


def _set(value: Any) -> Edit:
    return lambda holder, key: holder.__setitem__(key, value)


def _drop(holder: Any, key: Any) -> None:
    del holder[key]


def _holder(document: Any, path: Path) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


# --- STAC ---

_SCHEMA = {"type", "stac_version", "stac_extensions", "geometry", "datetime"}
_REQUIRED_STAC = {
    "stac_collection": ("id", "title", "description", "extent", "license", "version", "kfm:dataset_id",
                        "kfm:dataset_version_id", "kfm:policy_label", "kfm:license", "stac_extensions", "links"),
    "stac_items": ("id", "assets", "kfm:dataset_id", "kfm:dataset_version_id", "kfm:policy_label", "kfm:license",
                   "href", "file:checksum", "stac_extensions", "geometry", "properties", "links"),
}  # fmt: skip


def _stac(world: World, name: str) -> Iterator[Fault]:
    whole = getattr(world.documents, name)
    document = json.loads(whole[0] if name == "stac_items" else whole)
    for path, value in _places(document):
        for kind, edit, clause in (*_other_fact(path, value), *_absent(path, name)):
            raw = json.dumps(_edited(document, path, edit)).encode()
            where = "/".join(str(key) for key in path)
            spoiled = world.with_documents(**{name: (raw,) if name == "stac_items" else raw})
            yield Fault(f"{name}: {kind} at {where}", spoiled, clause)


def _other_fact(path: Path, value: Any) -> Iterator[tuple[str, Edit, str]]:
    inside = _named(path)
    own_title = path[-1] == "title" and ("links" in inside or (path[0] == "assets" and path[1] != "data"))
    if own_title or {"roles", "providers"} <= inside:
        return  # no other document repeats it
    form = path[0] in _SCHEMA or path[-1] == "datetime"
    clause = "D3" if "kfm:evidence" in inside else "D1" if form else "D2"
    if isinstance(value, str):
        for kind, text in _spoiled(value):
            yield kind, _set(text), clause
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield "another number", _set(value + 0.5), clause


def _absent(path: Path, name: str) -> Iterator[tuple[str, Edit, str]]:
    if path[-1] in _REQUIRED_STAC[name] and "links" not in path[:-1]:
        yield "missing field", _drop, "D1"
    elif "kfm:evidence" in path[-2:]:
        yield "missing evidence", _drop, "D3"
    elif path[0] == "links" and len(path) == 2:
        yield "missing link", _drop, "D2"
    elif path[0] == "assets" and len(path) == 2:
        yield "missing asset", _drop, "D2"


# --- receipts and the store ---


def _clause(run: str, path: Path, kind: str) -> str:
    """Whose a fault of a receipt is. PROV has the digest of each but the catalog run's own, which comes after it.

    Of that one, gate D finds what the documents, their paths and the run's outputs say too; all else are its bytes.
    """
    if run != CATALOG:
        return "D2"
    if not path or path in _UNREPEATED or (path, kind) == (("actor",), "absent"):
        return "F1"
    return "gate D" if path[0] == "outputs" and path[-1] != "digest" and path[1:] != (4,) else "D2"


_UNREPEATED = {("validation", "status"), ("outputs", 4, "uri")}
"""The verdict, and the name of a working file that nobody is given; its digest is owed, as the run's report."""


def receipt_faults(world: World) -> Iterator[Fault]:
    for run, raw in world.receipts.items():
        body = json.loads(raw)
        for path, value in _places(body):
            edits = [("absent", _drop)]
            edits += [(kind, _set(text)) for kind, text in _spoiled(value)] if isinstance(value, str) else []
            for kind, edit in edits:
                changed = json.dumps(_edited(body, path, edit), sort_keys=True).encode()
                spoiled = replace(world, receipts={**world.receipts, run: changed})
                yield Fault(f"receipt {run}: {kind} at {path}", spoiled, _clause(run, path, kind))
        whole = {
            "a field more": json.dumps({**body, "note": "x"}, sort_keys=True).encode(),
            "written otherwise": json.dumps(body, indent=1).encode(),
            "cut short": raw[:-1],
        }
        for kind, changed in whole.items():
            clause = "D2" if kind == "cut short" else _clause(run, (), kind)
            yield Fault(f"receipt {run}: {kind}", replace(world, receipts={**world.receipts, run: changed}), clause)
        without = {name: held for name, held in world.receipts.items() if name != run}
        yield Fault(f"receipt {run}: missing", replace(world, receipts=without), "D2")
        stray = {**world.receipts, run + "x": raw}
        yield Fault(f"receipt {run}: orphan", replace(world, receipts=stray), "D2")
        for other in world.receipts:
            if other > run:
                swapped = {**world.receipts, run: world.receipts[other], other: raw}
                yield Fault(f"receipts swapped: {run}, {other}", replace(world, receipts=swapped), "D2")


def _store(world: World) -> Iterator[Fault]:
    for name, held in world.stored.items():
        without = {key: value for key, value in world.stored.items() if key != name}
        changes = {
            "gone": without,
            "of another size": {**world.stored, name: replace(held, size_bytes=held.size_bytes + 1)},
            "in another role": {**world.stored, name: replace(held, role="other")},
            "under another digest": {**without, digest(name.encode()): held},
        }
        for kind, stored in changes.items():
            yield Fault(f"stored {held.role} {kind}", replace(world, stored=stored), "D2")
    for role in ("data", "qa", "terms"):
        stored = {**world.stored, digest(role.encode() * 9): StoredArtifact(1, role)}
        yield Fault(f"an orphan {role} artifact", replace(world, stored=stored), "D2")


# --- DCAT and PROV as Turtle ---


def _turtle(world: World, name: str) -> Iterator[Fault]:
    """Each statement in turn is absent, leads elsewhere, or says something else."""
    triples = sorted(
        (quad.triple for quad in ox.parse(getattr(world.documents, name), format=ox.RdfFormat.JSON_LD)), key=str
    )

    def fault(kind: str, place: int, changed: list[ox.Triple]) -> Fault:
        raw = ox.serialize(changed, format=ox.RdfFormat.TURTLE)
        predicate = triples[place].predicate.value
        evidence = predicate.endswith("#evidence")
        form = predicate.endswith(("#algorithm", "#type", "#bbox", "#role", "#prefLabel", "#wasAttributedTo"))
        label = f"{name} in Turtle: {kind}, {triples[place]}"
        return Fault(label, world.with_documents(**{name: raw}), "D3" if evidence else "any" if form else "D2")

    for place, triple in enumerate(triples):
        if str(triple.object).startswith('"KFM pipeline"'):
            continue
        rest = triples[:place] + triples[place + 1 :]
        yield fault("absent", place, rest)
        value = triple.object.value
        for kind, text in list(_spoiled(value))[:2]:
            if isinstance(triple.object, ox.NamedNode):
                if " " in text:
                    continue
                other = ox.NamedNode(text)
            elif triple.object.language:
                other = ox.Literal(text, language=triple.object.language)
            else:
                other = ox.Literal(text, datatype=triple.object.datatype)
            yield fault(kind, place, [*rest, ox.Triple(triple.subject, triple.predicate, other)])


def single_faults(world: World) -> Iterator[Fault]:
    for name in ("dcat", "prov"):
        yield from _linked(world, name)
        yield from _turtle(world, name)
    for name in ("stac_collection", "stac_items"):
        yield from _stac(world, name)
    yield from receipt_faults(world)
    yield from _store(world)
