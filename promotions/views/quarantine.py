"""One quarantine case: everything about it, and every act on it but the two that open another version (``ways``).

An act is one form at most and one writer; a refusal is shown beside what was typed. Who acted from the inbox goes back
to the same place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.requests import Action
from promotions import cases, library, permissions, refusals, transitions
from promotions.forms import PlanForm, ReasonForm
from promotions.forms_inbox import CommentForm, HandOverForm, PersonForm
from promotions.models import QuarantineCase
from promotions.readers import inbox, quarantine
from promotions.views.asking import crumbs, person_of
from promotions.views.inbox_place import Place, place_in

CONFLICT = 409
Typed = dict[str, Any]
Writer = Callable[[QuarantineCase, Typed, Person, datetime], str]
_HISTORY = 50
_KEPT = {"owner": "owner", "due": "due", "plan": "plan", "findings": "findings", "resolution": "resolution"}


@dataclass(frozen=True, slots=True)
class Act:
    """One act: its writer, which answers with the message of success, and its form when something is typed."""

    write: Writer
    form: str = ""


def _claim(case: QuarantineCase, _: Typed, by: Person, at: datetime) -> str:
    held = cases.claim(case_pk=case.pk, by=by, at=at)
    return f"Case {case.pk} is yours until {held.claim_until:%H:%M} UTC; each act of yours renews it."


def _unclaim(case: QuarantineCase, _: Typed, by: Person, at: datetime) -> str:
    cases.unclaim(case_pk=case.pk, by=by, at=at)
    return f"Case {case.pk} is free for others again."


def _assign(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    cases.assign(case_pk=case.pk, owner=typed["owner"], by=by, at=at)
    return "Assigned; they are told." if typed["owner"] else "Nobody sees to the case now."


def _hand_over(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    cases.hand_over(case_pk=case.pk, to=typed["to"], note=typed["note"], by=by, at=at)
    return "Handed over with your note; they are told."


def _comment(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    cases.comment(case_pk=case.pk, text=typed["text"], by=by, at=at)
    return "Your comment was added."


def _plan(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    cases.update_case(case_pk=case.pk, by=by, at=at, **typed)
    return "The plan was kept."


def _release(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    transitions.release(version_pk=case.version_id, by=by, reason=typed["reason"], at=at)
    return "Released to WORK; its gate was asked again and passes."


def _deny(case: QuarantineCase, typed: Typed, by: Person, at: datetime) -> str:
    transitions.deny(version_pk=case.version_id, by=by, reason=typed["reason"], at=at)
    return "Denied. The record stays."


ACTS: dict[str, Act] = {
    "claim": Act(_claim),
    "unclaim": Act(_unclaim),
    "assign": Act(_assign, "assign"),
    "hand-over": Act(_hand_over, "hand_over"),
    "comment": Act(_comment, "comment"),
    "plan": Act(_plan, "plan"),
    "release": Act(_release, "release"),
    "deny": Act(_deny, "deny"),
}


@login_required
@require_GET
def case_page(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case``."""
    return show(request, case_or_404(person_of(request), case_pk))


@login_required
@require_POST
def act(request: HttpRequest, case_pk: int, way: str) -> HttpResponse:
    """``promotions:case_resolve`` and ``promotions:case_plan``: one act of ``ACTS``."""
    if way not in ACTS:
        raise Http404
    done, case = ACTS[way], case_to_act_on(request, way, case_pk)
    form = _form(done.form, case, request.POST) if done.form else None
    if form is not None and not form.is_valid():
        return show(request, case, bound={done.form: form})
    try:
        message = done.write(case, form.cleaned_data if form else {}, person_of(request), timezone.now())
    except Refused as refusal:
        if form is None:
            messages.error(request, refusal.message)
            return _back(request, case)
        form.add_error(None, refusal.message)
        return show(request, case_or_404(person_of(request), case_pk), bound={done.form: form}, status=CONFLICT)
    messages.success(request, message)
    return _back(request, case)


