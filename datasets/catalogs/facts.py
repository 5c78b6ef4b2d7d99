"""CatalogFacts: everything the catalog documents say about one dataset version, recorded before they are built.

Decides whether the facts are complete enough to describe a version (it refuses with a sentence when not); never looks
anything up and never reads a clock. Keeps design §7: the same facts give the same catalog bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_SLUG: Final = re.compile(r"[a-z0-9_]+")
_VERSION: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?\.[0-9a-f]{8}(\.[0-9a-f]{8})?")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_RUN_ID: Final = re.compile(r"kfm://run/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z\.[A-Za-z0-9_-]+")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_SLICE: Final = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?)?)?")
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MEDIA: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+_-]+(\s*;.*)?")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*:[A-Za-z0-9_.-]+")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")

#: Roles of artifacts that are records about the data; every other one may hold something of the data themselves.
RECORD_ROLES: Final = frozenset({"qa", "terms", "metadata"})
WHOLE_DEGREE_LABEL: Final = "restricted_sensitive_location"
WORLD: Final = (-180.0, -90.0, 180.0, 90.0)


class IncompleteFactsError(ValueError):
    """The facts can't describe a version; the message names the field and the rule."""


def _require(condition: object, sentence: str) -> None:
    if not condition:
        raise IncompleteFactsError(sentence)


@dataclass(frozen=True, slots=True)
class DigestedUri:
    """One input or output of a run, as its receipt lists it: ``uri`` (path or URI), ``digest`` ``sha256:<hex>``."""

    uri: str
    digest: str

    def __post_init__(self) -> None:
        _require(self.uri, "A run's input or output has no uri.")
        _require(_DIGEST.fullmatch(self.digest), f"The digest of {self.uri!r} is not sha256:<64 hex>.")


@dataclass(frozen=True, slots=True)
class ArtifactFact:
    """One stored file of the version.

    ``key``: names it in STAC assets and DCAT distributions, unique in the version, ``[A-Za-z0-9][A-Za-z0-9_.-]*``;
    ``path``: inside the version's processed zone; ``role``: ``data`` files become distributions (see
    ``CatalogFacts.distributed``), every role (``qa``, ``terms``, ``metadata``, …) an asset and an entity; ``run_id``:
    the one run that produced it; ``crs``: of a vector file, the code of its coordinates' system (``EPSG:4326``) as
    recorded when it was made; ``""`` where none was.
    """

    key: str
    path: str
    media_type: str
    digest: str
    size_bytes: int
    role: str
    run_id: str
    title: str = ""
    crs: str = ""

    def __post_init__(self) -> None:
        _require(_KEY.fullmatch(self.key), f"Artifact key {self.key!r} must match {_KEY.pattern}.")
        _require(self.path, f"Artifact {self.key!r} has no path.")
        _require(_MEDIA.fullmatch(self.media_type), f"Artifact {self.key!r}: {self.media_type!r} is no media type.")
        _require(_DIGEST.fullmatch(self.digest), f"The digest of artifact {self.key!r} is not sha256:<64 hex>.")
        _require(self.size_bytes >= 0, f"Artifact {self.key!r} has a negative size.")
        _require(_KEY.fullmatch(self.role), f"Artifact {self.key!r} has no role.")
        _require(_RUN_ID.fullmatch(self.run_id), f"Artifact {self.key!r}: {self.run_id!r} is no run id.")
        _require(not self.crs or _CODE.fullmatch(self.crs), f"Artifact {self.key!r}: {self.crs!r} is no CRS code.")


