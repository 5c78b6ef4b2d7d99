"""What the documents say of the version as a whole: what it is, rights, policy, where and when.

Decides how each vocabulary writes each fact, and which documents owe it; never whether they agree (alignment does).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from datasets.catalogs.namespaces import KFM, RDFS
from datasets.catalogs.periods import first_second, last_second
from datasets.catalogs.sayings import (
    COLUMNS,
    Column,
    Fact,
    Said,
    compared,
    from_collection,
    from_dcat,
    from_items,
    from_prov,
    from_stac,
    stac_documents,
)
from datasets.catalogs.triplet import Triplet, links, mapping

NO_PLACE: Final = "no place"
_WORLD: Final = "-180,-90,180,90"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ALL: Final = frozenset(COLUMNS)
_TWO: Final[frozenset[Column]] = frozenset({"dcat", "stac"})
_PROV: Final[frozenset[Column]] = frozenset({"prov"})


def title(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:title") + from_stac(triplet, "title") + from_prov(triplet, "dct:title")


def description(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:description") + from_stac(triplet, "description")


def version(triplet: Triplet) -> list[Said]:
    own = from_dcat(triplet, "dcat:version") + from_collection(triplet, "version") + from_items(triplet, "id")
    return common("dataset_version_id")(triplet) + own


def dataset_id(triplet: Triplet) -> list[Said]:
    return common("dataset_id")(triplet) + from_collection(triplet, "id") + from_items(triplet, "collection")


def common(fact: str) -> Callable[[Triplet], list[Said]]:
    """A fact that all the documents say under the same name, ``kfm:<fact>``."""
    name = f"kfm:{fact}"
    return lambda triplet: from_dcat(triplet, name) + from_stac(triplet, name) + from_prov(triplet, name)


def licence(triplet: Triplet) -> list[Said]:
    more = [said for node in triplet.distributions() for said in from_dcat(triplet, "kfm:license", node)]
    return common("license")(triplet) + more


def attribution(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:rights", through="rdfs:label") + from_stac(triplet, "kfm:attribution")


def terms(triplet: Triplet) -> list[Said]:
    said = from_dcat(triplet, "dct:rights", through="rdfs:seeAlso")
    return said + [one for source, document in stac_documents(triplet) for one in _hrefs(source, document, "license")]


def _hrefs(source: str, document: Mapping[str, Any], relation: str) -> list[Said]:
    found = [str(link.get("href")) for link in links(document) if link.get("rel") == relation]
    return [Said("stac", source, href, href, href) for href in found]


def publisher(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:publisher", through="foaf:name") + _providers(triplet, "host")


def rights_holder(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:rightsHolder", through="foaf:name") + _providers(triplet, "licensor")


def _providers(triplet: Triplet, role: str) -> list[Said]:
    listed = triplet.collection.get("providers")
    rows = [mapping(row) for row in listed] if isinstance(listed, list) else []
    names = [str(row.get("name")) for row in rows if isinstance(row.get("roles"), list) and role in row["roles"]]
    return [Said("stac", "stac/collection", name, name, name) for name in names]


def obligations(triplet: Triplet) -> list[Said]:
    """Compared as sets of JSON values; that there are none is said as ``[]`` by STAC, and not at all by DCAT."""
    whole = sorted(_canonical(one.text) for one in from_dcat(triplet, "kfm:obligation"))
    told = compared(from_stac(triplet, "kfm:obligations", empty=True), _listed)
    if not triplet.dataset or not (whole or told):
        return told
    return [Said("dcat", "dcat", f"[{', '.join(whole)}]", _joined(whole), f"{triplet.dataset} kfm:obligation"), *told]


def notices(triplet: Triplet) -> list[Said]:
    """Compared as sets of texts: DCAT says each by itself, STAC a list."""
    each = sorted(json.dumps(one.text) for one in from_dcat(triplet, "kfm:notice"))
    told = compared(from_stac(triplet, "kfm:notice"), _listed)
    if not each:
        return told
    words = "; ".join(json.loads(text) for text in each)
    whole = sorted(_canonical(text) for text in each)
    return [Said("dcat", "dcat", words, _joined(whole), f"{triplet.dataset} kfm:notice"), *told]


def _listed(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return _joined(sorted(_canonical(json.dumps(one)) for one in value)) if isinstance(value, list) else text


def _joined(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return text


def extent(triplet: Triplet) -> list[Said]:
    """Bounding boxes; where there is none, DCAT says so in words and STAC's collection must say the whole world."""
    placed = compared(from_dcat(triplet, "dct:spatial", through="dcat:bbox"), _box_of_wkt)
    without = [] if placed else compared(from_dcat(triplet, "dct:spatial", through="rdfs:label"), lambda _: NO_PLACE)
    nowhere = bool(triplet.items) and all(item.get("geometry") is None for item in triplet.items)
    boxes = from_collection(triplet, "extent", "spatial", "bbox") + from_items(triplet, "bbox")
    said = compared(boxes, lambda text: NO_PLACE if nowhere and _box(text) == _WORLD else _box(text))
    return placed + without + said


