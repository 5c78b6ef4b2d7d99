"""Which versions' catalogs can be recovered, and how far: by where the version stands. Looks nothing up."""

from __future__ import annotations

from datasets.errors import Refused
from promotions.states import State

#: Standings with catalogs to recover; in all but PUBLISHED they may be built anew, since nothing is served.
RECOVERABLE = frozenset({State.CATALOG, State.PUBLISHED, State.SUPERSEDED, State.WITHDRAWN})
ANEW = RECOVERABLE - {State.PUBLISHED}
#: Standings whose catalogs are looked at on schedule: those served, and those that people are about to sign.
WATCHED = frozenset({State.CATALOG, State.PUBLISHED})


def check_recoverable(state: State) -> None:
    """Whether a version standing in *state* has catalogs that can be recovered."""
    if state not in RECOVERABLE:
        where = ", ".join(sorted(RECOVERABLE))
        raise Refused("not_recoverable", f"Catalogs are recovered of a version in {where}; this one is in {state}.")
