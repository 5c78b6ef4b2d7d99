"""The ledger in English: one sentence an entry, entries grouped by day.

Decides wording and order on a page only; never what is shown to whom.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from django.contrib.auth.models import User
from django.db.models import Value
from django.db.models.functions import Concat

from audit.events import BY_VALUE, Event, Tone
from audit.models import LedgerEntry
from audit.references import ArtifactReference, DatasetReference, InvalidReference, parse_reference

_ACCOUNT = "user/"
_NOBODY: Mapping[str, str] = {}


def names_in(entries: Iterable[LedgerEntry]) -> dict[str, str]:
    """Full names by username, of the accounts that act or are acted on in *entries*; one query."""
    wanted = {entry.actor for entry in entries} | {
        entry.subject.removeprefix(_ACCOUNT) for entry in entries if entry.subject.startswith(_ACCOUNT)
    }
    return {user.username: user.get_full_name() or user.username for user in User.objects.filter(username__in=wanted)}


def usernames_like(text: str) -> list[str]:
    """*text* itself, as a username, and the usernames of the accounts whose full name holds *text*; one query."""
    found = User.objects.annotate(full=Concat("first_name", Value(" "), "last_name")).filter(full__icontains=text)
    return [text, *found.values_list("username", flat=True)]


def actor_words(entry: LedgerEntry, names: Mapping[str, str] = _NOBODY) -> str:
    """``Ada Diaz (steward)``; what acts in a role of its own name is no person: ``The pipeline``."""
    if entry.actor == entry.role:
        return f"The {entry.actor}"
    return f"{names.get(entry.actor, entry.actor)} ({entry.role})"


def subject_words(subject: str, names: Mapping[str, str] = _NOBODY) -> str:
    """*subject* as people say it: ``ks_counties @ 2025.ab12cd34``, ``artifact ab12cd34``, ``Ada Diaz``."""
    account = subject.removeprefix(_ACCOUNT)
    if account != subject and account in names:
        return names[account]
    try:
        match parse_reference(subject):
            case DatasetReference(slug, version):
                return f"{slug} @ {version}" if version else slug
            case ArtifactReference(digest):
                return f"artifact {digest.removeprefix('sha256:')[:8]}"
            case other:
                return str(other)
    except InvalidReference:
        return subject.replace("/", " ")


def sentence(entry: LedgerEntry, names: Mapping[str, str] = _NOBODY) -> str:
    """``Ada Diaz (steward) published ks_counties @ 2025.ab12cd34.``; an unknown event is named, not guessed at."""
    event = BY_VALUE.get(entry.event)
    template = "{actor} ({role}) did something unknown to {subject}." if event is None else event.sentence
    said = template.replace("{actor} ({role})", "{who}").replace("an action on", _refused(entry))
    return said.format(who=actor_words(entry, names), subject=subject_words(entry.subject, names))


def _refused(entry: LedgerEntry) -> str:
    """What a refused action was, where the entry says so: ``“publish” on``."""
    verb = str(entry.references.get("verb", "")) if entry.event == Event.ACTION_REFUSED else ""
    if verb == "reauthenticate":
        return "the password check for"
    return f"“{verb.replace('_', ' ').replace('{', '').replace('}', '')}” on" if verb else "an action on"


def tone(entry: LedgerEntry) -> Tone:
    """The tone of the entry's event; an event that is not on the list is a danger."""
    event = BY_VALUE.get(entry.event)
    return "danger" if event is None else event.tone


@dataclass(frozen=True, slots=True)
class Line:
    """One entry on a page. ``who``: its actor by name and role."""

    entry: LedgerEntry
    who: str
    sentence: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of one UTC day, in the order given."""

    date: dt.date
    lines: tuple[Line, ...]


def lines(entries: Iterable[LedgerEntry]) -> list[Line]:
    """Each entry with its actor's name, its sentence and its tone; one query for all names."""
    held = list(entries)
    names = names_in(held)
    return [Line(entry, actor_words(entry, names), sentence(entry, names), tone(entry)) for entry in held]


def by_day(entries: Iterable[LedgerEntry]) -> list[Day]:
    """*entries*, already in order, grouped by UTC day."""
    groups = groupby(lines(entries), key=lambda line: line.entry.at.astimezone(dt.UTC).date())
    return [Day(date, tuple(found)) for date, found in groups]
