"""The demo: real Kansas data, and some that says it is made up, at every stage, by the same writers that people use.

Loaded once by ``make up`` outside production. The accounts are for trying the console; production refuses to load them.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from django.conf import settings
from django.db import connections

from datasets.errors import Refused
from datasets.people import Person
from promotions.demo import changes, directories, levels, nests, pipelines, springs, truth_path, wells
from promotions.demo.bringing import FILES, upload
from promotions.demo.people import DEMO_ACCOUNTS, PASSWORD, Account, accounts
from promotions.demo.specs import AIRPORT_TERMS, AIRPORTS, CENSUS_TERMS, COUNTIES, COUNTIES_WITH_AREA, spec_of

__all__ = [
    "AIRPORTS",
    "AIRPORT_TERMS",
    "CENSUS_TERMS",
    "COUNTIES",
    "COUNTIES_WITH_AREA",
    "DEMO_ACCOUNTS",
    "FILES",
    "PASSWORD",
    "Account",
    "accounts",
    "load",
    "spec_of",
    "upload",
]

#: Each strand in its order (the pipeline sends wells); no strand needs another.
STRANDS = ((truth_path, directories, springs, changes), (wells, pipelines, nests, levels))


def load(*, side_by_side: bool = False) -> list[str]:
    """Makes each part of the demo once; returns a sentence for each thing made, none when all is there already.

    ``side_by_side``: each strand in a thread with a connection of its own, as the worker runs jobs; that is faster.
    """
    if settings.PRODUCTION:
        raise Refused(
            "demo_in_production", "The demo accounts have published passwords; production does not load them."
        )
    due = [[part for part in strand if not part.is_there()] for strand in STRANDS]
    if not any(due):
        return []
    people = accounts()
    if not side_by_side:
        return [sentence for parts in due for sentence in _load(parts, people)]
    with ThreadPoolExecutor(len(due)) as threads:
        loading = [threads.submit(_load_apart, parts, people) for parts in due]
        return [sentence for strand in loading for sentence in strand.result()]


def _load(parts: Iterable[ModuleType], people: dict[str, Person]) -> list[str]:
    return [sentence for part in parts for sentence in part.load(people)]


def _load_apart(parts: Iterable[ModuleType], people: dict[str, Person]) -> list[str]:
    try:
        return _load(parts, people)
    finally:
        connections.close_all()  # this thread's own
