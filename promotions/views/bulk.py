"""One act on many cases: choose, type what it needs, see what it would do to each, confirm, see what it did to each.

Nothing is written before the confirmation, and only to the cases that the preview said it is possible for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.requests import Action
from promotions import bulk, permissions
from promotions.forms_inbox import ManyCommentForm, ManyDueForm, ManyOwnerForm, ManyReasonForm
from promotions.models import QuarantineCase
from promotions.readers import quarantine
from promotions.views.asking import crumbs, person_of
from promotions.views.inbox_place import Place, number_of, place_in

CONFLICT = 409
OUTCOMES_KEY = "inbox_outcomes"
LABELS: dict[str, str] = {
    "claim": "Claim",
    "assign": "Assign",
    "comment": "Comment",
    "due": "Move the due date",
    "run": "Run the checks again",
    "deny": "Deny",
}
_FORMS: dict[str, type[forms.Form]] = {
    "assign": ManyOwnerForm,
    "comment": ManyCommentForm,
    "due": ManyDueForm,
    "deny": ManyReasonForm,
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_page(request: HttpRequest) -> HttpResponse:
    """``promotions:bulk``: GET asks for what the act needs, or shows its effects; POST shows them, or confirms."""
    person, asked = person_of(request), request.POST if request.method == "POST" else request.GET
    action, place = asked.get("act", ""), place_in(asked.get("back", "").removeprefix("?"))
    if action not in LABELS:
        raise Http404
    pks = [pk for pk in map(number_of, asked.getlist("pk")) if pk is not None]
    if not pks:
        messages.error(request, "No case was chosen. Tick the cases first.")
        return redirect(place.href)
    form = _form(action, person, pks, request.POST if request.method == "POST" else None)
    if form is not None and not (form.is_bound and form.is_valid()):
        return _ask(request, action, place, _named(person, pks), form)
    try:
        parameters = _parameters(form)
        if asked.get("step") == "apply" and request.method == "POST":
            return _apply(request, action, place, pks, parameters)
        return _preview(request, action, place, pks, form)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(place.href)


@login_required
@require_GET
def outcomes(request: HttpRequest) -> HttpResponse:
    """``promotions:bulk_outcomes``: what the last act on many did to each; loading it again does nothing again."""
    kept = request.session.get(OUTCOMES_KEY)
    if kept is None:
        return redirect("promotions:quarantine")
    named = _named(person_of(request), [pk for pk, _, _ in kept["rows"]])
    rows = [{"pk": pk, "case": named.get(pk), "done": done, "message": said} for pk, done, said in kept["rows"]]
    place = place_in(kept["back"])
    context = {
        "label": LABELS[kept["act"]],
        "rows": rows,
        "done": sum(row["done"] for row in rows),
        "left": sum(not row["done"] for row in rows),
        "listed": place.href,
        "crumbs": crumbs(("Quarantine", place.href), (LABELS[kept["act"]], "")),
    }
    return render(request, "quarantine/bulk_outcomes.html", context)


def _ask(
    request: HttpRequest, action: str, place: Place, chosen: Mapping[int, QuarantineCase], form: forms.Form
) -> HttpResponse:
    context = _context(action, place) | {"form": form, "chosen": list(chosen.values()), "pks": list(chosen)}
    return render(request, "quarantine/bulk.html", context)


def _preview(
    request: HttpRequest, action: str, place: Place, pks: Sequence[int], form: forms.Form | None
) -> HttpResponse:
    effects = bulk.preview(action, pks, person_of(request), _parameters(form), timezone.now())
    possible = [effect for effect in effects if effect.possible]
    context = _context(action, place) | {
        "form": form,
        "effects": effects,
        "possible": len(possible),
        "pks": [effect.case_pk for effect in possible],
        "left": len(effects) - len(possible),
    }
    return render(request, "quarantine/bulk.html", context)


def _apply(
    request: HttpRequest, action: str, place: Place, pks: Sequence[int], parameters: Mapping[str, str]
) -> HttpResponse:
    done = bulk.apply(action, pks, person_of(request), parameters, timezone.now())
    request.session[OUTCOMES_KEY] = {
        "act": action,
        "back": place.href.partition("?")[2],
        "rows": [[outcome.case_pk, outcome.done, outcome.message] for outcome in done],
    }
    return redirect("promotions:bulk_outcomes")


def _context(action: str, place: Place) -> dict[str, Any]:
    return {
        "act": action,
        "label": LABELS[action],
        "danger": action == "deny",
        "back": f"?{place.href.partition('?')[2]}",
        "listed": place.href,
        "crumbs": crumbs(("Quarantine", place.href), (LABELS[action], "")),
        "here": reverse("promotions:bulk"),
    }


def _form(action: str, person: Person, pks: Sequence[int], data: Any) -> forms.Form | None:
    if action not in _FORMS:
        return None
    if action != "assign":
        return _FORMS[action](data)
    people: dict[str, str] = {}
    by_dataset = {case.version.dataset_id: case for case in _named(person, pks).values()}
    for case in by_dataset.values():
        people |= quarantine.people_of(case)
    return ManyOwnerForm(data, people=people)


def _parameters(form: forms.Form | None) -> dict[str, str]:
    """What was typed, as text; a day as ISO 8601 has it."""
    return {name: str(value) for name, value in form.cleaned_data.items()} if form is not None else {}


def _named(person: Person, pks: Sequence[int]) -> dict[int, QuarantineCase]:
    """Those of the cases that *person* may know of, in the order given."""
    rows = permissions.cases_open_to(person, Action.DISCOVER).select_related("version__dataset")
    found = rows.in_bulk(list(dict.fromkeys(pks))[: bulk.MOST])
    return {pk: found[pk] for pk in dict.fromkeys(pks) if pk in found}
