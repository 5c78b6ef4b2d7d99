"""Names of things: ``kfm://`` references and the five schemes of an EvidenceRef, as values.

Decides what is a well-formed reference; never looks one up, never reads the network, never repairs a near miss: other
case, percent-encoding, non-ASCII, white space and dot segments are all refused. Keeps design §4 and clause D3.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_LENGTH = 2_000

_SLUG = r"[a-z0-9_]+"
_SLICE = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_VERSION = rf"{_SLICE}\.[0-9a-f]{{8}}(?:\.[0-9a-f]{{8}})?"
_SHA256 = r"sha256:[0-9a-f]{64}"
_IDENTIFIER = r"[A-Za-z0-9_](?:[A-Za-z0-9_.:@-]*[A-Za-z0-9_])?"
_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_SUFFIX = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NUMBER = r"0|[1-9][0-9]{0,17}"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_GRAPH_ENTITY = (
    rf"{_IDENTIFIER}|kfm://dataset/{_SLUG}@{_VERSION}|kfm://artifact/{_SHA256}|kfm://run/{_INSTANT}\.{_SUFFIX}"
)
NOT_OF_A_REFERENCE = re.compile(r"[^\x21-\x7e]|[%?\\]|\.\.")


class InvalidReference(ValueError):  # noqa: N818 - the name says what is wrong
    """A text, or the parts given, make no well-formed reference."""


def _require(pattern: str, value: object, name: str) -> None:
    if not isinstance(value, str) or len(value) > MAX_LENGTH or ".." in value or not re.fullmatch(pattern, value):
        raise InvalidReference(f"{value!r:.80} is not a well-formed {name}.")


def _require_version(version: object) -> None:
    """*version* is ``YYYY[-MM[-DD]].<8 hex>[.<8 hex>]`` with a real date."""
    _require(_VERSION, version, "dataset_version_id")
    year, *rest = str(version).partition(".")[0].split("-")
    month, day = ([int(part) for part in rest] + [1, 1])[:2]
    try:
        dt.date(int(year), month, day)
    except ValueError:
        raise InvalidReference(f"{version!r:.80} names no real date.") from None


@dataclass(frozen=True, slots=True)
class DatasetReference:
    """``kfm://dataset/<slug>[@<version>]``."""

    slug: str
    version: str | None = None

    def __post_init__(self) -> None:
        _require(_SLUG, self.slug, "dataset slug")
        if self.version is not None:
            _require_version(self.version)

    def __str__(self) -> str:
        return f"kfm://dataset/{self.slug}" + (f"@{self.version}" if self.version is not None else "")


@dataclass(frozen=True, slots=True)
class ArtifactReference:
    """``kfm://artifact/sha256:<hex>``; ``digest`` in its wire form."""

    digest: str

    def __post_init__(self) -> None:
        _require(_SHA256, self.digest, "digest")

    def __str__(self) -> str:
        return f"kfm://artifact/{self.digest}"


