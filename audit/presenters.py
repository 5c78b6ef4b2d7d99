"""The ledger in English: one sentence an entry, entries grouped by day.

Decides wording and order on a page only; never what is shown to whom.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from audit.events import BY_VALUE, Tone
from audit.models import LedgerEntry
from audit.references import ArtifactReference, DatasetReference, InvalidReference, parse_reference


def subject_words(subject: str) -> str:
    """*subject* as people say it: ``ks_counties @ 2025.ab12cd34``, ``artifact ab12cd34``, ``user 12``."""
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


def sentence(entry: LedgerEntry) -> str:
    """``Ada Diaz (steward) published ks_counties @ 2025.ab12cd34.``; an unknown event is named, not guessed at."""
    event = BY_VALUE.get(entry.event)
    template = "{actor} ({role}) did something unknown to {subject}." if event is None else event.sentence
    return template.format(actor=entry.actor, role=entry.role, subject=subject_words(entry.subject))


def tone(entry: LedgerEntry) -> Tone:
    """The tone of the entry's event; an event that is not on the list is a danger."""
    event = BY_VALUE.get(entry.event)
    return "danger" if event is None else event.tone


@dataclass(frozen=True, slots=True)
class Line:
    """One entry on a page."""

    entry: LedgerEntry
    sentence: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of one UTC day, in the order given."""

    date: dt.date
    lines: tuple[Line, ...]


def lines(entries: Iterable[LedgerEntry]) -> list[Line]:
    """Each entry with its sentence and tone."""
    return [Line(entry, sentence(entry), tone(entry)) for entry in entries]


def by_day(entries: Iterable[LedgerEntry]) -> list[Day]:
    """*entries*, already in order, grouped by UTC day."""
    groups = groupby(lines(entries), key=lambda line: line.entry.at.astimezone(dt.UTC).date())
    return [Day(date, tuple(found)) for date, found in groups]
