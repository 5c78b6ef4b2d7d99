"""Every kind of reference that names something in a version, and texts that come near one and name nothing."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from datasets.catalogs.namespaces import PREFIXES, PROV
from datasets.catalogs.triplet import read_triplet
from datasets.models import RunReceipt
from datasets.stores import read_document
from promotions.shelf import Shelf

#: White space of Unicode, and characters without width; none may stand in a reference, before it or after it.
BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u202e\u2066\x00\x01\x7f"
)
#: Letters that look like those of ASCII.
CONFUSABLE = str.maketrans(
    {
        "a": "\u0430",
        "c": "\u0441",
        "e": "\u0435",
        "o": "\u043e",
        "p": "\u0440",
        "s": "\u0455",
        "i": "\u0456",
        "x": "\u0445",
        "/": "\u2044",
        ":": "\ua789",
        "@": "\uff20",
        "#": "\uff03",
        "_": "\uff3f",
        ".": "\u2024",
        "2": "\uff12",
        "0": "\u0660",
        "k": "\u212a",
        "d": "\u0501",
    }
)
#: From a visible ASCII character to its full-width form.
FULL_WIDTH = 0xFEE0


def valid(version) -> list[str]:
    """One of each kind: all five schemes, with and without what follows ``#``."""
    own = f"{version.dataset.slug}@{version.version_id}"
    item = f"stac://{version.dataset.slug}/items/{version.version_id}"
    run = RunReceipt.objects.filter(version=version, operation="validate").order_by("-ledger_index")[0].run_id
    terms, data = (version.files.get(part=part).artifact_id for part in ("terms", "data"))
    return [
        f"dcat://{own}",
        f"dcat://{own}#dist=data",
        item,
        f"{item}#asset=data",
        f"{item}#asset=qa-report",
        f"prov://{run}",
        f"prov://{run.removeprefix('kfm://')}",
        f"doc://{terms}#page=1&span=0:8",
        f"doc://{version.files.get(part='dcat').artifact_id}#page=1&span=2:12",
        f"graph://kfm://dataset/{own}",
        f"graph://kfm://dataset/{own}#rel=prov:hadMember",
        f"graph://kfm://artifact/{data}",
        f"graph://kfm://artifact/{data}#rel=prov:wasGeneratedBy",
        f"graph://{run}#rel=prov:used",
    ]


def everything(version) -> set[str]:
    """Every reference but ``doc://`` that names something in the version, told from its documents alone."""
    triplet, _ = read_triplet(Shelf.open(version, fresh=False).triplet())
    own = f"{version.dataset.slug}@{version.version_id}"
    item = f"stac://{version.dataset.slug}/items/{version.version_id}"
    found = {f"dcat://{own}", item}
    found |= {f"dcat://{own}#dist={triplet.key(node)}" for node in triplet.distributions()}
    found |= {f"{item}#asset={key}" for _, key, _ in triplet.assets()}
    for run in triplet.prov.instances(PROV + "Activity"):
        found |= {f"prov://{run}", f"prov://{run.removeprefix('kfm://')}"}
    described = triplet.prov.instances(PROV + "Activity") | triplet.prov.instances(PROV + "Entity")
    for iri in (name for name in described if name.startswith("kfm://")):
        said = [
            f"{p}:{r[len(n) :]}" for r in triplet.prov.predicates(iri) for p, n in PREFIXES.items() if r.startswith(n)
        ]
        found |= {f"graph://{iri}", *(f"graph://{iri}#rel={relation}" for relation in said)}
    return found


