"""A dataset's embargo: set, moved to a later day, lifted by a person. A refused try is in the ledger."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from datasets import embargoes
from datasets.errors import Refused
from datasets.models import Dataset
from promotions import refusals
from promotions.forms_embargo import LiftForm, SetForm
from promotions.readers import embargo_page as reader
from promotions.views.asking import crumbs, person_of
from promotions.views.sources import CONFLICT, dataset_or_404


@login_required
@require_http_methods(["GET", "POST"])
def embargo(request: HttpRequest, slug: str) -> HttpResponse:
    """``promotions:embargo``; a POST with ``act`` ``set`` or ``lift`` does that."""
    dataset = dataset_or_404(request, slug, "set_embargo")
    if request.method == "GET":
        return _show(request, dataset)
    return _lift(request, dataset) if request.POST.get("act") == "lift" else _set(request, dataset)


@login_required
@require_GET
def by_number(request: HttpRequest, embargo_pk: int) -> HttpResponse:
    """``promotions:embargo_by_number``: where a notice leads, which names no dataset."""
    row = reader.find_embargo(person_of(request), embargo_pk)
    if row is None:
        raise Http404
    return redirect("promotions:embargo", row.dataset.slug)


def _set(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    form = SetForm(request.POST)
    if not form.is_valid():
        return _show(request, dataset, set_form=form)
    person, at, said = person_of(request), timezone.now(), form.cleaned_data
    moves = embargoes.embargo_on(dataset.pk) is not None
    try:
        row = embargoes.set_embargo(dataset=dataset, until=said["until"], reason=said["reason"], by=person, at=at)
    except Refused as refusal:
        _keep(request, dataset, form, "set_embargo", refusal)
        return _show(request, dataset, set_form=form, status=CONFLICT)
    done = "Moved" if moves else "Set"
    messages.success(request, f"{done}. The embargo runs until a person lifts it, on or after {row.until:%d %B %Y}.")
    return redirect("promotions:embargo", dataset.slug)


def _lift(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    form = LiftForm(request.POST)
    if not form.is_valid():
        return _show(request, dataset, lift_form=form)
    person, at, said = person_of(request), timezone.now(), form.cleaned_data
    try:
        embargoes.lift_embargo(dataset=dataset, reason=said["reason"], by=person, at=at, seen=said["seen"])
    except Refused as refusal:
        _keep(request, dataset, form, "lift_embargo", refusal)
        if refusal.code == "no_embargo":
            messages.info(request, refusal.message)
            return redirect("promotions:embargo", dataset.slug)
        return _show(request, dataset, lift_form=form, status=CONFLICT)
    messages.success(request, "Lifted. What was published is read again, as its label says.")
    return redirect("promotions:embargo", dataset.slug)


def _keep(request: HttpRequest, dataset: Dataset, form: forms.Form, verb: str, refusal: Refused) -> None:
    subject = f"kfm://dataset/{dataset.slug}"
    refusals.keep(by=person_of(request), verb=verb, subject=subject, code=refusal.code, at=timezone.now())
    form.add_error(None, refusal.message)


def _show(
    request: HttpRequest,
    dataset: Dataset,
    *,
    set_form: SetForm | None = None,
    lift_form: LiftForm | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = reader.embargo_view(person_of(request), dataset, timezone.now())
    row = shown["embargo"]
    context = {
        **shown,
        "dataset": dataset,
        "set_form": set_form or SetForm(),
        "lift_form": lift_form or LiftForm(initial={"seen": row.until if row else None}),
        "form": set_form or lift_form or SetForm(),
        "crumbs": crumbs(
            ("Datasets", reverse("datasets:list")),
            (dataset.slug, reverse("datasets:detail", args=[dataset.slug])),
            ("Embargo", ""),
        ),
    }
    return render(request, "embargoes/embargo.html", context, status=status)