@dataclass(frozen=True, slots=True)
class RunReference:
    """``kfm://run/<timestamp>.<suffix>``; ``timestamp`` is RFC 3339 in UTC to the second (``2026-02-20T13:15:00Z``)."""

    timestamp: str
    suffix: str

    def __post_init__(self) -> None:
        _require(_INSTANT, self.timestamp, "run timestamp (RFC 3339, UTC, seconds)")
        _require(_SUFFIX, self.suffix, "run suffix")
        try:
            dt.datetime.strptime(self.timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
        except ValueError:
            raise InvalidReference(f"{self.timestamp!r} names no real instant.") from None

    def __str__(self) -> str:
        return f"kfm://run/{self.timestamp}.{self.suffix}"


@dataclass(frozen=True, slots=True)
class PolicyDecisionReference:
    """``kfm://policy_decision/<id>``."""

    decision_id: str

    def __post_init__(self) -> None:
        _require(_IDENTIFIER, self.decision_id, "policy decision id")

    def __str__(self) -> str:
        return f"kfm://policy_decision/{self.decision_id}"


@dataclass(frozen=True, slots=True)
class AuditEntryReference:
    """``kfm://audit/entry/<id>``; this console's own ids are ledger indexes, in decimal."""

    entry_id: str

    def __post_init__(self) -> None:
        _require(_IDENTIFIER, self.entry_id, "ledger entry id")

    def __str__(self) -> str:
        return f"kfm://audit/entry/{self.entry_id}"


@dataclass(frozen=True, slots=True)
class EvidenceBundleReference:
    """``kfm://evidence/<id>``."""

    bundle_id: str

    def __post_init__(self) -> None:
        _require(_IDENTIFIER, self.bundle_id, "evidence bundle id")

    def __str__(self) -> str:
        return f"kfm://evidence/{self.bundle_id}"


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """``kfm://doc/<uuid>``; the UUID in lower case."""

    uuid: str

    def __post_init__(self) -> None:
        _require(_UUID, self.uuid, "lower-case UUID")

    def __str__(self) -> str:
        return f"kfm://doc/{self.uuid}"


KfmReference = (
    DatasetReference
    | ArtifactReference
    | RunReference
    | PolicyDecisionReference
    | AuditEntryReference
    | EvidenceBundleReference
    | DocumentReference
)


@dataclass(frozen=True, slots=True)
class DcatReference:
    """``dcat://<slug>@<version>[#dist=<id>]``."""

    slug: str
    version: str
    distribution: str | None = None

    def __post_init__(self) -> None:
        _require(_SLUG, self.slug, "dataset slug")
        _require_version(self.version)
        if self.distribution is not None:
            _require(_IDENTIFIER, self.distribution, "distribution id")

    def __str__(self) -> str:
        return f"dcat://{self.slug}@{self.version}" + (f"#dist={self.distribution}" if self.distribution else "")


@dataclass(frozen=True, slots=True)
class StacReference:
    """``stac://<collection>/items/<item>[#asset=<key>]``."""

    collection: str
    item: str
    asset: str | None = None

    def __post_init__(self) -> None:
        _require(_IDENTIFIER, self.collection, "STAC collection id")
        _require(_IDENTIFIER, self.item, "STAC item id")
        if self.asset is not None:
            _require(_IDENTIFIER, self.asset, "STAC asset key")

    def __str__(self) -> str:
        return f"stac://{self.collection}/items/{self.item}" + (f"#asset={self.asset}" if self.asset else "")


@dataclass(frozen=True, slots=True)
class ProvReference:
    """``prov://<run_id>``: ``prov://kfm://run/…``, or ``prov://run/…`` as KFM's own examples abbreviate it."""

    run: RunReference
    abbreviated: bool = False

    def __str__(self) -> str:
        written = str(self.run)
        return "prov://" + (written.removeprefix("kfm://") if self.abbreviated else written)


@dataclass(frozen=True, slots=True)
class DocReference:
    """``doc://sha256:<hex>#page=<n>&span=<a>:<b>``; pages count from 1, the span [a, b) from character 0."""

    digest: str
    page: int
    span_start: int
    span_end: int

    def __post_init__(self) -> None:
        _require(_SHA256, self.digest, "digest")
        if self.page < 1:
            raise InvalidReference("Pages are counted from 1.")
        if not 0 <= self.span_start < self.span_end:
            raise InvalidReference("A span <a>:<b> needs a < b.")

    def __str__(self) -> str:
        return f"doc://{self.digest}#page={self.page}&span={self.span_start}:{self.span_end}"


@dataclass(frozen=True, slots=True)
class GraphReference:
    """``graph://<entity>[#rel=<type>]``; an entity of our own is named by its whole reference, ``kfm://dataset/…@…``,
    ``kfm://artifact/…`` or ``kfm://run/…``, as a run is in ``prov://``.
    """

    entity: str
    relation: str | None = None

    def __post_init__(self) -> None:
        _require(_GRAPH_ENTITY, self.entity, "graph entity")
        if self.relation is not None:
            _require(_IDENTIFIER, self.relation, "relation type")

    def __str__(self) -> str:
        return f"graph://{self.entity}" + (f"#rel={self.relation}" if self.relation else "")


EvidenceRef = DcatReference | StacReference | ProvReference | DocReference | GraphReference

_KFM: tuple[tuple[re.Pattern[str], Callable[..., KfmReference]], ...] = (
    (re.compile(rf"kfm://dataset/({_SLUG})(?:@({_VERSION}))?"), DatasetReference),
    (re.compile(rf"kfm://artifact/({_SHA256})"), ArtifactReference),
    (re.compile(rf"kfm://run/({_INSTANT})\.({_SUFFIX})"), RunReference),
    (re.compile(rf"kfm://policy_decision/({_IDENTIFIER})"), PolicyDecisionReference),
    (re.compile(rf"kfm://audit/entry/({_IDENTIFIER})"), AuditEntryReference),
    (re.compile(rf"kfm://evidence/({_IDENTIFIER})"), EvidenceBundleReference),
    (re.compile(rf"kfm://doc/({_UUID})"), DocumentReference),
)


def _doc(digest: str, page: str, start: str, end: str) -> DocReference:
    return DocReference(digest, int(page), int(start), int(end))


_EVIDENCE: tuple[tuple[re.Pattern[str], Callable[..., EvidenceRef]], ...] = (
    (re.compile(rf"dcat://({_SLUG})@({_VERSION})(?:#dist=({_IDENTIFIER}))?"), DcatReference),
    (re.compile(rf"stac://({_IDENTIFIER})/items/({_IDENTIFIER})(?:#asset=({_IDENTIFIER}))?"), StacReference),
    (
        re.compile(rf"prov://(kfm://)?run/({_INSTANT})\.({_SUFFIX})"),
        lambda scheme, instant, suffix: ProvReference(RunReference(instant, suffix), abbreviated=scheme is None),
    ),
    (re.compile(rf"doc://({_SHA256})#page=({_NUMBER})&span=({_NUMBER}):({_NUMBER})"), _doc),
    (re.compile(rf"graph://({_GRAPH_ENTITY})(?:#rel=({_IDENTIFIER}))?"), GraphReference),
)


def _refuse_characters(text: object) -> str:
    if not isinstance(text, str) or not text:
        raise InvalidReference("A reference is a text that is not empty.")
    if len(text) > MAX_LENGTH:
        raise InvalidReference(f"A reference has at most {MAX_LENGTH} characters; this one has {len(text)}.")
    if NOT_OF_A_REFERENCE.search(text):
        raise InvalidReference(
            f"{text!r:.120} is no reference: only visible ASCII is allowed, with no %, ?, backslash or '..'."
        )
    return text


def parse_reference(text: str) -> KfmReference:
    """The ``kfm://`` reference that *text* spells exactly, or :class:`InvalidReference`."""
    text = _refuse_characters(text)
    for pattern, make in _KFM:
        if match := pattern.fullmatch(text):
            return make(*match.groups())
    raise InvalidReference(
        f"{text!r:.120} is no kfm:// reference. "
        "Known: dataset, artifact, run, policy_decision, audit/entry, evidence, doc."
    )


def parse_evidence_ref(text: str) -> EvidenceRef:
    """The EvidenceRef that *text* spells exactly, or :class:`InvalidReference`; nothing is looked up (clause D3)."""
    text = _refuse_characters(text)
    for pattern, make in _EVIDENCE:
        if match := pattern.fullmatch(text):
            return make(*match.groups())
    raise InvalidReference(f"{text!r:.120} is no EvidenceRef. Known schemes: dcat, stac, prov, doc, graph (design §4).")
