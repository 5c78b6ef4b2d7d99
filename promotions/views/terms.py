"""A dataset's terms: what is accepted, what changed, and the steward's acceptance. A refused try is in the ledger."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from datasets import terms
from datasets.errors import Refused
from datasets.models import Dataset, TermsObservation
from datasets.people import names_of
from promotions import refusals
from promotions.forms_sources import AcceptForm
from promotions.readers import terms_page as reader
from promotions.views.asking import crumbs, person_of
from promotions.views.sources import CONFLICT, dataset_or_404


@login_required
@require_http_methods(["GET", "POST"])
def terms_page(request: HttpRequest, slug: str) -> HttpResponse:
    """``promotions:terms``; a POST accepts the observation that the steward read."""
    dataset = dataset_or_404(request, slug, "accept_terms")
    return _accept(request, dataset) if request.method == "POST" else _show(request, dataset, None)


def _accept(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    person, at = person_of(request), timezone.now()
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _show(request, dataset, form)
    observation = TermsObservation.objects.filter(dataset=dataset, pk=form.cleaned_data["observation"]).first()
    if observation is None:
        raise Http404
    try:
        terms.accept(observation_pk=observation.pk, reason=form.cleaned_data["reason"], by=person, at=at)
    except Refused as refusal:
        subject = f"kfm://dataset/{dataset.slug}"
        refusals.keep(by=person, verb="accept_terms", subject=subject, code=refusal.code, at=at)
        if refusal.code == "accepted_already":
            messages.info(request, _accepted_by(dataset, observation) or refusal.message)
            return redirect("promotions:terms", dataset.slug)
        form.add_error(None, refusal.message)
        return _show(request, dataset, form, status=CONFLICT)
    messages.success(request, "Accepted. Clause B2 no longer waits for these terms; open versions are judged anew.")
    return redirect("promotions:terms", dataset.slug)


def _accepted_by(dataset: Dataset, observation: TermsObservation) -> str:
    held = dataset.terms_acceptances.filter(words_digest=observation.words_digest).first()
    if held is None:
        return ""
    return f"Already accepted by {names_of({held.accepted_by})[held.accepted_by]}."


def _show(request: HttpRequest, dataset: Dataset, form: AcceptForm | None, *, status: int = 200) -> HttpResponse:
    shown = reader.terms_view(person_of(request), dataset)
    latest = shown["standing"].latest
    context = {
        **shown,
        "dataset": dataset,
        "form": form or AcceptForm(initial={"observation": latest.pk if latest else None}),
        "crumbs": crumbs(
            ("Datasets", reverse("datasets:list")),
            (dataset.slug, reverse("datasets:detail", args=[dataset.slug])),
            ("Terms", ""),
        ),
    }
    return render(request, "terms/terms.html", context, status=status)
