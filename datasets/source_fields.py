"""What a source is made of, and what is wrong with it, field by field.

Decides from the fields and from the settings that bound them: the directories that may be read and the credentials
that may be named. Never resolves a name and never connects. A finding's ``where`` is the field's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings

from audit.findings import Finding
from datasets.intake_terms import DeclaredTerms, check_terms
from datasets.models.upstream import Cadence, SliceRule, SourceKind
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.patterns import Pattern
from datasets.upstream.urls import PORTS, check_pattern, host_of, parse_url, require_allowed

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9!_.*'()=/-]*)?")
MOST_HOSTS = 20
#: Words in the names of a query, or of a fragment, that say its value is a secret.
SECRET_NAMES = re.compile(
    r"key|token|secret|passw|^pass$|^pwd$|signature|^sig$|^sas$|^jwt$|credential|auth", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SourceFields:
    """A source as a person fills it in; ``allowed_hosts`` empty: the location's own host."""

    name: str
    kind: str
    location: str
    pattern: str
    allowed_hosts: tuple[str, ...]
    credential: str
    license: str
    rights_holder: str
    attribution: str
    terms_uri: str
    terms_text: str
    cadence: str
    slice_rule: str
    propose: bool
    active: bool


def check_source(fields: SourceFields) -> list[Finding]:
    """Every fault of *fields*; empty: it may be recorded."""
    findings = _check_words(fields)
    if fields.kind == SourceKind.HTTP:
        findings += _check_web(fields)
    elif fields.kind == SourceKind.FILES:
        findings += _check_files(fields)
    return findings + _check_credential(fields) + _check_terms(fields)


def hosts_of(fields_or_source: object) -> tuple[str, ...]:
    """The hosts a web source may be fetched from: as listed, or the location's own."""
    listed = tuple(getattr(fields_or_source, "allowed_hosts"))  # noqa: B009 - a source row, or its fields
    return listed or (host_of(getattr(fields_or_source, "location")),)  # noqa: B009


def _check_words(fields: SourceFields) -> list[Finding]:
    findings = []
    if NAME.fullmatch(fields.name) is None:
        message = "A name has 1 to 60 lower-case letters, digits, “-” and “_”, with a letter or digit at each end."
        findings.append(Finding("name_malformed", "name", message, "Example: county-roads."))
    for name, choices in (("kind", SourceKind), ("cadence", Cadence), ("slice_rule", SliceRule)):
        if getattr(fields, name) not in choices.values:
            message = f"The {name.replace('_', ' ')} is none of: {', '.join(choices.values)}."
            findings.append(Finding(f"{name}_unknown", name, message, "Choose one of them."))
    if len(fields.location) > 1_000:  # noqa: PLR2004 - the column's width
        findings.append(Finding("location_too_long", "location", "The location has more than 1,000 characters.", ""))
    return findings


def _check_web(fields: SourceFields) -> list[Finding]:
    findings: list[Finding] = []
    if fields.pattern:
        findings.append(Finding("pattern_unused", "pattern", "A web address has no pattern.", "Leave it empty."))
    try:
        url = parse_url(fields.location)
    except UpstreamRefused as refusal:
        return [*findings, Finding(refusal.code, "location", refusal.message, refusal.fix)]
    parts = urlsplit(fields.location)
    named = [name for part in (parts.query, parts.fragment) for name, _ in parse_qsl(part, keep_blank_values=True)]
    if any(SECRET_NAMES.search(name) for name in named):
        message = "The address seems to hold a secret in its query."
        findings.append(Finding("location_secret", "location", message, "Have an operator set it up as a credential."))
    if len(fields.allowed_hosts) > MOST_HOSTS:
        message = f"There are more than {MOST_HOSTS} allowed hosts."
        return [*findings, Finding("allowed_hosts_many", "allowed_hosts", message, "Use *.example.org for a domain.")]
    try:
        for pattern in fields.allowed_hosts:
            if check_pattern(pattern) != pattern:
                message = f"Write the allowed host {pattern!r:.80} in lower case."
                findings.append(Finding("allow_list", "allowed_hosts", message, "Example: data.example.org."))
        require_allowed(url, fields.allowed_hosts or (url.entry,), PORTS.values())
    except UpstreamRefused as refusal:
        where = "location" if refusal.code == "port_not_allowed" else "allowed_hosts"
        findings.append(Finding(refusal.code, where, refusal.message, refusal.fix))
    return findings