@login_required
@require_POST
def run(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_run``: the checks again, in the background."""
    case = case_to_act_on(request, "run", case_pk)
    try:
        job = cases.run_again(case_pk=case.pk, by=person_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _back(request, case)
    messages.success(
        request, "Asked for. The version stays in quarantine; a reviewer may release it if the gate passes."
    )
    return redirect("promotions:job", job.pk)


@login_required
@require_POST
def reopen(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_reopen``: one click; the new case is opened."""
    case = case_to_act_on(request, "reopen", case_pk)
    try:
        opened = cases.reopen(case_pk=case.pk, reason="", by=person_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _back(request, case)
    messages.success(request, f"Reopened as case {opened.pk}, with the owner and plan that it had.")
    return redirect("promotions:case", opened.pk)


def case_or_404(person: Person, case_pk: int) -> QuarantineCase:
    """The case when it is there and *person* may read its findings; hidden and absent are the same 404."""
    rows = permissions.cases_open_to(person, Action.READ_QA).filter(pk=case_pk)
    case = rows.select_related(
        "version__dataset",
        "version__policy_label",
        "version__proposal",
        "version__acquisition",
        "version__standing",
        "version__spec",
        "reopens",
    ).first()
    if case is None:
        raise Http404
    return case


def case_to_act_on(request: HttpRequest, verb: str, case_pk: int) -> QuarantineCase:
    """As ``case_or_404``, for a POST: an attempt on a case that is hidden, or absent, is in the ledger alike."""
    person = person_of(request)
    try:
        return case_or_404(person, case_pk)
    except Http404:
        refusals.keep(by=person, verb=verb, subject=f"case/{case_pk}", code="not_found", at=timezone.now())
        raise


def show(
    request: HttpRequest, case: QuarantineCase, *, bound: Mapping[str, forms.Form] | None = None, status: int = 200
) -> HttpResponse:
    """The case's own page; *bound* takes the place of the form of that name."""
    place = _place(request)
    listed = place.at(None).href if place else reverse("promotions:quarantine")
    context = case_context(person_of(request), case, place, bound or {})
    context["crumbs"] = crumbs(("Quarantine", listed), (f"Case {case.pk}", ""))
    return render(request, "quarantine/case.html", context, status=status)


def case_context(
    person: Person, case: QuarantineCase, place: Place | None, bound: Mapping[str, forms.Form]
) -> dict[str, Any]:
    """Everything ``quarantine/case_body.html`` needs."""
    now = timezone.now()
    view = inbox.case_view(person, case, now)
    step = _step(view.runbook)
    names = ("assign", "hand_over", "comment", "plan", "release", "deny")
    return {
        "view": view,
        "case": case,
        "version": case.version,
        "back": f"?{place.at(case.pk).href.partition('?')[2]}" if place else "",
        "forms": {name: bound.get(name) or _form(name, case, people=view.people) for name in names},
        "reasons": [(gate, [{**finding, "runbook": step} for finding in gate.findings]) for gate in view.reasons],
        "step": step,
        "history": _history(case),
        "shape": shape_of(view.severity),
    }


def shape_of(severity: str) -> str:
    """The shape that stands beside a severity's word."""
    return {"high": "block", "medium": "quarantine"}.get(severity, "not_run")


def _step(entry: library.Entry | None) -> dict[str, str] | None:
    """Where the runbook says what to do."""
    if entry is None:
        return None
    sections = library.rendered(entry)
    anchor = next((anchor for anchor, title, _ in sections if title.startswith("Procedure")), "")
    href = reverse("promotions:runbook", args=[entry.runbook_id])
    return {"href": f"{href}#{anchor}" if anchor else href, "label": f"{entry.runbook_id}, Procedure"}


def _form(name: str, case: QuarantineCase, data: Any = None, people: Mapping[str, str] | None = None) -> forms.Form:
    """The form of that name, bound when *data* is given."""
    if name in {"release", "deny"}:
        return ReasonForm(data, prefix=name)
    if name == "comment":
        return CommentForm(data)
    known = dict(people or quarantine.people_of(case))
    if name == "hand_over":
        return HandOverForm(data, people=known)
    if case.owner:  # who lost the role is still named, or the form would show another owner than there is
        known.setdefault(case.owner, case.owner)
    if name == "assign":
        return PersonForm(data, people=known, initial={"owner": case.owner})
    if data is not None and "owner" not in data:
        data = data.copy()
        data["owner"] = case.owner  # the page's plan leaves the owner as it is
    return PlanForm(data, initial={"owner": case.owner, "due": case.due, "plan": case.plan}, people=known)


def _place(request: HttpRequest) -> Place | None:
    """Where in the inbox the act was asked for; ``None``: on the case's own page."""
    back = request.POST.get("back", "")
    return place_in(back[1:]) if back.startswith("?") else None


def _back(request: HttpRequest, case: QuarantineCase) -> HttpResponse:
    place = _place(request)
    return redirect(f"{place.href}#case-{case.pk}") if place else redirect("promotions:case", case.pk)


def _history(case: QuarantineCase) -> list[dict[str, Any]]:
    """What was kept of the case, newest first: who changed what. A claim that was only renewed is left out."""
    rows: list[Any] = list(
        case.history.select_related("history_user").order_by("-history_date", "-history_id")[:_HISTORY]
    )[::-1]
    told: list[dict[str, Any]] = []
    before = None
    for row in rows:
        words = _words(before, row)
        if words:
            user = row.history_user
            who = (user.get_full_name() or user.get_username()) if user else "The console"
            told.append({"at": row.history_date, "who": who, "words": words})
        before = row
    return told[::-1]


def _words(before: Any, row: Any) -> str:
    """What one kept change did, ``""`` when nothing that is told."""
    if before is None:
        return "opened the case" if row.history_type == "+" else ""
    changed = [word for name, word in _KEPT.items() if getattr(row, name) != getattr(before, name)]
    if row.claimed_by != before.claimed_by and not row.resolution:
        changed.append("claim")
    return f"changed {', '.join(changed)}" if changed else ""
