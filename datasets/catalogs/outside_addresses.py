"""The outside addresses that a version's catalogs name: licence, terms, publisher's page and the like.

Reads DCAT and STAC as stored. Leaves out the console's own addresses, and IRIs that only name something (vocabularies,
media types, KFM's own names). Decides no more: whether one may be asked, or answers, is said elsewhere.
"""

from __future__ import annotations

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.namespaces import DCAT, DCT, FOAF, KFM, MEDIA_TYPES, RDFS
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.triplet import links, mapping

LONGEST = 2000
#: Predicates whose IRI is a page that people open, and the words for each.
PAGES: dict[str, str] = {
    DCT + "license": "licence",
    RDFS + "seeAlso": "terms",
    DCT + "rights": "rights",
    DCT + "accessRights": "access rights",
    DCT + "publisher": "publisher",
    DCT + "source": "source",
    DCT + "conformsTo": "standard",
    DCT + "relation": "related page",
    DCAT + "landingPage": "landing page",
    DCAT + "accessURL": "access page",
    DCAT + "downloadURL": "download",
    DCAT + "theme": "theme",
    FOAF + "homepage": "homepage",
    FOAF + "page": "documentation",
}
_NAMES_ONLY = (MEDIA_TYPES, KFM.removesuffix("ns#"))


def outside_addresses(dcat: bytes, stac: tuple[bytes, ...], *, own: str) -> dict[str, str]:
    """Address to what it is named as (the first naming counts). ``own``: the console's public address.

    A document that can't be read names nothing here: gate D says that it can't be read.
    """
    found: dict[str, str] = {}
    for triple in read_rdf(dcat).triples or ():
        word = PAGES.get(triple.predicate.value)
        if word is not None:
            _take(found, str(getattr(triple.object, "value", "")), word, own)
    for raw in stac:
        try:
            document = mapping(parse_strict(raw))
        except StrictJsonError:
            continue
        for link in links(document):
            _take(found, str(link.get("href")), f"{link.get('rel')} link", own)
    return dict(sorted(found.items()))


def _take(found: dict[str, str], address: str, word: str, own: str) -> None:
    if not address.startswith(("http://", "https://")) or len(address) > LONGEST or not address.isprintable():
        return
    ours = address == own or address.startswith(f"{own.rstrip('/')}/")
    if not ours and not address.startswith(_NAMES_ONLY):
        found.setdefault(address, word[:80])
