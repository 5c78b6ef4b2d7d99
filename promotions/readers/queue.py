"""Reads versions as rows of a list: gates, label, age, due date, what comes next and what waits for the viewer.

Judges nothing: states come from kept evaluations, rights from ``permissions``' tables. The number of queries does not
grow with the number of rows. Writers look again before anything happens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet

from datasets import enforcement
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import gates, roles
from promotions.gates import GateResult
from promotions.models import Evaluation, Job, JobState, QuarantineCase, SignOff, Standing
from promotions.states import STATIONS, State, Verb

IN_FLIGHT = (State.RAW, State.WORK, State.PROCESSED, State.CATALOG, State.QUARANTINE)


@dataclass(slots=True)
class Row:
    """One version in a list. ``mine``: what the viewer may do now, in words; ``next``: what comes next, by whom."""

    version: DatasetVersion
    state: State
    since: datetime
    strip: list[dict[str, str]]
    next: str
    mine: tuple[str, ...]
    due: date | None = None
    case: QuarantineCase | None = None


@dataclass(slots=True)
class _Facts:
    """What is known of the versions of one list, read in a fixed number of queries."""

    results: dict[int, dict[str, GateResult]] = field(default_factory=lambda: defaultdict(dict))
    judged: dict[int, int] = field(default_factory=dict)
    signed: dict[int, list[SignOff]] = field(default_factory=lambda: defaultdict(list))
    cases: dict[int, QuarantineCase] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)


def standings_for(person: Person) -> QuerySet[Standing]:
    """The standings of every version that *person* may know of."""
    visible = enforcement.visible_versions(person, Action.DISCOVER).values("pk")
    return Standing.objects.filter(version__in=visible).select_related(
        "version__dataset", "version__policy_label", "version__proposal"
    )


def filtered(  # noqa: PLR0913 - the filters of the address
    person: Person, *, state: str, label: str, dataset: str, mine: bool, text: str
) -> QuerySet[Standing]:
    """The standings that answer to the filters of the queue's address; an unknown value answers with nothing."""
    found = standings_for(person)
    found = found.filter(state=state) if state else found.filter(state__in=[s.value for s in IN_FLIGHT])
    if label:
        found = (
            found.filter(version__policy_label__isnull=True)
            if label == "none"
            else found.filter(version__policy_label=label)
        )
    if dataset:
        found = found.filter(dataset__slug=dataset)
    if text:
        found = found.filter(
            Q(dataset__slug__icontains=text)
            | Q(version__version_id__icontains=text)
            | Q(dataset__title__icontains=text)
        )
    if mine:
        found = found.filter(Q(version__created_by=person.principal) | Q(version__proposal__proposer=person.principal))
    return found.order_by("since", "pk")


def rows_for(person: Person, standings: Iterable[Standing]) -> list[Row]:
    """Each standing as a row, in the order given; five queries whatever their number."""
    held = list(standings)
    facts = _read([standing.version_id for standing in held])
    return [_row(person, standing, facts) for standing in held]


def strip_of(results: Mapping[str, GateResult]) -> list[dict[str, str]]:
    """The seven tiles; a letter without a result is "not run"."""
    return [
        {
            "gate": letter,
            "name": gates.NAMES[letter],
            "state": results[letter].state.value if letter in results else gates.ClauseState.NOT_RUN.value,
        }
        for letter in gates.LETTERS
    ]


def _read(keys: Sequence[int]) -> _Facts:
    facts = _Facts()
    kept = Evaluation.objects.filter(version_id__in=keys).order_by("pk").values("version_id", "dossier_id", "results")
    for row in kept:
        results = [GateResult.from_json(value) for value in row["results"]]
        facts.results[row["version_id"]].update({result.gate: result for result in results})
        if len(results) == len(gates.LETTERS):
            facts.judged[row["version_id"]] = row["dossier_id"]
    for signature in SignOff.objects.filter(version_id__in=keys):
        facts.signed[signature.version_id].append(signature)
    facts.cases = {case.version_id: case for case in QuarantineCase.objects.filter(version_id__in=keys, resolution="")}
    active = Job.objects.filter(version_id__in=keys, state__in=[JobState.QUEUED, JobState.RUNNING])
    facts.running = {key for key in active.values_list("version_id", flat=True) if key is not None}
    return facts


