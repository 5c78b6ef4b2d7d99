"""Reads the quarantine inbox: cases by root cause, filtered by what the URL says, and one case.

Shows and counts only cases on versions that the reader may know of: a hidden case is in no row, count or total. The
number of queries does not grow with the number of cases. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Min, Q, QuerySet, Window

from datasets.people import Person, names_of
from datasets.policy.requests import Action
from promotions import library, permissions
from promotions.models import QuarantineCase, Severity
from promotions.openings import cause_of
from promotions.readers.inbox_case import CaseView, Claim, Samples, case_view, claim_of, first_reason, samples_of
from promotions.readers.quality_words import PLAIN
from promotions.readers.quarantine import WORDS

__all__ = [
    "CaseView",
    "Filters",
    "InboxPage",
    "Samples",
    "case_view",
    "filters_from",
    "mine",
    "page",
    "samples_of",
]

PAGE_SIZE = 50
LONGEST = 200
STATES = ("open", "ended", "all")
#: As an owner in the URL: cases that nobody sees to.
NOBODY = "-"
_SEVERITIES = {severity.label: severity for severity in Severity}
_BY_CAUSE = ("severity", "root_cause")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for; every field is a parameter of the same name. ``""``: any.

    ``state``: one of STATES; ``owner``: a principal or NOBODY; ``mine``: owned or held by the reader; ``text``: in the
    dataset's name or title, the version, the root cause, the reason, or a case's number.
    """

    state: str = "open"
    reason: str = ""
    severity: str = ""
    owner: str = ""
    mine: bool = False
    overdue: bool = False
    dataset: str = ""
    gate: str = ""
    text: str = ""

    def query(self) -> str:
        """The parameters that bring these filters back; a saved view is this string."""
        asked = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return urlencode({name: "1" if value is True else value for name, value in asked.items()})

    def but(self, **changes: Any) -> str:
        """The query of these filters with *changes*: for links."""
        return Filters(**{f.name: changes.get(f.name, getattr(self, f.name)) for f in fields(self)}).query()


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the open cases that the reader may know of, whatever the filters."""

    open: int
    overdue: int
    mine: int
    unowned: int
    high: int


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case in the list. ``findings``: how many reasons it has; ``age_days``: since it was opened."""

    case: QuarantineCase
    owner: str
    claim: Claim | None
    age_days: int
    overdue: bool
    findings: int