@dataclass(frozen=True, slots=True)
class RunFact:
    """One run that worked on the version, as its receipt records it.

    ``receipt_digest`` is None for the catalog run alone: its receipt digests these very documents, so they can't hold
    its digest; for the same reason its ``outputs`` are left empty. ``role`` is the role in which ``principal`` ran it.
    """

    run_id: str
    operation: str
    receipt_digest: str | None
    inputs: tuple[DigestedUri, ...]
    outputs: tuple[DigestedUri, ...]
    principal: str
    role: str
    container_digest: str
    git_commit: str
    decision_id: str
    started_at: str
    ended_at: str

    def __post_init__(self) -> None:
        _require(_RUN_ID.fullmatch(self.run_id), f"{self.run_id!r} is no run id (kfm://run/<UTC seconds>.<suffix>).")
        _require(self.operation, f"{self.run_id} has no operation.")
        if self.receipt_digest is None:
            _require(self.operation == "catalog", f"{self.run_id} ({self.operation}) has no receipt digest.")
            _require(not self.outputs, f"{self.run_id}: the catalog run can't list outputs inside its own outputs.")
        else:
            _require(_DIGEST.fullmatch(self.receipt_digest), f"{self.run_id}: the receipt digest is not sha256:<hex>.")
        _require(self.principal and self.role, f"{self.run_id} names no principal or no role.")
        _require(_DIGEST.fullmatch(self.container_digest), f"{self.run_id}: container digest is not sha256:<hex>.")
        _require(_COMMIT.fullmatch(self.git_commit), f"{self.run_id}: {self.git_commit!r} is no git commit.")
        _require(self.decision_id.startswith("kfm://policy_decision/"), f"{self.run_id} names no policy decision.")
        _require(_TIME.fullmatch(self.started_at), f"{self.run_id}: started_at must be RFC 3339 UTC (…Z).")
        _require(_TIME.fullmatch(self.ended_at), f"{self.run_id}: ended_at must be RFC 3339 UTC (…Z).")
        _require(self.started_at[:19] <= self.ended_at[:19], f"{self.run_id} ends before it starts.")