def near(ref: str) -> set[str]:
    """Systematically: case, blanks, encodings, normal forms, look-alikes, traversal, parts added, doubled, left out."""
    found = {ref.upper(), ref.title(), ref.capitalize(), ref.swapcase()}
    found |= {ref[:at] + ref[at].upper() + ref[at + 1 :] for at in range(len(ref))}
    for blank in BLANKS:
        found |= {blank + ref, ref + blank, ref.replace("://", f"://{blank}", 1), ref.replace("@", f"@{blank}")}
    found |= {quote(ref), quote(ref, safe=""), quote(quote(ref)), ref.replace("_", "%5F"), ref.replace(":", "%3A")}
    found |= {ref.replace(letter, f"%{ord(letter):02x}", 1) for letter in set(ref)}
    found |= {ref.replace(plain, alike) for plain, alike in ((chr(k), v) for k, v in CONFUSABLE.items())}
    found.add(ref.translate(CONFUSABLE))
    found |= {ref.replace(letter, chr(ord(letter) + FULL_WIDTH)) for letter in set(ref)}  # "." as U+FF0E, and so on
    found.add("".join(chr(ord(letter) + FULL_WIDTH) for letter in ref))
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        found |= {unicodedata.normalize(form, ref.replace("e", "é")), unicodedata.normalize(form, ref + "\u0301")}
    for part in ("../", "..%2f", "%2e%2e/", "./", "//", "\\", "a/../", "..;/"):
        found |= {ref.replace("://", f"://{part}", 1), f"{ref}/{part}", part + ref}
    for more in (
        "/",
        "#",
        "?",
        "?x=1",
        "&x=1",
        "#x=1",
        ";x",
        "#dist=",
        "#asset=",
        "#rel=",
        "#page=",
        ".json",
        "@",
        ",",
        "*",
    ):
        found |= {ref + more, ref.replace("#", f"{more}#", 1) if "#" in ref else ref + more + more}
    found |= {ref.replace("=", "==", 1), ref.replace("#", "##"), ref.replace("#", "/"), ref.replace("#", "?")}
    found |= {ref.replace("#", ""), ref.replace("@", "@@"), ref.replace("@", "/"), ref.replace("://", ":"), ref[1:]}
    found |= {ref.replace("://", "//"), ref.replace("://", ":////"), f"kfm://{ref}", f"{ref}{ref}", f"{ref},{ref}"}
    scheme, _, rest = ref.partition("://")
    host = rest.partition("/")[0].partition("#")[0].partition("@")[0]
    found |= {f"{scheme}://{more}{rest}" for more in ("user@", "user:secret@", ":@", "@", "localhost/", "[::1]/")}
    found |= {f"{scheme}://{host}{more}{rest.removeprefix(host)}" for more in (":443", ":0", ":", ".", "%00")}
    found |= {
        f"{other}://{rest}"
        for other in ("dcat", "stac", "prov", "doc", "graph", "http", "file", "DCAT")
        if other != scheme
    }
    if "#" in ref:
        head, _, tail = ref.partition("#")
        found |= {f"{head}#{tail}&{tail}", f"{head}#{tail}#{tail}", f"{head}#", f"{head}#{tail.split('=')[0]}"}
        found |= {f"{head}#{tail}x", f"{head}#x{tail}", f"{head}#{tail.replace('=', '= ')}"}
    found |= {ref[:at] + ref[at + 1] + ref[at] + ref[at + 2 :] for at in range(len(ref) - 1)}  # two swapped
    found |= {ref[:at] + ref[at + 1 :] for at in range(len(ref))}  # one left out
    return found - {ref, ""}


def of_others(refs: list[str], version, others) -> set[str]:
    """The same references with another version's id, or another dataset's name."""
    found = set()
    for other in others:
        found |= {ref.replace(version.version_id, other.version_id) for ref in refs}
        found |= {ref.replace(version.dataset.slug, other.dataset.slug + "x") for ref in refs}
    return found - set(refs)


def text_of(ref: str) -> str:
    """The characters that a ``doc://`` reference names."""
    digest, _, span = ref.removeprefix("doc://").partition("#page=1&span=")
    start, end = (int(number) for number in span.split(":"))
    return read_document(digest).decode()[start:end]
