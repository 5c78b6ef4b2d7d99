"""The two ways out of quarantine that open another version: what it will be is shown before the click that opens it.

The click names the spec hash that was shown; when what was typed would make another one, it is shown again first.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_http_methods

from datasets.errors import Refused
from datasets.models import PolicyLabel
from promotions import derivatives
from promotions.forms_inbox import DerivativeForm, SeenReasonForm
from promotions.models import QuarantineCase
from promotions.readers import derivative_page, quarantine
from promotions.readers.derivative_page import Prospect
from promotions.views.asking import crumbs, person_of
from promotions.views.quarantine import case_or_404, case_to_act_on

CONFLICT = 409
_METHODS = ["GET", "HEAD", "POST"]


@login_required
@require_http_methods(_METHODS)
def derive(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_derive``: the same bytes with obligations, as another version."""
    case = _case(request, "derive", case_pk)
    labels = PolicyLabel.objects.filter(releasable=True)
    form = DerivativeForm(
        request.POST if request.method == "POST" else None,
        names=derivative_page.field_names(case.version),
        labels=labels,
        initial={"label": case.version.policy_label_id},
    )
    if request.method != "POST" or not form.is_valid():
        return _show(request, case, "derive", form)
    typed = form.cleaned_data
    try:
        seen = derivative_page.prospect(case.version, form.obligations(), typed["label"])
        if not _confirmed(request, form, seen):
            return _show(request, case, "derive", form, seen)
        job = derivatives.open_derivative(
            case_pk=case.pk,
            obligations=form.obligations(),
            label=typed["label"],
            reason=typed["reason"],
            by=person_of(request),
            at=timezone.now(),
        )
    except Refused as refusal:
        return _refused(request, case, "derive", form, refusal)
    messages.success(request, f"The case has ended. This run makes version {seen.version_id}, which passes every gate.")
    return redirect("promotions:job", job.pk)


@login_required
@require_GET
def places_foretold(request: HttpRequest) -> HttpResponse:
    """``promotions:places_foretold``: what the sizes and ways that are typed mean, in a sentence; of no version."""
    form = DerivativeForm(request.GET)
    form.is_valid()
    words = derivative_page.foretold(form.geometry())
    return HttpResponse(escape(words), headers={"Cache-Control": "private, no-store"})


@login_required
@require_http_methods(_METHODS)
def metadata_only(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_metadata_only``: the record and no bytes, as another version."""
    case = _case(request, "metadata-only", case_pk)
    form = SeenReasonForm(request.POST if request.method == "POST" else None)
    try:
        seen = derivative_page.prospect(case.version, [derivatives.METADATA_ONLY], "")
        if request.method != "POST" or not form.is_valid() or not _confirmed(request, form, seen):
            return _show(request, case, "metadata-only", form, seen)
        job = derivatives.open_metadata_only(
            case_pk=case.pk, reason=form.cleaned_data["reason"], by=person_of(request), at=timezone.now()
        )
    except Refused as refusal:
        return _refused(request, case, "metadata-only", form, refusal)
    messages.success(request, f"The case has ended. This run makes version {seen.version_id}, which serves no bytes.")
    return redirect("promotions:job", job.pk)


def _case(request: HttpRequest, verb: str, case_pk: int) -> QuarantineCase:
    if request.method == "POST":
        return case_to_act_on(request, verb, case_pk)
    return case_or_404(person_of(request), case_pk)


def _confirmed(request: HttpRequest, form: forms.Form, seen: Prospect) -> bool:
    return request.POST.get("step") == "open" and form.cleaned_data["seen"] == seen.spec_hash


def _refused(request: HttpRequest, case: QuarantineCase, way: str, form: forms.Form, refusal: Refused) -> HttpResponse:
    """The refusal beside what was typed; on a page that was only looked at, it is the reason why not."""
    if not form.is_bound:
        return _show(request, case, way, form, refusal=refusal.message)
    form.add_error(None, refusal.message)
    return _show(request, case, way, form, status=CONFLICT)


def _show(  # noqa: PLR0913 - a page's own facts
    request: HttpRequest,
    case: QuarantineCase,
    way: str,
    form: forms.Form,
    seen: Prospect | None = None,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    offers = quarantine.all_ways(person_of(request), case, timezone.now())
    offer = next((offer for offer in offers if offer.name == way), None)
    context: dict[str, Any] = {
        "case": case,
        "version": case.version,
        "way": way,
        "offer": offer,
        "why_not": offer.why_not if offer else "The case has ended. Reopen it first.",
        "refusal": refusal,
        "form": form,
        "seen": seen,
        "changed": bool(seen and form.is_bound and request.POST.get("step") == "open"),
        "crumbs": crumbs(
            ("Quarantine", reverse("promotions:quarantine")),
            (f"Case {case.pk}", reverse("promotions:case", args=[case.pk])),
            (offer.label if offer else "Another version", ""),
        ),
    }
    return render(request, "quarantine/derive.html", context, status=status)