@dataclass(frozen=True, slots=True)
class Grid:
    """How a raster's pixels lie. ``code``: of its coordinate system, ``EPSG:<n>``, or ``""`` where it has no code;
    ``shape``: rows and columns; ``transform``: from column and row to coordinates, as STAC's ``proj:transform``.
    """

    code: str
    shape: tuple[int, int]
    transform: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(not self.code or _CODE.fullmatch(self.code), f"{self.code!r} is no code of a coordinate system.")
        _require(min(self.shape) > 0, "A raster has at least one row and one column.")
        _require(len(self.transform) == 6, "A raster's transform has six numbers.")  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """All that the triplet says about one dataset version.

    ``license``: an SPDX expression or ``LicenseRef-…`` (whether it permits release is gate B's question);
    ``bbox``: west, south, east, north in degrees, EPSG:4326 longitude first, or None when the data has no place; under
    ``metadata_only`` the spec's hint, never the data's. ``grid``: of the data where they are a raster;
    ``uncertainty_m``: metres from a published place beyond which no true one lies, where places were generalized;
    ``temporal_start``/``temporal_end``: ``YYYY[-MM[-DD[THH:MM:SSZ]]]``, the period the data speaks about;
    ``obligations``: the policy decision's, as plain JSON objects; ``issued_at``: a recorded time, RFC 3339 UTC;
    ``approval_roles``: roles that must sign (the approvals themselves are in the promotion manifest, because people
    sign a dossier that holds these bytes); ``api_base_url``: absolute http(s), e.g. ``https://host/api/v1``.
    """

    dataset_slug: str
    dataset_version_id: str
    title: str
    description: str
    publisher: str
    license: str
    rights_holder: str
    attribution: str
    terms_uri: str
    themes: tuple[str, ...]
    keywords: tuple[str, ...]
    bbox: tuple[float, float, float, float] | None
    temporal_start: str
    temporal_end: str
    policy_label: str
    obligations: tuple[Mapping[str, Any], ...]
    decision_id: str
    spec_hash: str
    issued_at: str
    proposer: str
    artifacts: tuple[ArtifactFact, ...]
    runs: tuple[RunFact, ...]
    approval_roles: tuple[str, ...]
    api_base_url: str
    grid: Grid | None = None
    uncertainty_m: int | None = None

    def __post_init__(self) -> None:
        _require(_SLUG.fullmatch(self.dataset_slug), f"{self.dataset_slug!r} is no dataset_slug (a-z, 0-9, _).")
        _require(_VERSION.fullmatch(self.dataset_version_id), f"{self.dataset_version_id!r} is no dataset_version_id.")
        for name in ("title", "description", "publisher", "license", "rights_holder", "attribution", "policy_label"):
            _require(getattr(self, name).strip(), f"The catalog facts have no {name}.")
        _require(self.proposer and self.themes, "The catalog facts need a proposer and at least one theme.")
        _require(_DIGEST.fullmatch(self.spec_hash), "spec_hash is not sha256:<64 hex>.")
        _require(self.decision_id.startswith("kfm://policy_decision/"), "The facts name no policy decision.")
        _require(_TIME.fullmatch(self.issued_at), "issued_at must be RFC 3339 UTC (…Z).")
        self._check_extent()
        self._check_addresses()
        self._check_producers()

    def _check_extent(self) -> None:
        for name in ("temporal_start", "temporal_end"):
            _require(_SLICE.fullmatch(getattr(self, name)), f"{name} must be YYYY[-MM[-DD[THH:MM:SSZ]]].")
        short = min(len(self.temporal_start), len(self.temporal_end))
        _require(self.temporal_start[:short] <= self.temporal_end[:short], "temporal_end is before temporal_start.")
        if self.bbox is not None:
            west, south, east, north = self.bbox
            _require(WORLD[0] <= west <= east <= WORLD[2], "The bbox's longitudes are out of order or range.")
            _require(WORLD[1] <= south <= north <= WORLD[3], "The bbox's latitudes are out of order or range.")

    def _check_addresses(self) -> None:
        base = urlsplit(self.api_base_url)
        _require(base.scheme in {"http", "https"} and base.netloc, "api_base_url must be an absolute http(s) URL.")
        terms = urlsplit(self.terms_uri)
        _require(terms.scheme and " " not in self.terms_uri, "terms_uri must be an absolute URI.")

    def _check_producers(self) -> None:
        runs = [run.run_id for run in self.runs]
        _require(runs and len(set(runs)) == len(runs), "The facts need at least one run, each listed once.")
        if self.carries_bytes:
            _require(any(item.role == "data" for item in self.artifacts), "The facts hold no artifact of role data.")
        else:
            records = self.grid is None and all(item.role in RECORD_ROLES for item in self.artifacts)
            _require(records, "Under metadata_only nothing of the data may be cataloged.")
            _require(self.artifacts, "The facts hold no artifact.")
        keys = [item.key for item in self.artifacts]
        _require(len(set(keys)) == len(keys), "Two artifacts share a key.")
        paths = [item.path for item in self.artifacts]
        _require(len(set(paths)) == len(paths), "Two artifacts share a path.")
        producers: dict[str, str] = {}
        for item in self.artifacts:
            _require(item.run_id in runs, f"Artifact {item.key!r} was produced by {item.run_id}, which is not listed.")
            known = producers.setdefault(item.digest, item.run_id)
            _require(known == item.run_id, f"{item.digest} is claimed by two producing runs.")

    @property
    def published_bbox(self) -> tuple[float, float, float, float] | None:
        """The bbox that catalogs may show: whole degrees, outwards, under ``restricted_sensitive_location``.

        An exact envelope of one guarded site would give the site away, so its catalogs show whole-degree cells.
        """
        if self.bbox is None or self.policy_label != WHOLE_DEGREE_LABEL:
            return self.bbox
        west, south, east, north = self.bbox
        return (float(math.floor(west)), float(math.floor(south)), float(math.ceil(east)), float(math.ceil(north)))

    @property
    def notices(self) -> tuple[str, ...]:
        """The texts that ``show_notice`` obligations ask to be shown, in their order, each once."""
        owed = (item.get("message") for item in self.obligations if item.get("type") == "show_notice")
        return tuple(dict.fromkeys(str(message) for message in owed))

    @property
    def carries_bytes(self) -> bool:
        """False under the ``metadata_only`` obligation: distributions then have no download URL."""
        return all(obligation.get("type") != "metadata_only" for obligation in self.obligations)

    @property
    def distributed(self) -> tuple[ArtifactFact, ...]:
        """What DCAT lists as distributions: the data, or, where no data goes out, the records that do."""
        if not self.carries_bytes:
            return self.artifacts
        return tuple(item for item in self.artifacts if item.role == "data")
