"""The quarantine: open cases by root cause, one case with its plan and its ways out."""

from __future__ import annotations

from collections.abc import Callable
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

from datasets import enforcement
from datasets.errors import Refused
from datasets.people import Person, names_of
from datasets.policy.requests import Action
from promotions import cases, gates, jobs, library, transitions
from promotions.forms import PlanForm, ReasonForm
from promotions.models import QuarantineCase
from promotions.readers import home, quarantine
from promotions.views.asking import crumbs, person_of

CONFLICT = 409
_HISTORY = 50


@login_required
@require_GET
def quarantine_page(request: HttpRequest) -> HttpResponse:
    """``promotions:quarantine``."""
    found = list(home.open_cases(person_of(request))[: home.MOST])
    names = names_of({case.owner for case in found} - {""})
    today = timezone.now().date()
    context = {
        "groups": quarantine.grouped(found, names, today),
        "count": len(found),
        "overdue": sum(case.due < today for case in found),
    }
    return render(request, "quarantine/quarantine.html", context)


@login_required
@require_GET
def case_page(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case``."""
    return _show(request, _case_or_404(person_of(request), case_pk))


@login_required
@require_POST
def plan(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_plan``: owner, due date and plan."""
    case = _case_or_404(person_of(request), case_pk)
    form = PlanForm(request.POST, people=_people(case))
    if not form.is_valid():
        return _show(request, case, plan_form=form)
    try:
        cases.update_case(case_pk=case.pk, by=person_of(request), at=timezone.now(), **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _show(request, case, plan_form=form, status=CONFLICT)
    messages.success(request, "The plan was kept.")
    return redirect("promotions:case", case.pk)


@login_required
@require_POST
def resolve(request: HttpRequest, case_pk: int, way: str) -> HttpResponse:
    """``promotions:case_resolve``: releases or denies the version."""
    ways: dict[str, tuple[Callable[..., Any], str]] = {
        "release": (transitions.release, "Released to WORK; its gate was asked again and passes."),
        "deny": (transitions.deny, "Denied. The record stays."),
    }
    if way not in ways:
        raise Http404
    case = _case_or_404(person_of(request), case_pk)
    form = ReasonForm(request.POST, prefix=way)
    if not form.is_valid():
        return _show(request, case, resolve_form=(way, form))
    writer, message = ways[way]
    try:
        writer(version_pk=case.version_id, by=person_of(request), reason=form.cleaned_data["reason"], at=timezone.now())
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _show(request, _case_or_404(person_of(request), case_pk), resolve_form=(way, form), status=CONFLICT)
    messages.success(request, message)
    return redirect("promotions:case", case.pk)


@login_required
@require_POST
def run(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_run``: the checks again, in the background."""
    case = _case_or_404(person_of(request), case_pk)
    try:
        job = jobs.request_promotion(version=case.version, by=person_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("promotions:case", case.pk)
    messages.success(
        request, "Asked for. The version stays in quarantine; a reviewer may release it if the gate passes."
    )
    return redirect("promotions:job", job.pk)


def _case_or_404(person: Person, case_pk: int) -> QuarantineCase:
    visible = enforcement.visible_versions(person, Action.READ_QA).values("pk")
    case = (
        QuarantineCase.objects.filter(pk=case_pk, version__in=visible)
        .select_related(
            "version__dataset",
            "version__policy_label",
            "version__proposal",
            "version__acquisition",
            "version__standing",
        )
        .first()
    )
    if case is None:
        raise Http404
    return case


def _people(case: QuarantineCase) -> dict[str, str]:
    people = quarantine.people_of(case)
    return people | {case.owner: people.get(case.owner, case.owner)} if case.owner else people


def _show(
    request: HttpRequest,
    case: QuarantineCase,
    *,
    plan_form: forms.Form | None = None,
    resolve_form: tuple[str, forms.Form] | None = None,
    status: int = 200,
) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    ways = quarantine.ways_out(person, case) if not case.resolution else []
    may_plan, why_not_plan = quarantine.may_plan(person, case)
    context = {
        "case": case,
        "version": case.version,
        "words": quarantine.WORDS.get(case.reason_code, case.reason_code),
        "gate_name": gates.NAMES.get(case.gate, case.gate),
        "overdue": not case.resolution and case.due < now.date(),
        "plan_form": plan_form
        or PlanForm(initial={"owner": case.owner, "due": case.due, "plan": case.plan}, people=_people(case)),
        "may_plan": may_plan and not case.resolution,
        "why_not_plan": why_not_plan,
        "ways": [(way, _way_form(way.name, resolve_form)) for way in ways],
        "runbook": library.by_id(case.runbook),
        "history": _history(case, now),
        "names": names_of({case.owner, case.opened_by, case.resolved_by, case.plan_by} - {""}),
        "crumbs": crumbs(("Quarantine", reverse("promotions:quarantine")), (f"Case {case.pk}", "")),
    }
    return render(request, "quarantine/case.html", context, status=status)


def _way_form(name: str, bound: tuple[str, forms.Form] | None) -> forms.Form | None:
    if name not in {"release", "deny"}:
        return None
    return bound[1] if bound is not None and bound[0] == name else ReasonForm(prefix=name)


def _history(case: QuarantineCase, now: datetime) -> list[dict[str, Any]]:
    """What was kept of the case, newest first: who changed what."""
    rows: list[Any] = list(
        case.history.select_related("history_user").order_by("history_date", "history_id")[:_HISTORY]
    )
    told, before = [], None
    for row in rows:
        changed = [
            n for n in ("owner", "due", "plan", "resolution") if before is None or getattr(row, n) != getattr(before, n)
        ]
        who = row.history_user.get_full_name() or row.history_user.get_username() if row.history_user else "The console"
        words = (
            "opened the case" if before is None else "changed " + ", ".join(changed) if changed else "kept it as it was"
        )
        told.append({"at": row.history_date or now, "who": who, "words": words})
        before = row
    return told[::-1]