@dataclass(slots=True)
class Group:
    """Cases of one root cause. ``sentence``: the finding in words; ``total``: on all pages."""

    root_cause: str
    words: str
    sentence: str
    severity: str
    runbook: str
    runbook_title: str
    total: int
    cases: list[CaseLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page: ``found`` cases match ``filters``. ``datasets``, ``reasons``, ``owners``: to filter by."""

    filters: Filters
    groups: list[Group]
    counts: Counts
    found: int
    page: int
    pages: int
    datasets: list[tuple[str, int]]
    reasons: list[tuple[str, str, int]]
    owners: list[tuple[str, str, int]]

    @property
    def previous(self) -> int | None:
        return self.page - 1 if self.page > 1 else None

    @property
    def next(self) -> int | None:
        return self.page + 1 if self.page < self.pages else None


def filters_from(asked: Mapping[str, Any]) -> Filters:
    """The filters that a URL's parameters ask for; what can't be meant is left out, an unknown word finds nothing."""
    words = {name: _word(asked.get(name)) for name in ("reason", "severity", "owner", "dataset", "gate", "text")}
    state = _word(asked.get("state"))
    return Filters(
        state=state if state in STATES else "open",
        mine=_word(asked.get("mine")) == "1",
        overdue=_word(asked.get("overdue")) == "1",
        **words,
    )


def page(person: Person, filters: Filters, page: int, now: datetime) -> InboxPage:
    """Page *page* (from 1; one past the end is the last) of what *person* asks for, gravest group first."""
    today = now.date()
    visible = _visible(person)
    matching = visible.filter(_condition(filters, person, now))
    found = matching.count()
    pages = max(1, -(-found // PAGE_SIZE))
    page = min(max(1, page), pages)
    cases = list(_in_order(matching)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    facets = _facets(visible)
    names = names_of({p for c in cases for p in (c.owner, c.claimed_by)} | set(facets["owner"]) - {""})
    titles = {entry.runbook_id: entry.title for entry in library.shelf()}
    return InboxPage(
        filters=filters,
        groups=_grouped(cases, names, titles, person, now),
        counts=_counts(visible, person, now, today),
        found=found,
        page=page,
        pages=pages,
        datasets=sorted(facets["version__dataset__slug"].items()),
        reasons=[(code, WORDS.get(code, code), n) for code, n in sorted(facets["reason_code"].items())],
        owners=[(p or NOBODY, names.get(p, p) or "Nobody", n) for p, n in sorted(facets["owner"].items())],
    )


def mine(person: Person, now: datetime) -> Q:
    """The condition on cases: owned by *person*, or held by them now."""
    return Q(owner=person.principal) | Q(claimed_by=person.principal, claim_until__gt=now)


def _word(value: Any) -> str:
    return "".join(c for c in value if c.isprintable()).strip()[:LONGEST].strip() if isinstance(value, str) else ""


def _visible(person: Person) -> QuerySet[QuarantineCase]:
    """The cases on versions that *person* may know of, as ``home.open_cases`` has them."""
    return permissions.cases_open_to(person, Action.DISCOVER)


def _condition(filters: Filters, person: Person, now: datetime) -> Q:
    condition = {"open": Q(resolution=""), "ended": ~Q(resolution=""), "all": Q()}[filters.state]
    exact = {"reason_code": filters.reason, "version__dataset__slug": filters.dataset, "gate": filters.gate}
    condition &= Q(**{name: value for name, value in exact.items() if value})
    if filters.severity:
        condition &= Q(severity__in=[s for label, s in _SEVERITIES.items() if label == filters.severity])
    if filters.owner:
        condition &= Q(owner="" if filters.owner == NOBODY else filters.owner)
    if filters.mine:
        condition &= mine(person, now)
    if filters.overdue:
        condition &= Q(resolution="", due__lt=now.date())
    return condition & _holding(filters.text) if filters.text else condition


def _holding(text: str) -> Q:
    places = ("version__dataset__slug", "version__dataset__title", "version__version_id", "root_cause", "reason")
    found = Q(pk=int(text)) if text.isascii() and text.isdigit() and len(text) < LONGEST // 12 else Q()
    for place in places:
        found |= Q(**{f"{place}__icontains": text})
    return found


def _in_order(cases: QuerySet[QuarantineCase]) -> QuerySet[QuarantineCase]:
    """The gravest first; of these the group with the soonest due case; inside a group the soonest due."""
    return (
        cases.annotate(
            group_due=Window(Min("due"), partition_by=list(_BY_CAUSE)),
            group_total=Window(Count("pk"), partition_by=list(_BY_CAUSE)),
        )
        .select_related("version__dataset", "version__policy_label", "version__standing", "reopens")
        .order_by("severity", "group_due", "root_cause", "due", "pk")
    )


def _counts(visible: QuerySet[QuarantineCase], person: Person, now: datetime, today: date) -> Counts:
    counted = (
        visible.filter(resolution="")
        .order_by()
        .aggregate(
            open=Count("pk"),
            overdue=Count("pk", filter=Q(due__lt=today)),
            mine=Count("pk", filter=mine(person, now)),
            unowned=Count("pk", filter=Q(owner="")),
            high=Count("pk", filter=Q(severity=Severity.HIGH)),
        )
    )
    return Counts(**counted)


def _facets(visible: QuerySet[QuarantineCase]) -> dict[str, dict[str, int]]:
    """How many open cases there are by each value of what is filtered by, in one query."""
    names = ("version__dataset__slug", "reason_code", "owner")
    facets: dict[str, dict[str, int]] = {name: {} for name in names}
    for row in visible.filter(resolution="").order_by().values(*names).annotate(n=Count("pk")):
        for name in names:
            facets[name][row[name]] = facets[name].get(row[name], 0) + row["n"]
    return facets


def _grouped(
    cases: list[QuarantineCase], names: Mapping[str, str], titles: Mapping[str, str], person: Person, now: datetime
) -> list[Group]:
    groups: dict[tuple[int, str], Group] = {}
    for case in cases:
        group = groups.get((case.severity, case.root_cause))
        if group is None:
            group = groups[case.severity, case.root_cause] = Group(
                root_cause=case.root_cause,
                words=WORDS.get(case.reason_code, case.reason_code),
                sentence=_sentence(case),
                severity=Severity(case.severity).label,
                runbook=case.runbook,
                runbook_title=titles.get(case.runbook, ""),
                total=case.group_total,  # type: ignore[attr-defined]  # annotated in _in_order
            )
        group.cases.append(_line(case, names, person, now))
    return list(groups.values())


def _line(case: QuarantineCase, names: Mapping[str, str], person: Person, now: datetime) -> CaseLine:
    return CaseLine(
        case=case,
        owner=names.get(case.owner, case.owner),
        claim=claim_of(case, names, person, now),
        age_days=((case.resolved_at or now) - case.opened_at).days,
        overdue=not case.resolution and case.due < now.date(),
        findings=len(case.findings),
    )


def _sentence(case: QuarantineCase) -> str:
    """The finding that gives the group its name, in words; a reviewer's reason where there is none.

    Of a missed check, the check's name alone: each case of the group measured a figure of its own.
    """
    cause, _, check = case.root_cause.rpartition(":")
    if cause == "E2:threshold_missed" and check in PLAIN:
        return f"{PLAIN[check]}: threshold missed"
    for finding in case.findings:
        if cause_of(finding) == case.root_cause:
            return str(finding.get("message", ""))
    return next((str(f.get("message", "")) for f in case.findings), first_reason(case))
