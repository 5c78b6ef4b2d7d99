"""Changes that someone asked for: the list, and one with what it would do and a second person's decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from datasets import decisions, label_writing, policy_changes
from datasets.errors import Refused
from datasets.models import PolicyChange, PolicyChangeState
from datasets.people import Person, person_named
from promotions import refusals, signoffs
from promotions.forms_administration import ConfirmForm, ReasonForm
from promotions.permissions import can
from promotions.readers import administration as reading
from promotions.readers import right_reach
from promotions.readers.policy_diff import label_diff
from promotions.views.administration import CONFLICT, REFUSED, opened_from, place, tabs, viewer_of
from promotions.views.asking import crumbs, user_of

_PAGE = 50
_WRITERS: dict[str, Callable[..., PolicyChange]] = {
    "confirm": policy_changes.confirm,
    "refuse": policy_changes.refuse,
    "take_back": policy_changes.take_back,
}
_DONE = {
    "confirm": "Confirmed. The change is in force from now on.",
    "refuse": "Refused. Nothing was changed.",
    "take_back": "Taken back. Nothing was changed.",
}


@login_required
@require_GET
def change_list(request: HttpRequest) -> HttpResponse:
    """``promotions:policy_changes``: what waits or was decided. ``state`` and ``page`` come from the address."""
    person = viewer_of(request)
    asked = request.GET.get("state", "pending")
    wanted = asked if asked in {*PolicyChangeState.values, "all"} else "pending"
    rows = PolicyChange.objects.all() if wanted == "all" else PolicyChange.objects.filter(state=wanted)
    page = Paginator(rows.order_by("-asked_at", "-pk"), _PAGE).get_page(opened_from(request))
    options = [("pending", "waiting"), ("applied", "applied"), ("refused", "refused"), ("taken_back", "taken back")]
    context = {
        "rows": reading.change_lines(page.object_list),
        "page": page,
        "tabs": tabs("Changes", reading.pending_for(person).count()),
        "wanted": wanted,
        "filters": [
            {
                "name": "state",
                "label": "State",
                "kind": "select",
                "options": [
                    {"value": value, "label": word, "selected": value == wanted}
                    for value, word in [*options, ("all", "all")]
                ],
            }
        ],
    }
    return render(request, "administration/changes.html", context)


@login_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def change_page(request: HttpRequest, change_pk: int) -> HttpResponse:
    """``promotions:policy_change``: one change; a POST confirms it, refuses it or takes it back."""
    person = viewer_of(request)
    change = PolicyChange.objects.filter(pk=change_pk).first()
    if change is None:
        raise Http404
    act = request.POST.get("act", "")
    confirming = ConfirmForm(request.POST if act == "confirm" else None)
    ending = ReasonForm(request.POST if act in {"refuse", "take_back"} else None)
    status = 200
    if request.method == "POST":
        form = confirming if act == "confirm" else ending
        status = _decide(request, change, person, act, form)
        if status == 200:  # noqa: PLR2004 - decided
            messages.success(request, _DONE[act])
            return redirect("promotions:policy_change", change_pk=change.pk)
        change.refresh_from_db()
    context = _context(request, change, person) | {"confirming": confirming, "ending": ending, "act": act}
    return render(request, "administration/change.html", context, status=status)


def _decide(request: HttpRequest, change: PolicyChange, person: Person, act: str, form: forms.Form) -> int:
    """Carries *act* out; 200 when it was done, else the status, with the reason in *form*."""
    at = timezone.now()
    if act not in _DONE:
        messages.error(request, "Choose what to do: confirm it, refuse it, or take it back. Nothing was changed.")
        return REFUSED
    if not form.is_valid():
        return REFUSED
    facts: dict[str, Any] = {"change_pk": change.pk, "by": person, "at": at}
    try:
        if act == "confirm":
            with refusals.attempt(by=person, verb="policy_change_confirm", subject=change.subject, at=at):
                policy_changes.check_confirms(change, person)
            facts["proof"] = signoffs.reauthenticate(
                user=user_of(request), password=form.cleaned_data["password"], at=at
            )
        else:
            facts["reason"] = form.cleaned_data["reason"]
        with refusals.attempt(by=person, verb=f"policy_change_{act}", subject=change.subject, at=at):
            _WRITERS[act](**facts)
    except Refused as refusal:
        if refusal.code == "password_wrong":
            form.add_error("password", "The password is not right, so nothing was confirmed. Try again.")
            return REFUSED
        return place(form, refusal) if refusal.code == "reason_missing" else _conflict(form, refusal)
    return 200


def _conflict(form: forms.Form, refusal: Refused) -> int:
    form.add_error(None, refusal.message)
    return CONFLICT


def _context(request: HttpRequest, change: PolicyChange, person: Person) -> dict[str, Any]:
    line = reading.change_lines([change])[0]
    waits = change.state == PolicyChangeState.PENDING
    may, why_not = can(policy_changes.check_confirms, change, person)
    stale = reading.overtaken(change) if waits else ""
    unasked = ""
    try:
        difference = _difference(request, change, person, waits=waits and not stale)
    except Refused as refusal:  # what it would do is not known, so nobody confirms it now
        unasked, difference = refusal.message, _difference(request, change, person, waits=False)
    return {
        "line": line,
        "change": change,
        "waits": waits,
        "may_confirm": waits and may and not stale and not unasked,
        "may_refuse": waits and may,
        "mine": waits and change.asked_by == person.principal,
        "why_not": why_not or stale or unasked,
        "stale": stale,
        "crumbs": crumbs(("Changes", reverse("promotions:policy_changes")), (line.what, "")),
        **difference,
    }


def _difference(request: HttpRequest, change: PolicyChange, person: Person, *, waits: bool) -> dict[str, Any]:
    """What the change would do, computed anew while it waits; afterwards only what was asked for."""
    document = json.loads(change.document)
    if not reading.is_label(change):
        told: dict[str, Any] = {"document": document, "meaning": reading.right_meaning(document)}
        if waits:
            gains = person_named(document["user"])
            told["reach"] = right_reach.reach_of(gains, document)
            told["opened"] = right_reach.opened_by(gains, document, person, opened_from(request))
        return told
    after = reading.wanted_label(change)
    if not waits:
        return {"label_rows": reading.label_rows(after), "label_name": after.name}
    before = decisions.label_facts().get(after.name)
    return {
        "label_name": after.name,
        "before": before,
        "diff": reading.facts_diff(before, after, label_writing.openings_of(before, after)),
        "decisions": label_diff(before, after, person, opened_from(request)),
    }
