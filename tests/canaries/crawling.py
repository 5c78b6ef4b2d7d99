"""A crawler that finds its addresses by itself: from the URL resolver, with what the database knows, and from links."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from datasets.models import DatasetVersion, PolicyDecision, VersionArtifact
from datasets.obligations.leak_places import PlaceSecrets
from datasets.obligations.leak_sources import scan_released
from datasets.obligations.leaks import LeakScan, Secrets, as_words
from tests.canaries.planting import CELL_M, MARK, OWNERS, PLACES

_LINK = re.compile(rb"""(?:href|src|action|hx-get|data-[a-z-]+)=["']([^"'#]+)""")
_JSON_LINK = re.compile(rb'"((?:/|https?://)[^"\s\\]+)"')
#: The two coordinates of each canary to four decimals, cut or rounded: a hundred times finer than a released cell.
_NUMBERS = [
    [tuple({f"{abs(number):.6f}"[:-2].encode(), f"{abs(number):.4f}".encode()}) for number in place] for place in PLACES
]
_MOST_OF_A_PARAMETER = 60


@dataclass
class Sighting:
    """A canary in an answer; the test may print it, since canaries are made up."""

    who: str
    url: str
    kinds: tuple[str, ...]


@dataclass
class Watch:
    """Looks at bytes for canaries in any spelling; the same bytes once."""

    released: tuple[Any, Any] = (np.empty(0), np.empty(0))
    _seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _linter: LeakScan | None = None

    def kinds(self, raw: bytes) -> tuple[str, ...]:
        digest = hashlib.sha256(raw).hexdigest()
        if digest not in self._seen:
            self._seen[digest] = self._look(raw)
        return self._seen[digest]

    def _look(self, raw: bytes) -> tuple[str, ...]:
        plain = {"plain word"} if MARK.encode() in raw.lower() else set()
        plain |= (
            {"plain number"}
            if any(all(any(text in raw for text in one) for one in place) for place in _NUMBERS)
            else set()
        )
        scan, where = self._scan(), f"answer {len(self._seen)}"
        if raw[:4] == b"PAR1":
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "file.parquet"
                path.write_bytes(raw)
                scan_released(scan, path, where)
        else:
            scan.raw(where, raw)
        told = {finding.code for finding in scan.findings()}
        scan._tallies.clear()  # each look by itself
        return tuple(sorted(plain | told))

    def _scan(self) -> LeakScan:
        """One linter for all looks: what it looks for is prepared once."""
        if self._linter is None:
            self._linter = LeakScan(self._secrets())
        return self._linter

    def _secrets(self) -> Secrets:
        lon, lat = np.array(PLACES).T
        places = PlaceSecrets(float(CELL_M), lon, lat, *self.released)
        return Secrets(places, frozenset(filter(None, map(as_words, OWNERS))))


@dataclass
class Crawl:
    """One visitor's way through everything: ``answers``: status by address."""

    client: Client
    who: str
    watch: Watch
    headers: dict[str, str] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)

    def everything(self, starts: list[str], *, most: int = 1500) -> None:
        waiting = list(dict.fromkeys(starts))
        known = {shape(url) for url in waiting}
        while waiting and len(self.answers) < most:
            url = waiting.pop(0)
            for link in self.visit(url):
                if shape(link) not in known:
                    known.add(shape(link))
                    waiting.append(link)

    def visit(self, url: str) -> list[str]:
        response = self.client.get(url, headers=self.headers)
        raw = b"".join(response.streaming_content) if response.streaming else response.content
        self.answers[url] = response.status_code
        told = raw + b"\n" + "\n".join(f"{k}: {v}" for k, v in response.headers.items()).encode()
        kinds = self.watch.kinds(raw if raw[:4] == b"PAR1" else told)
        if kinds:
            self.sightings.append(Sighting(self.who, url, kinds))
        kind = response.headers.get("Content-Type", "")
        found = _LINK.findall(raw) if "html" in kind else _JSON_LINK.findall(raw) if "json" in kind else []
        found += [response["Location"].encode()] if "Location" in response.headers else []
        return [link for one in found if (link := local(one, url))]


def local(raw: bytes, base: str) -> str | None:
    """The link as a path of this console; ``None`` for any other place."""
    link = unescape(raw.decode("utf-8", "replace")).strip()
    public = settings.KFM_PUBLIC_URL.rstrip("/")
    link = link.removeprefix(public) if link.startswith(public + "/") else link
    if link.startswith("?"):
        return base.partition("?")[0] + link
    if not link.startswith("/") or link.startswith(("//", "/static/", "/logout")):
        return None
    return link


def shape(url: str) -> str:
    """Addresses that differ in a page of a list, an order or a theme are one place."""
    path, _, query = url.partition("?")
    if path.startswith("/why/"):  # every refusal has one; those of the last decisions are asked for by name
        return "/why/"
    if re.fullmatch(r"/ledger/\d+/", path):  # every entry is looked at as a row
        return "/ledger/"
    kept = sorted(part for part in query.split("&") if part.startswith(("tab=", "run=", "ref=")))
    return path + "?" + "&".join(kept)