def _row(person: Person, standing: Standing, facts: _Facts) -> Row:
    key = standing.version_id
    results = facts.results[key]
    case = facts.cases.get(key)
    next_words, mine = _next(person, standing, facts, results, case)
    return Row(
        version=standing.version,
        state=State(standing.state),
        since=standing.since,
        strip=strip_of(results),
        next="A run is under way" if key in facts.running else next_words,
        mine=mine,
        due=case.due if case else None,
        case=case,
    )


def _next(
    person: Person, standing: Standing, facts: _Facts, results: Mapping[str, GateResult], case: QuarantineCase | None
) -> tuple[str, tuple[str, ...]]:
    version, held = standing.version, person.roles_on(standing.dataset_id)
    state = State(standing.state)
    if state is State.QUARANTINE and case is not None:
        return _next_of_case(person, version, held, case)
    if state is State.QUARANTINE:  # its case ended with another version made of it
        return "Another version goes on in its place", ()
    if version.policy_label_id is None and state in IN_FLIGHT:
        return "A steward assigns a label", ("Assign a label",) if Role.STEWARD in held else ()
    failed = [letter for letter, result in results.items() if not result.passed]
    if state is State.CATALOG:
        return _next_of_signing(person, standing, facts, held, failed)
    if state in STATIONS[:3]:
        return (f"Mend gate {', '.join(sorted(failed))}" if failed else "An operator runs the next step"), ()
    return {State.PUBLISHED: "Published", State.DENIED: "Ended"}.get(state, "Restore, if it should stand again"), ()


def _next_of_case(
    person: Person, version: DatasetVersion, held: frozenset[Role], case: QuarantineCase
) -> tuple[str, tuple[str, ...]]:
    authors = {case.plan_by, version.created_by, _proposer(version)}
    mine = ("Release or keep",) if Role.REVIEWER in held and person.principal not in authors else ()
    if not case.plan:
        return "Write a plan for the case", ("Triage",) if mine else ()
    return "A reviewer releases it, or a steward denies it", mine


def _next_of_signing(
    person: Person, standing: Standing, facts: _Facts, held: frozenset[Role], failed: list[str]
) -> tuple[str, tuple[str, ...]]:
    version, proposer = standing.version, _proposer(standing.version)
    proposal = getattr(version, "proposal", None)
    if proposal is None:
        return "A contributor or operator proposes it", ()
    if proposal.changes_requested:
        return "The proposer answers the changes asked for", (
            "Answer the changes asked for",
        ) if person.principal == proposer else ()
    if failed:
        return f"Mend gate {', '.join(sorted(failed))}", ()
    this_round = [s for s in facts.signed[standing.version_id] if s.round == standing.round]
    live = [s for s in this_round if s.dossier_id == facts.judged.get(standing.version_id)]
    required = list(version.policy_label.sign_off_roles) if version.policy_label else []
    missing = [role for role in required if role not in {s.role for s in live}]
    outside = person.principal not in {proposer, version.created_by}
    if missing:
        may = (
            [r for r in missing if r in held] if outside and person.principal not in {s.principal for s in live} else []
        )
        return f"Sign as {' and '.join(missing)}", (f"Sign as {may[0]}",) if may else ()
    signed_none = person.principal not in {s.principal for s in this_round}
    return "An operator publishes it", ("Publish",) if held & roles.MAY[Verb.PUBLISH] and signed_none else ()


def _proposer(version: DatasetVersion) -> str:
    proposal: Any = getattr(version, "proposal", None)
    return proposal.proposer if proposal else ""
