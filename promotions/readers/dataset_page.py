"""What a dataset's page shows of the truth path: each version's strip, and how many versions stand at each station.

Decides nothing: the strip is the latest evaluation as recorded, and only versions the reader may see are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max, Min

from datasets.enforcement import visible_versions
from datasets.models import Dataset
from datasets.people import Person
from promotions import gates
from promotions.gates import GateResult
from promotions.models import Evaluation
from promotions.states import STATIONS, State


def strip_of(results: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    """The seven tiles for the recorded *results* of an evaluation; a gate that was not asked is "not run"."""
    found = {r["gate"]: GateResult.from_json(r).state.value for r in results or ()}
    return [
        {"gate": letter, "name": gates.NAMES[letter], "state": found.get(letter, gates.ClauseState.NOT_RUN.value)}
        for letter in gates.LETTERS
    ]


def strips(version_pks: Iterable[int]) -> dict[int, list[dict[str, str]]]:
    """By version, the strip of its latest evaluation; two queries however many there are."""
    latest = (
        Evaluation.objects.filter(version__in=list(version_pks))
        .values("version")
        .annotate(last=Max("pk"))
        .values("last")
    )
    return {e.version_id: strip_of(e.results) for e in Evaluation.objects.filter(pk__in=latest)}


def dataset_rail(person: Person, dataset: Dataset) -> dict[str, Any]:
    """The rail with the number of versions at each station, and since when the oldest stands there."""
    rows = (
        visible_versions(person)
        .filter(dataset=dataset)
        .order_by()
        .values("standing__state")
        .annotate(count=Count("pk"), since=Min("standing__since"))
    )
    found = {row["standing__state"]: row for row in rows}

    def station(state: State) -> dict[str, Any]:
        row = found.get(state.value)
        return {
            "name": state.value,
            "count": row["count"] if row else 0,
            "age": f"since {row['since']:%Y-%m-%d}" if row else "",
            "state": "passed" if row else "ahead",
        }

    siding = station(State.QUARANTINE) if State.QUARANTINE.value in found else None
    return {"stations": [station(state) for state in STATIONS], "siding": siding}
