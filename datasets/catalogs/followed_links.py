"""Each cross-link of a triplet on a line of its own: from where, to where, and whether gate D found fault with it.

Decides nothing anew: the findings are those of ``crosslinks.check_crosslinks``, given, and here they are only put
beside the link that they speak of. A finding that fits several links counts against each; one that fits none stays on
its own (``left_over``), so that no finding is lost. Without a judgement, a link is not checked, and says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from audit.findings import Finding
from datasets.catalogs.namespaces import KFM, PROV
from datasets.catalogs.sayings import from_dcat, stac_documents
from datasets.catalogs.triplet import Triplet, links

State = Literal["resolved", "unresolved", "unchecked"]
_ARTIFACT: Final = "kfm://artifact/"
#: Codes that speak of a document or of a link that is not there, never of a link that is.
_OF_NO_LINK: Final = frozenset(
    {
        "dcat_link_missing",
        "prov_link_missing",
        "dcat_activity_missing",
        "item_missing",
        "fact_not_single",
        "fact_differs",
        "catalog_digest_differs",
        "dataset_count",
    }
)


@dataclass(frozen=True, slots=True)
class Link:
    """``document``: that makes the link (``dcat``, ``stac/items/…``, ``prov``); ``at``: its place in there.

    ``target_document``: what it leads to (``prov``, ``receipt`` …; empty: the stored bytes), ``target``: the very name.
    ``place`` and ``codes``: where, and by which codes, a finding speaks of this link.
    """

    rule: str
    document: str
    at: str
    target_document: str
    target: str
    place: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Followed:
    """A link, and what was found against it. ``reason``: why it could not be checked."""

    link: Link
    state: State
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def follow(
    triplet: Triplet, stored: Collection[str], findings: Sequence[Finding] | None, reason: str = ""
) -> list[Followed]:
    """Every link that the readable documents make. ``stored``: digests of the artifacts that were judged;
    ``findings``: gate D's of clause D2; ``None``: not judged, for that ``reason``.
    """
    every = list(links_of(triplet, stored))
    if findings is None:
        return [Followed(link, "unchecked", (), reason) for link in every]
    unreadable = [finding for finding in findings if finding.kind == "error"]
    followed = []
    for link in every:
        against = tuple(finding for finding in findings if _speaks_of(finding, link, every))
        state: State = "unresolved" if against else "unchecked" if unreadable else "resolved"
        followed.append(Followed(link, state, against, unreadable[0].message if state == "unchecked" else ""))
    return followed


def left_over(findings: Iterable[Finding], followed: Sequence[Followed]) -> list[Finding]:
    """The findings that speak of no listed link: above all, links that are missing."""
    taken = {finding for one in followed for finding in one.findings}
    return [finding for finding in findings if finding not in taken]


def _speaks_of(finding: Finding, link: Link, every: Sequence[Link]) -> bool:
    if finding.where != link.place or finding.code in _OF_NO_LINK or finding.kind == "error":
        return False
    rivals = [other for other in every if other.place == link.place and finding.code in other.codes]
    rivals = rivals or [other for other in every if other.place == link.place]  # a code not known here: against all
    named = [other for other in rivals if other.target in finding.message]
    longest = max((len(other.target) for other in named), default=0)  # one name may begin another
    return link in ([other for other in named if len(other.target) == longest] or rivals)


def links_of(triplet: Triplet, stored: Collection[str]) -> Iterator[Link]:
    """In reading order: DCAT's, STAC's, then PROV's."""
    yield from _of_dcat(triplet)
    yield from _of_stac(triplet)
    yield from _of_prov(triplet, stored)


def _of_dcat(triplet: Triplet) -> Iterator[Link]:
    codes = ("distribution_digest_differs", "distribution_dangling", "size_differs", "producer_differs")
    for node in triplet.distributions():
        yield _link(
            "DCAT distribution to its artifact",
            "dcat",
            f"{node} kfm:artifact",
            "",
            _ARTIFACT + triplet.checksum(node),
            node,
            *codes,
            "distribution_asset_differs",
        )
    for said in from_dcat(triplet, "prov:wasGeneratedBy"):
        yield _link(
            "DCAT dataset to the run in PROV",
            "dcat",
            said.where,
            "prov",
            said.text,
            said.text,
            "dcat_activity_dangling",
        )


def _of_stac(triplet: Triplet) -> Iterator[Link]:
    for name, document in stac_documents(triplet):
        word = "collection" if name == "stac/collection" else "item"
        for link in links(document):
            kind, target = str(link.get("kfm:document")), str(link.get("kfm:ref"))
            if kind == "dcat":
                yield _link(f"STAC {word} to DCAT", name, "links/kfm:ref", kind, target, name, "dcat_link_dangling")
            elif kind == "prov":
                yield _link(f"STAC {word} to PROV", name, "links/kfm:ref", kind, target, name, "prov_link_dangling")
            elif kind == "receipt":
                codes = ("receipt_link_dangling", "receipt_digest_differs")
                yield _link(f"STAC {word} to a receipt", name, target, kind, target, name, *codes)
        if word == "item":
            target = str(document.get("collection"))
            rule = "STAC item to its collection"
            yield _link(rule, name, "collection", "stac/collection", target, name, "dangling_collection")
    yield from _of_assets(triplet)


def _of_assets(triplet: Triplet) -> Iterator[Link]:
    codes = ("asset_dangling", "size_differs", "asset_digest_differs", "producer_differs")
    for item, key, asset in triplet.assets():
        place = f"stac/items/{item}#asset={key}"
        at, target = f"assets/{key}/file:checksum", str(asset.get("kfm:artifact"))
        yield _link("STAC asset to its artifact", f"stac/items/{item}", at, "", target, place, *codes)


def _of_prov(triplet: Triplet, stored: Collection[str]) -> Iterator[Link]:
    yield _link(
        "DCAT dataset is an entity of PROV",
        "dcat",
        triplet.dataset,
        "prov",
        triplet.dataset,
        "prov",
        "prov_dataset_missing",
    )
    codes = ("receipt_missing", "receipt_digest_differs", "run_id_differs", "inputs_differ", "outputs_differ")
    more = ("operation_differs", "policy_decision_differs", "environment_differs")
    for run in sorted(triplet.activities()):
        if triplet.prov.objects(run, KFM + "operation") == {"catalog"}:
            continue
        yield _link("PROV run to its receipt", "prov", f"{run} kfm:receipt_digest", "receipt", run, run, *codes, *more)
    producing = ("artifact_not_in_prov", "artifact_producer_count", "artifact_receipt_count", "producer_differs")
    for entity, run in triplet.prov.mentioned(PROV + "wasGeneratedBy"):
        if entity.removeprefix(_ARTIFACT) in stored:
            digest = entity.removeprefix(_ARTIFACT)
            at = f"{entity} prov:wasGeneratedBy"
            yield _link("Artifact to the one receipt that made it", "prov", at, "receipt", run, digest, *producing)


def _link(rule: str, document: str, at: str, target_document: str, target: str, place: str, *codes: str) -> Link:  # noqa: PLR0913 - a link's own parts
    return Link(rule, document, at, target_document, target, place, frozenset(codes))
