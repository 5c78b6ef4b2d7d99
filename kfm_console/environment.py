"""Reads the process environment once, strictly: an unreadable value stops the start with a sentence.

Never falls back silently: an absent variable means the embedded default, a malformed one is an error.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit


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