def _box(text: str) -> str:
    return ",".join(f"{float(number):.9g}" for number in _NUMBER.findall(text)[:4])


def _box_of_wkt(text: str) -> str:
    numbers = [float(number) for number in _NUMBER.findall(text)]
    xs, ys = numbers[::2], numbers[1::2]
    return ",".join(f"{n:.9g}" for n in (min(xs), min(ys), max(xs), max(ys))) if xs and ys else text


def period(triplet: Triplet) -> list[Said]:
    """The time the data speak of, as first and last second: ``2024`` is from January to December."""
    starts = from_dcat(triplet, "dct:temporal", through="dcat:startDate")
    ends = from_dcat(triplet, "dct:temporal", through="dcat:endDate")
    said = [_span("dcat", "dcat", a.text, b.text, a.where) for a, b in zip(starts, ends, strict=False)]
    intervals = mapping(mapping(triplet.collection.get("extent")).get("temporal")).get("interval")
    said += [
        _span("stac", "stac/collection", str(pair[0]), str(pair[1]), "extent/temporal/interval")
        for pair in (intervals if isinstance(intervals, list) else [])
        if isinstance(pair, list) and len(pair) == 2  # noqa: PLR2004 - first and last
    ]
    for source, item in triplet.named_items():
        named = mapping(item.get("properties"))
        if "start_datetime" in named or "end_datetime" in named:
            ends_at = (str(named.get("start_datetime")), str(named.get("end_datetime")))
            said.append(_span("stac", source, *ends_at, "properties/start_datetime"))
    return said


def _span(column: Column, source: str, start: str, end: str, where: str) -> Said:
    text = start if start == end else f"{start} to {end}"
    return Said(column, source, text, f"{first_second(start) or start} {last_second(end) or end}", where)


def issued(triplet: Triplet) -> list[Said]:
    return from_dcat(triplet, "dct:issued") + from_items(triplet, "properties", "created")


def proposer(triplet: Triplet) -> list[Said]:
    said = from_prov(triplet, "prov:wasAttributedTo")
    return [Said(one.column, one.source, principal(triplet, one.text), one.key, one.where) for one in said]


def principal(triplet: Triplet, agent: str) -> str:
    """An agent in words: who it is, and in which roles."""
    names = sorted(triplet.prov.objects(agent, KFM + "principal") or triplet.prov.objects(agent, RDFS + "label"))
    roles = sorted(triplet.prov.objects(agent, KFM + "role"))
    name = names[0] if names else agent.rsplit("/", 1)[-1]
    return f"{name} ({', '.join(roles)})" if roles else name


_WHAT, _RIGHTS, _POLICY, _WHERE = "What it is", "Rights", "Policy", "Where and when"
FACTS: Final = (
    Fact(_WHAT, "Title", _ALL, title, each=True),
    Fact(_WHAT, "Description", _TWO, description, each=True),
    Fact(_WHAT, "Dataset id", _ALL, dataset_id, each=True),
    Fact(_WHAT, "Version id", _ALL, version, each=True),
    Fact(_WHAT, "Spec hash", _ALL, common("spec_hash"), each=True),
    Fact(_WHAT, "Publisher", _TWO, publisher),
    Fact(_WHAT, "Proposed by", _PROV, proposer),
    Fact(_WHAT, "Issued", _TWO, issued),
    Fact(_RIGHTS, "Licence", _ALL, licence, each=True),
    Fact(_RIGHTS, "Rights holder", _TWO, rights_holder),
    Fact(_RIGHTS, "Attribution", _TWO, attribution, each=True),
    Fact(_RIGHTS, "Terms", _TWO, terms, each=True),
    Fact(_POLICY, "Policy label", _ALL, common("policy_label"), each=True),
    Fact(_POLICY, "Policy decision", _ALL, common("policy_decision"), each=True),
    Fact(_POLICY, "Obligations", _TWO, obligations, each=True),
    Fact(_POLICY, "Notice", frozenset(), notices),
    Fact(_WHERE, "Extent", _TWO, extent),
    Fact(_WHERE, "Period", _TWO, period),
)
