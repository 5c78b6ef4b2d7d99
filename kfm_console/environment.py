"""Reads the process environment once, strictly: an unreadable value stops the start with a sentence.

Never falls back silently: an absent variable means the embedded default, a malformed one is an error.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.urls import check_pattern


class SettingsError(Exception):
    """A setting can't be used; the message names it, the rule and the next step."""


SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000; "
        "PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON"
    ),
}


def database(url: str, default_path: Path) -> dict[str, object]:
    """The ``DATABASES["default"]`` of *url* (``postgresql://…`` or ``sqlite:///path``; empty: *default_path*)."""
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default_path), "OPTIONS": dict(SQLITE_OPTIONS)}
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]),
            "OPTIONS": dict(SQLITE_OPTIONS),
        }
    if parts.scheme in {"postgres", "postgresql"}:
        name = unquote(parts.path.lstrip("/"))
        if not name:
            raise SettingsError("DATABASE_URL names no database. Use postgresql://user:password@host:5432/name.")
        options = dict(parse_qsl(parts.query))
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or options.pop("host", "")),
            "PORT": str(parts.port or ""),
            "CONN_HEALTH_CHECKS": True,
            "CONN_MAX_AGE": 60,
            "OPTIONS": options,
        }
    raise SettingsError(
        "DATABASE_URL must start with postgresql:// or sqlite:///. Leave it unset for the embedded SQLite."
    )


def flag(value: str | None, *, name: str, default: bool) -> bool:
    """``1/true/yes/on`` or ``0/false/no/off``; anything else is refused by name."""
    if value is None or value == "":
        return default
    word = value.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise SettingsError(f"{name} must be 1 or 0, not {value!r}.")


@dataclass(frozen=True, slots=True)
class Credential:
    """What one entry of KFM_SOURCE_CREDENTIALS lets a source send, and the only hosts or buckets that may see it."""

    hosts: frozenset[str] = frozenset()
    buckets: frozenset[str] = frozenset()
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)


def credentials(path: str) -> dict[str, Credential]:
    """The entries of the JSON file at *path* by name; none when *path* is empty. Errors never repeat a value.

    ``{"<name>": {"hosts": [...], "headers": {...}}}`` for the web, ``{"<name>": {"buckets": [...], "options": {...}}}``
    for S3 (endpoint, region, access_key_id, secret_access_key).
    """
    if not path:
        return {}
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise SettingsError("The file that KFM_SOURCE_CREDENTIALS names can't be read as JSON.") from None
    if not isinstance(entries, dict):
        raise SettingsError("The file that KFM_SOURCE_CREDENTIALS names must hold one JSON object.")
    return {name: _credential(name, entry) for name, entry in entries.items()}


def _credential(name: str, entry: object) -> Credential:
    fields = {"hosts": list, "buckets": list, "headers": dict, "options": dict}
    if not isinstance(entry, dict) or not entry.keys() <= fields.keys():
        raise SettingsError(f"The credential {name!r} may hold only: {', '.join(fields)}.")
    for key, kind in fields.items():
        value = entry.get(key, kind())
        texts = [*value, *value.values()] if isinstance(value, dict) else value
        if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
            raise SettingsError(f"{key} of the credential {name!r} is not a {kind.__name__} of texts.")
    if bool(entry.get("headers")) != bool(entry.get("hosts")) or bool(entry.get("options")) != bool(
        entry.get("buckets")
    ):
        raise SettingsError(f"The credential {name!r} needs headers with hosts, or options with buckets.")
    return Credential(
        frozenset(host.lower() for host in entry.get("hosts", ())),
        frozenset(entry.get("buckets", ())),
        entry.get("headers", {}),
        entry.get("options", {}),
    )


def directories(value: str, *, name: str) -> tuple[Path, ...]:
    """Absolute directories, separated as in PATH, with symbolic links resolved; none when empty."""
    found = [Path(part) for part in value.split(os.pathsep) if part]
    if any(not path.is_absolute() or path == Path(path.anchor) for path in found):
        raise SettingsError(f"{name} lists absolute directories, and never the root of the disk.")
    return tuple(path.resolve() for path in found)


def host_patterns(value: str, *, name: str) -> tuple[str, ...]:
    """Hosts (``data.example.org``) and suffixes (``*.example.org``), separated by commas; ``*`` alone: every host."""
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        return tuple(part if part == "*" else check_pattern(part) for part in found)
    except UpstreamRefused:
        raise SettingsError(f"{name} lists hosts such as spdx.org or *.ks.gov, separated by commas, or “*”.") from None
