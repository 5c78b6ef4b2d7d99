"""The demo: real Kansas data, and some that says it is made up, at every stage, by the same writers that people use.

Loaded once by ``make up`` outside production. The accounts are for trying the console; production refuses to load them.
"""

from __future__ import annotations

from django.conf import settings

from datasets.errors import Refused
from promotions.demo import directories, pipelines, springs, truth_path, wells
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

#: In this order: the wells' reviewer takes up the airports' case, and the pipeline sends wells.
PARTS = (truth_path, directories, springs, wells, pipelines)


def load() -> list[str]:
    """Makes each part of the demo once; returns a sentence for each thing made, none when all is there already."""
    if settings.PRODUCTION:
        raise Refused(
            "demo_in_production", "The demo accounts have published passwords; production does not load them."
        )
    made: list[str] = []
    for part in PARTS:
        if not part.is_there():
            made += part.load(accounts())
    return made
