"""Whether DCAT, STAC and PROV say the same of a version: its words, licence, place, period, notices and files.

Decides the part of clause D2 about facts that several documents repeat; each is read from every document that says it.
Never looks anything up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from audit.canonical import StrictJsonError, canonical_bytes, parse_strict
from audit.findings import Finding
from datasets.catalogs.crosslink_parts import broken, shown, single
from datasets.catalogs.namespaces import (
    DCAT,
    DCT,
    FOAF,
    KFM,
    MEDIA_TYPES,
    RDFS,
    SKOS,
    dataset_iri,
    license_iri,
    stac_license,
    theme_iri,
)
from datasets.catalogs.periods import first_second, last_second, moment_of
from datasets.catalogs.triplet import Triplet, mapping

Says = dict[str, set[str]]
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORLD: Final = (-180.0, -90.0, 180.0, 90.0)
_CLOSE: Final = 1e-7
"""Degrees: DCAT writes ten significant digits."""


def check_words(triplet: Triplet) -> Iterator[Finding]:
    for fact, says in _facts(triplet):
        if len({frozenset(values) for values in says.values()}) > 1:
            told = "; ".join(f"{document}: {shown(values)}" for document, values in says.items())
            yield broken("fact_differs", fact, f"The documents disagree about {fact}. {told}")
    yield from _identity(triplet)
    yield from _license(triplet)
    yield from _place(triplet)
    yield from _period(triplet)
    yield from _files(triplet)


def _facts(triplet: Triplet) -> Iterator[tuple[str, Says]]:
    """(fact, what each document says of it). What an item says of its own is compared where it is the only one."""
    dcat, prov, iri = triplet.dcat, triplet.prov, triplet.dataset
    collection, item = triplet.collection, _only_item(triplet)
    yield "title", _present(
        dcat=dcat.objects(iri, DCT + "title"), prov=prov.objects(iri, DCT + "title"),
        collection=_texts(collection.get("title")), item=item and _texts(item.get("title")),
    )  # fmt: skip
    yield "description", _present(
        dcat=dcat.objects(iri, DCT + "description"), collection=_texts(collection.get("description")),
        item=item and _texts(item.get("description")),
    )  # fmt: skip
    yield "policy decision", _present(
        dcat=dcat.objects(iri, KFM + "policy_decision"), prov=prov.objects(iri, KFM + "policy_decision"),
        collection=_texts(collection.get("kfm:policy_decision")), item=item and _texts(item.get("kfm:policy_decision")),
    )  # fmt: skip
    yield "attribution", _present(
        dcat=_labels(triplet, DCT + "rights"), collection=_texts(collection.get("kfm:attribution")),
        item=item and _texts(item.get("kfm:attribution")),
    )  # fmt: skip
    yield "notices", _present(
        dcat=dcat.objects(iri, KFM + "notice"), access_rights=_labels(triplet, DCT + "accessRights"),
        collection=_texts(collection.get("kfm:notice")), item=item and _texts(item.get("kfm:notice")),
    )  # fmt: skip
    yield "obligations", _present(
        dcat={_canonical(text) for text in dcat.objects(iri, KFM + "obligation")},
        collection=_obligations(collection), item=item and _obligations(item),
    )  # fmt: skip
    yield "time of issue", _present(dcat=dcat.objects(iri, DCT + "issued"), item=item and _texts(item.get("created")))
    words = dcat.objects(iri, DCAT + "keyword")
    themes = {text for node in dcat.objects(iri, DCAT + "theme") for text in dcat.objects(node, SKOS + "prefLabel")}
    yield "keywords", _present(dcat=words or themes, collection=_texts(collection.get("keywords")))
    people = {
        name
        for role in ("publisher", "rightsHolder")
        for node in dcat.objects(iri, DCT + role)
        for name in dcat.objects(node, FOAF + "name")
    }
    providers = collection.get("providers")
    named = [mapping(one).get("name") for one in providers] if isinstance(providers, list) else []
    yield "publisher and rights holder", _present(dcat=people, collection=_texts(named))


def _only_item(triplet: Triplet) -> Mapping[str, Any]:
    """The properties of the one item; empty when there are several."""
    return mapping(triplet.items[0].get("properties")) if len(triplet.items) == 1 else {}


def _present(**says: set[str] | Mapping[str, Any]) -> Says:
    """What was asked for; a document that is not asked gives an empty mapping and is left out."""
    return {name: values for name, values in says.items() if isinstance(values, set)}


def _texts(value: object) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {one if isinstance(one, str) else repr(one) for one in values if one is not None}


def _labels(triplet: Triplet, predicate: str) -> set[str]:
    graph = triplet.dcat
    return {text for node in graph.objects(triplet.dataset, predicate) for text in graph.objects(node, RDFS + "label")}


def _canonical(text: str) -> str:
    try:
        return canonical_bytes(parse_strict(text)).decode()
    except (StrictJsonError, ValueError):
        return text  # clause D1 says that it is no JSON


def _obligations(holder: Mapping[str, Any]) -> set[str]:
    listed = holder.get("kfm:obligations")
    if not isinstance(listed, list):
        return {repr(listed)}
    try:
        return {canonical_bytes(one).decode() for one in listed}
    except (StrictJsonError, ValueError, TypeError):
        return {repr(listed)}


def _identity(triplet: Triplet) -> Iterator[Finding]:
    """Every name of the version is made of its dataset_id and dataset_version_id."""
    dcat, iri = triplet.dcat, triplet.dataset
    slug, version = single(dcat.objects(iri, KFM + "dataset_id")), single(dcat.objects(iri, KFM + "dataset_version_id"))
    owed = {
        "dcat @id": ({iri}, dataset_iri(slug, version)),
        "dcat dct:identifier": (dcat.objects(iri, DCT + "identifier"), f"{slug}@{version}"),
        "dcat dcat:version": (dcat.objects(iri, DCAT + "version"), version),
        "stac/collection version": (_texts(triplet.collection.get("version")), version),
    }
    if len(triplet.items) == 1:
        owed["stac/item id"] = (_texts(triplet.items[0].get("id")), version)
    for where, (said, right) in owed.items():
        if said != {right}:
            yield broken("identity_differs", where, f"{where} is {shown(said)}, not {right}.")
    for node in dcat.objects(iri, DCAT + "theme"):
        for label in dcat.objects(node, SKOS + "prefLabel"):
            if node != theme_iri(label):
                yield broken("identity_differs", node, f"The theme's id is not that of {label!r:.80}.")
    for node in triplet.distributions():
        if node != f"{iri}#dist={triplet.key(node)}":
            yield broken("identity_differs", node, "The distribution's id is not made of its identifier.")
    ids = [str(item.get("id")) for item in triplet.items]
    if len(set(ids)) != len(ids):
        yield broken("identity_differs", "stac/items", "Two STAC items share an id.")


def _license(triplet: Triplet) -> Iterator[Finding]:
    dcat, iri = triplet.dcat, triplet.dataset
    text = single(dcat.objects(iri, KFM + "license"))
    rights = dcat.objects(iri, DCT + "rights")
    terms = {target for node in rights for target in dcat.objects(node, RDFS + "seeAlso")}
    for node in (iri, *triplet.distributions()):
        if dcat.objects(node, DCT + "license") != {license_iri(text, single(terms))}:
            yield broken("license_differs", f"{node} dct:license", "dct:license is not the licence that is recorded.")
        if dcat.objects(node, KFM + "license") != {text}:
            yield broken("license_differs", f"{node} kfm:license", "kfm:license is not that of the dataset.")
    owed = stac_license(text)
    places: list[tuple[str, Mapping[str, Any]]] = [("stac/collection", triplet.collection)]
    places += [(name, mapping(item.get("properties"))) for name, item in triplet.named_items()]
    for where, holder in places:
        if holder.get("license") != owed:
            yield broken("license_differs", where, f"The STAC license is not {owed!r:.120}.")


def _numbers(texts: set[str]) -> tuple[float, ...] | None:
    """West, south, east, north of a WKT polygon; None when there is none."""
    found = [float(number) for text in texts for number in _NUMBER.findall(text)]
    if len(found) < 4 or len(found) % 2:  # noqa: PLR2004 - two positions at least
        return None
    return (min(found[::2]), min(found[1::2]), max(found[::2]), max(found[1::2]))


def _box(value: object) -> tuple[float, ...] | None:
    numbers = [part for part in value if isinstance(part, (int, float))] if isinstance(value, list) else []
    return tuple(float(part) for part in numbers) if len(numbers) == 4 else None  # noqa: PLR2004


def _close(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(abs(a - b) <= _CLOSE for a, b in zip(one, other, strict=True))


def _place(triplet: Triplet) -> Iterator[Finding]:
    """DCAT's extent and the collection's are one; items lie within it; where there is none, no item has a place."""
    dcat = triplet.dcat
    nodes = dcat.objects(triplet.dataset, DCT + "spatial")
    stated = _numbers({text for node in nodes for text in dcat.objects(node, DCAT + "bbox")})
    boxes = mapping(mapping(triplet.collection.get("extent")).get("spatial")).get("bbox")
    first = _box(boxes[0]) if isinstance(boxes, list) and boxes else None
    if not _close(first, stated or _WORLD):
        yield broken("place_differs", "stac/collection extent", "The collection's extent is not DCAT's dcat:bbox.")
    for name, item in triplet.named_items():
        where, box = f"{name} bbox", _box(item.get("bbox"))
        if (box is None) != (stated is None) or (item.get("geometry") is None) != (stated is None):
            yield broken("place_differs", where, "Only one of DCAT and the item says where the data lie.")
        elif len(triplet.items) == 1 and not _close(box, stated):
            yield broken("place_differs", where, "The item's bbox is not DCAT's dcat:bbox.")
        elif box and stated and not _within(box, stated):
            yield broken("place_differs", where, "The item lies outside the extent that DCAT states.")


def _within(box: tuple[float, ...], extent: tuple[float, ...]) -> bool:
    return all(box[side] >= extent[side] - _CLOSE and box[side + 2] <= extent[side + 2] + _CLOSE for side in (0, 1))


def _period(triplet: Triplet) -> Iterator[Finding]:
    """The collection's interval is DCAT's period to the second, both ends included; so is the one item's.

    Of several items, each lies within the interval.
    """
    dcat = triplet.dcat
    nodes = dcat.objects(triplet.dataset, DCT + "temporal")
    start, end = (
        single({v for node in nodes for v in dcat.objects(node, DCAT + name)}) for name in ("startDate", "endDate")
    )
    owed = [first_second(start), last_second(end)]
    told = mapping(mapping(triplet.collection.get("extent")).get("temporal")).get("interval")
    if None in owed or told != [owed]:
        message = f"The collection's interval is {told!r:.120}; DCAT's period is from {owed[0]} to {owed[1]}."
        yield broken("period_differs", "stac/collection extent", message)
    for name, item in triplet.named_items():
        fields = mapping(item.get("properties"))
        at = fields.get("datetime")
        own = [at if fields.get(end) is None else fields.get(end) for end in ("start_datetime", "end_datetime")]
        same = own == owed if len(triplet.items) == 1 else _runs_through(owed[0], *own, owed[1])
        if not same or not (at is None or _runs_through(own[0], at, own[1])):
            yield broken("period_differs", name, "The item's period is not the collection's.")


def _runs_through(*times: object) -> bool:
    """Whether each is a moment, and none is before the one that it follows."""
    moments = [moment_of(time) for time in times]
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and all(a <= b for a, b in pairwise(known))


def _files(triplet: Triplet) -> Iterator[Finding]:
    """A distribution and the asset of the same key are told alike."""
    assets = {key: asset for _, key, asset in triplet.assets()}
    for node in triplet.distributions():
        asset = assets.get(triplet.key(node), {})
        kind = str(asset.get("type")).split(";")[0].strip()
        if triplet.dcat.objects(node, DCAT + "mediaType") != {MEDIA_TYPES + kind}:
            yield broken("media_type_differs", node, "DCAT and STAC name different media types.")
        if triplet.dcat.objects(node, DCT + "title") != _texts(asset.get("title")):
            yield broken("fact_differs", f"{node} title", "The distribution and the asset have different titles.")
