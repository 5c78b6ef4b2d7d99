"""The upstream's terms as someone declares them, and what is wrong with them, field by field.

Decides only whether they can be kept: an explicit licence, who holds the rights, whom to name, without a
credential in any address of them, since they are shown with every copy; and the terms' own text. Whether the licence
allows a release is gate B's. Keeps clause B1's form and B2's text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from audit.findings import Finding
from datasets import credentials, rights

#: The longest text that each field of an acquisition holds, in characters.
LONGEST = {"license": 200, "rights_holder": 300, "attribution": 500, "terms_uri": 500}


@dataclass(frozen=True, slots=True)
class DeclaredTerms:
    """The upstream's terms as the contributor captured them; ``text`` is the snapshot, word for word."""

    license: str
    rights_holder: str
    attribution: str
    terms_uri: str
    text: str


def check_terms(terms: DeclaredTerms) -> list[Finding]:
    """Faults in the declared terms, one a field; ``where`` is the field's name."""
    findings = [Finding(f.code, "license", f.message, f.fix, f.kind) for f in rights.check_license(terms.license)]
    findings += [
        Finding(
            f"{name}_missing",
            name,
            f"Say who: the {name.replace('_', ' ')} is empty.",
            "It is shown with every published copy.",
            "missing",
        )
        for name in ("rights_holder", "attribution")
        if not getattr(terms, name).strip()
    ]
    findings += [_unfit(name, getattr(terms, name)) for name in LONGEST if _is_unfit(name, getattr(terms, name))]
    if terms.terms_uri and not _is_web_address(terms.terms_uri):
        message = "The address of the terms is no absolute http or https address."
        findings.append(
            Finding("terms_uri_invalid", "terms_uri", message, "Give the page's address, or leave it empty.")
        )
    for name in LONGEST:  # not the text: it may be a stranger's page, kept as it was found
        findings += credentials.check_absent(getattr(terms, name), name, prose=True)
    if not terms.text.strip():
        findings.append(
            Finding(
                "terms_missing",
                "terms_text",
                "Paste the upstream's terms, as they stand today.",
                "They are kept as the terms snapshot (clause B2).",
                "missing",
            )
        )
    return findings


def _is_unfit(name: str, text: str) -> bool:
    return len(text) > LONGEST[name] or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text)


def _unfit(name: str, text: str) -> Finding:
    """Why a text can't be kept: it is shown with every copy, so it is one line of ordinary characters."""
    longest, words = LONGEST[name], name.replace("_", " ")
    if len(text) > longest:
        return Finding(f"{name}_too_long", name, f"The {words} has {len(text)} characters.", f"Use at most {longest}.")
    return Finding(
        f"{name}_unprintable", name, f"The {words} holds characters that can't be shown.", "Write it on one line."
    )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that hold no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not re.search(r"[\s\"<>\\^`{|}]", text)


def stated_terms(canonical: str) -> dict[str, str]:
    """What a recorded spec says of the upstream's terms, field by field; the snapshot's text stands in no spec."""
    upstream = json.loads(canonical).get("upstream") or {}
    stated = upstream.get("terms") or upstream.get("terms_snapshot") or {}
    return {name: str(stated.get(name, "")) for name in ("license", "rights_holder", "attribution", "terms_uri")}