def addresses() -> list[str]:
    """Every address of the resolver, its parameters filled with everything that the database has for them."""
    values = known_values()
    found = []
    for _, prefix in _patterns(get_resolver()):
        names = re.findall(r"<(?:\w+:)?(\w+)>", prefix)
        if "(?P" in prefix or prefix.startswith(("admin/", "static", "logout")):
            continue
        if {"slug", "version_id"} <= set(names):
            rest = [name for name in names if name not in {"slug", "version_id"}]
            for version in values["versions"]:
                filled = {"slug": version["slug"], "version_id": version["version_id"]}
                options = [version.get(name) or values["any"].get(name, []) for name in rest]
                found += [
                    _filled(prefix, {**filled, **dict(zip(rest, one, strict=True))})
                    for one in itertools.product(*options)
                ]
            continue
        options = [values["any"].get(name, []) for name in names]
        found += [_filled(prefix, dict(zip(names, one, strict=True))) for one in itertools.product(*options)]
    return [f"/{path}" for path in found]


def unfilled() -> set[str]:
    """Parameters of addresses that nothing fills; each must be accounted for by the test."""
    values = known_values()
    every = {
        name
        for _, prefix in _patterns(get_resolver())
        if "(?P" not in prefix and not prefix.startswith("admin/")
        for name in re.findall(r"<(?:\w+:)?(\w+)>", prefix)
    }
    have = {name for name, listed in values["any"].items() if listed} | {n for v in values["versions"] for n in v}
    return every - have


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[URLPattern, str]]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _patterns(one, prefix + str(one.pattern))
        else:
            yield one, prefix + str(one.pattern)


def _filled(prefix: str, values: dict[str, Any]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values[match.group(1)]), prefix)


def known_values() -> dict[str, Any]:
    """What each parameter may be: versions with their own files and digests; keys of every table by the name's stem."""
    from django.apps import apps

    from audit.models import LedgerEntry
    from datasets.models import SubmittedRun
    from promotions import library

    versions = []
    for version in DatasetVersion.objects.select_related("dataset"):
        files = list(VersionArtifact.objects.filter(version=version).values_list("path", "artifact_id"))
        paths = list(dict.fromkeys(path for path, _ in files))
        catalog = f"catalog/{version.dataset.slug}/{version.version_id}/"
        versions.append(
            {
                "slug": version.dataset.slug,
                "version_id": version.version_id,
                "file_path": paths,
                "path": [path.removeprefix(catalog) for path in paths if path.startswith(catalog)],
                "key": [*paths, "data", "preview", "qa-report", "terms"],
                "digest": [*dict.fromkeys(digest for _, digest in files), *_own_digests(version)],
                "name": ["publish", "withdraw", "quarantine", "evaluate", "sign", "restore"],
            }
        )
    ends = {
        "case": "QuarantineCase",
        "user": "User",
        "account": "User",
        "token": "ServiceToken",
        "change": "PolicyChange",
    }
    names = {model.__name__: model for model in apps.get_models()}
    keys: dict[str, list[Any]] = {}
    for model in names.values():
        if issubclass(model, models.Model) and model._meta.app_label in {"datasets", "promotions", "audit", "auth"}:
            listed = list(model.objects.order_by("pk").values_list("pk", flat=True)[:_MOST_OF_A_PARAMETER])
            keys[f"{model.__name__.lower()}_pk"] = listed
    stems = {"webhook": "WebhookEndpoint", "link": "ExternalLink", "check": "DriftCheck"}
    keys |= {f"{stem}_pk": keys[f"{name.lower()}_pk"] for stem, name in {**ends, **stems}.items()}
    last = LedgerEntry.objects.order_by("-index").values_list("index", flat=True)[:12]
    every = {
        **keys,
        "slug": sorted({version["slug"] for version in versions}),
        "index": list(last),
        "runbook_id": [entry.runbook_id for entry in library.shelf()],
        "name": sorted(names["PolicyLabel"].objects.values_list("name", flat=True)),
        "key": ["role"],
        "way": ["plan", "release", "deny"],
        "digest": [digest for version in versions for digest in version["digest"]][:_MOST_OF_A_PARAMETER],
        "path": ["x"],
        "run_uuid": list(SubmittedRun.objects.values_list("pk", flat=True)) or ["00000000-0000-0000-0000-000000000000"],
        "reference": [*PolicyDecision.objects.order_by("-pk").values_list("decision_id", flat=True)[:8], "x"],
        "uidb64": ["MQ"],
        "token": ["set-password"],
    }
    return {"versions": versions, "any": every}


def _own_digests(version: DatasetVersion) -> list[str]:
    """Digests of the version's dossiers and manifests, which are rows."""
    from promotions.models import Dossier, Release

    dossiers = Dossier.objects.filter(version=version).values_list("digest", flat=True)
    return [*dossiers, *Release.objects.filter(version=version).values_list("manifest_digest", flat=True)]


def every_row() -> Iterator[tuple[str, bytes]]:
    """Every row of every table as text: ledger, notices, deliveries, job lines, cases, evaluations."""
    from django.apps import apps

    for model in apps.get_models():
        for row in model.objects.all().values().iterator():
            yield f"{model._meta.label} {row.get('id', row.get('pk', ''))}", json.dumps(row, default=str).encode()
