"""Reads the promotion board: where a version is, its seven gates as they stand at this look, and what the promotion is.

A look never decides: files are not hashed again when the store says they are the same (``fresh=False``), while every
writer gathers anew. Kept answers are used only when they were given on exactly this dossier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from audit.findings import grouped
from datasets.models import DatasetVersion
from promotions import dossier as dossiers
from promotions import gates
from promotions.gates import ClauseState, GateResult
from promotions.models import Evaluation, QuarantineCase, Standing, Transition
from promotions.readers import documents
from promotions.readers.documents import Document
from promotions.releases import latest_release
from promotions.shelf import Shelf
from promotions.states import STATIONS, State

#: The gates that were asked by the time a version stands where it does; later letters are "not run".
REACHED: dict[State, str] = {State.RAW: "A", State.WORK: "A", State.PROCESSED: "ABCE"}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a version. ``results``: by letter, as far as it got; ``kept``: when they were kept, or ``None``."""

    standing: Standing
    gathered: dossiers.Gathered
    results: Mapping[str, GateResult]
    kept: datetime | None

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(letter for letter, result in self.results.items() if not result.passed)


def standing_of(version: DatasetVersion) -> Standing:
    """The standing with everything that gathering reads."""
    return Standing.objects.select_related(
        "version__dataset", "version__spec", "version__acquisition__terms", "version__policy_label"
    ).get(version_id=version.pk)


def look(version: DatasetVersion, *, fresh: bool = False) -> Look:
    """Gathers the dossier of *version* and reads or makes the gates' answers on it."""
    standing = standing_of(version)
    gathered = dossiers.gather(standing, letters=letters_at(standing), fresh=fresh)
    kept = Evaluation.objects.filter(version=version, dossier__digest=gathered.digest).first()
    if kept is not None and len(kept.results) == len(gathered.evidence):
        results = {value["gate"]: GateResult.from_json(value) for value in kept.results}
        return Look(standing, gathered, results, kept.at)
    return Look(standing, gathered, gates.evaluate_all(gathered.evidence, "".join(gathered.evidence)), None)


def letters_at(standing: Standing) -> str:
    """The letters that can be judged where the version stands: those asked so far, and those answered before."""
    state = State(standing.state)
    if state not in REACHED and state not in {State.QUARANTINE, State.DENIED}:
        return gates.LETTERS
    last = Evaluation.objects.filter(version_id=standing.version_id).values_list("results", flat=True).first() or []
    case = (
        QuarantineCase.objects.filter(version_id=standing.version_id)
        .order_by("-pk")
        .values_list("gate", flat=True)
        .first()
    )
    wanted = {*REACHED.get(state, "A"), *(value["gate"] for value in last), *(case or "")}
    return "".join(letter for letter in gates.LETTERS if letter in wanted)


def strip(seen: Look) -> list[dict[str, str]]:
    """The seven tiles; each leads to its gate on the same page."""
    return [
        {"gate": letter, "name": gates.NAMES[letter], "state": _state(seen, letter), "href": f"#gate-{letter}"}
        for letter in gates.LETTERS
    ]


def gate_panels(seen: Look, held: Sequence[Document]) -> list[dict[str, Any]]:
    """The seven gates with their fourteen clauses, findings and evidence, as ``components/gate.html`` has them."""
    return [_panel(seen, letter, held) for letter in gates.LETTERS]


def _panel(seen: Look, letter: str, held: Sequence[Document]) -> dict[str, Any]:
    result = seen.results.get(letter)
    count = len(result.findings) if result else 0
    codes = gates.clauses_of(letter)
    summary = f"{count} finding{'s' if count != 1 else ''}" if count else ""
    clauses = [_clause(seen.standing.version, code, result, held) for code in codes]
    return {
        "gate": letter,
        "name": gates.NAMES[letter],
        "state": _state(seen, letter),
        "summary": summary,
        "clauses": clauses,
    }


def _clause(version: DatasetVersion, code: str, result: GateResult | None, held: Sequence[Document]) -> dict[str, Any]:
    found = [f for f in result.findings if f.clause == code] if result else []
    where = found[0].where if found else ""
    evidence = [
        {"name": d.title, "digest": d.digest, "href": evidence_href(version, d, where)}
        for d in documents.for_clause(code, held)
    ]
    return {
        "code": code,
        "sentence": gates.CLAUSES[code],
        "state": (result.clause_state(code) if result else ClauseState.NOT_RUN).value,
        "findings": _grouped(found),
        "evidence": evidence,
    }


def _grouped(found: Sequence[gates.ClauseFinding]) -> list[dict[str, Any]]:
    """Findings of one root cause are one, with their number."""
    return [
        {
            "code": cause.code,
            "message": cause.message,
            "where": cause.places[0],
            "fix": cause.fix,
            "kind": cause.kind,
        }
        | ({"count": len(cause.places)} if len(cause.places) > 1 else {})
        for cause in grouped(found)
    ]


def evidence_href(version: DatasetVersion, document: Document, where: str = "") -> str:
    """The document's own address; with *where*, the finding's line is marked there."""
    address = reverse("promotions:evidence_document", args=[version.dataset.slug, version.version_id, document.digest])
    return f"{address}?{urlencode({'where': where})}" if where else address


def documents_at(shelf: Shelf) -> list[Document]:
    """The evidence documents of the version on *shelf*."""
    release = latest_release(shelf.version)
    return documents.documents_of(
        shelf.version, files=shelf.files, receipts=shelf.receipts.values(), decision=shelf.decision, release=release
    )


def rail(standing: Standing, moves: Sequence[Transition], names: Mapping[str, str]) -> dict[str, Any]:
    """The version's own rail: when it passed each station and who moved it; withdrawn stretches stay, struck out."""
    state = State(standing.state)
    arrived = {State(move.to_state): move for move in moves}
    ended = state in {State.WITHDRAWN, State.SUPERSEDED}
    stations = []
    for station in STATIONS:
        move = arrived.get(station)
        standing_word = "here" if station is state else "passed" if move else "ahead"
        if station is State.PUBLISHED and ended:
            standing_word, move = "struck", arrived.get(state, move)
        stations.append(
            _station(
                station, standing_word, move, names, label=state.value if standing_word == "struck" else station.value
            )
        )
    siding = None
    if State.QUARANTINE in arrived:
        held = state in {State.QUARANTINE, State.DENIED}
        label = state.value if held else State.QUARANTINE.value
        siding = _station(State.QUARANTINE, "here" if held else "passed", arrived[State.QUARANTINE], names, label=label)
        if held:
            stations = [
                s if s["state"] != "passed" or _before(s, arrived) else {**s, "state": "ahead"} for s in stations
            ]
    return {"stations": stations, "siding": siding}


def _before(station: Mapping[str, Any], arrived: Mapping[State, Transition]) -> bool:
    """Whether the station was passed before the version last went to quarantine."""
    move = arrived.get(State(station["name"]))
    return move is not None and move.ledger_index < arrived[State.QUARANTINE].ledger_index


def _station(
    station: State, state: str, move: Transition | None, names: Mapping[str, str], *, label: str
) -> dict[str, Any]:
    return {
        "name": station.value,
        "label": label,
        "state": state,
        "at": f"{move.at:%d %b, %H:%M}" if move else "",
        "by": names.get(move.actor, move.actor) if move else "",
    }


def _state(seen: Look, letter: str) -> str:
    result = seen.results.get(letter)
    return (result.state if result else ClauseState.NOT_RUN).value