def _check_files(fields: SourceFields) -> list[Finding]:
    findings: list[Finding] = []
    if fields.allowed_hosts:
        message = "A directory or bucket has no allowed hosts."
        findings.append(Finding("allowed_hosts_unused", "allowed_hosts", message, "Leave them empty."))
    if len(fields.pattern) > 200:  # noqa: PLR2004 - the column's width
        findings.append(Finding("pattern_too_long", "pattern", "The pattern has more than 200 characters.", ""))
    try:
        Pattern(fields.pattern or "*")
    except UpstreamRefused as refusal:
        findings.append(Finding("pattern_malformed", "pattern", refusal.message, refusal.fix))
    if fields.location.startswith("s3://"):
        if BUCKET.fullmatch(fields.location) is None or ".." in fields.location:
            message = "A bucket is s3://bucket or s3://bucket/prefix, without a key or a query."
            findings.append(Finding("location_malformed", "location", message, "Example: s3://county-data/roads"))
    elif not fields.location.startswith("/"):
        message = "A directory is given by its absolute path, a bucket as s3://bucket/prefix."
        findings.append(Finding("location_malformed", "location", message, "Example: /srv/incoming/roads"))
    elif not _beneath_a_root(fields.location):
        message = "No directory outside those that the console's operator opened (KFM_SOURCE_ROOTS) is read."
        findings.append(Finding("outside_roots", "location", message, "Have the directory opened, or choose another."))
    return findings


def _beneath_a_root(location: str) -> bool:
    if ".." in Path(location).parts or "\0" in location:
        return False
    return any(Path(location).is_relative_to(root) for root in settings.KFM_SOURCE_ROOTS)


def _check_credential(fields: SourceFields) -> list[Finding]:
    """A credential exists, fits the kind, and is for this very place: no source may carry it elsewhere."""
    if not fields.credential:
        return []
    known = settings.KFM_SOURCE_CREDENTIALS.get(fields.credential)
    if known is None:
        message = "There is no credential of that name."
        return [Finding("credential_unknown", "credential", message, "Choose one of those that are set up.")]
    if fields.kind == SourceKind.HTTP:
        try:
            fits = host_of(fields.location) in known.hosts and fields.location.startswith("https:")
        except UpstreamRefused:
            return []  # said of the location already
    else:
        fits = urlsplit(fields.location).netloc in known.buckets and fields.location.startswith("s3:")
    if fits:
        return []
    message = "That credential is not for this place: its entry names the https hosts and buckets that may see it."
    return [Finding("credential_elsewhere", "credential", message, "Choose another, or have an operator add the host.")]


def _check_terms(fields: SourceFields) -> list[Finding]:
    said = fields.terms_text or ("The page is captured at each ingest." if fields.terms_uri else "")
    terms = DeclaredTerms(fields.license, fields.rights_holder, fields.attribution, fields.terms_uri, said)
    findings = check_terms(terms)
    if fields.terms_uri and fields.terms_text.strip():
        message = "Give the page of the terms, or their text, not both: with a page, the page counts."
        findings.append(Finding("terms_twice", "terms_text", message, "Empty one of the two."))
    if fields.terms_uri and not any(f.where == "terms_uri" for f in findings):
        try:
            parse_url(fields.terms_uri)
        except UpstreamRefused as refusal:
            findings.append(Finding(refusal.code, "terms_uri", refusal.message, refusal.fix))
    return findings
