"""The upload page: a file and its terms become an acquisition and a job that a worker owes.

The broker only wakes a worker: when it is down the request succeeds all the same, because the job's row is the promise.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect
from kombu.exceptions import OperationalError

from datasets import intake, rights
from datasets.errors import Refused
from datasets.formats.media_types import media_type_of
from datasets.formats.taken import names
from datasets.intake_terms import stated_terms
from datasets.models import Dataset
from datasets.people import Person
from datasets.views import visible_datasets
from promotions import jobs
from promotions.forms_sources import ATTRIBUTION, LICENSE, RIGHTS_HOLDER
from promotions.models import Job
from promotions.tasks import run_job
from promotions.views.asking import forbidden

log = logging.getLogger(__name__)

TOO_LARGE = 413
#: Said of a file above the limit, on the page and before it is sent.
TOO_LARGE_WORDS = (
    "The file is larger than this console takes, as the head of the page has it. Split it by slice, or record a source "
    "that holds it."
)
#: What the fields beside the file, and the form's own markup, may add to a request.
FIELDS_MAX_BYTES = 4_000_000
FORMATS = f"{names()}. What it is, its bytes say, not its name; text is UTF-8 unless the spec says otherwise."


class UploadForm(forms.Form):
    """What an acquisition is made of. What is missing or wrong, ``datasets.intake`` says, field by field."""

    file = forms.FileField(label="File", help_text=FORMATS, allow_empty_file=True, max_length=5000)
    slice = forms.CharField(
        label="Slice",
        required=False,
        max_length=40,
        help_text="The time the file is about: YYYY, YYYY-MM or YYYY-MM-DD.",
    )
    license = LICENSE
    rights_holder = RIGHTS_HOLDER
    attribution = ATTRIBUTION
    terms_uri = forms.CharField(
        label="Where the terms stand",
        required=False,
        max_length=500,
        help_text="May stay empty: the pasted terms are kept.",
    )
    terms_text = forms.CharField(
        label="Terms, word for word",
        required=False,
        max_length=1_000_000,
        help_text="Paste the upstream's terms as they stand today. They are kept as the terms snapshot (clause B2).",
        widget=forms.Textarea,
    )
    propose = forms.BooleanField(
        label="Propose for promotion at once",
        required=False,
        help_text="The steps run on to CATALOG, and the signers see it. You then sign nothing on it.",
    )
    note = forms.CharField(label="Note to the signers", required=False, max_length=5000, widget=forms.Textarea)

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > settings.KFM_UPLOAD_MAX_BYTES:
            raise forms.ValidationError(TOO_LARGE_WORDS, code="too_large")
        return upload


@csrf_exempt  # the token is in the body, and judging it reads the body: ``_upload`` does both, once the size is known
@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """Uploads a file to a dataset and goes to the job that ingests it.

    Who may not, and what is announced as too large, is refused before a byte of the body is read.
    """
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware puts it there
    dataset = visible_datasets(person).filter(slug=slug).first()
    if dataset is None:
        raise Http404
    try:
        intake.check_may_upload(person, dataset)
    except Refused as refusal:
        raise forbidden(request, refusal.message, code=refusal.code) from refusal
    if _announced(request) > settings.KFM_UPLOAD_MAX_BYTES + FIELDS_MAX_BYTES:
        form = UploadForm(_prefilled(dataset))
        form.errors.clear()
        form.add_error("file", f"{TOO_LARGE_WORDS} Nothing of it was read, nor of what you typed.")
        return render(request, "uploads/upload_form.html", _context(dataset, form), status=TOO_LARGE)
    return _upload(request, dataset, person)


def _announced(request: HttpRequest) -> int:
    """The length of the body as the request's head states it; Django reads no further."""
    length = request.headers.get("Content-Length", "0")
    return int(length) if length.isdecimal() else 0


@csrf_protect
def _upload(request: HttpRequest, dataset: Dataset, person: Person) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None, initial=_prefilled(dataset))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            job = _accept(dataset, form, person)
        except Refused as refusal:
            _place(form, refusal)
        else:
            messages.success(request, "The file is kept. Its run waits for its turn; you may leave this page.")
            here = reverse("promotions:job", args=[job.pk])
            return HttpResponseClientRedirect(here) if request.htmx else redirect(here)  # type: ignore[attr-defined]
    elif request.method == "POST":
        status = TOO_LARGE if form.has_error("file", "too_large") else 200
    return render(request, "uploads/upload_form.html", _context(dataset, form), status=status)


def _accept(dataset: Dataset, form: UploadForm, person: Person) -> Job:
    said, now = form.cleaned_data, timezone.now()
    file: TemporaryUploadedFile = said["file"]
    terms = intake.DeclaredTerms(
        said["license"], said["rights_holder"], said["attribution"], said["terms_uri"], said["terms_text"]
    )
    path, spec = Path(file.temporary_file_path()), dataset.current_spec
    try:
        with transaction.atomic():
            acquisition = intake.record_acquisition(
                dataset=dataset,
                file=path,
                file_name=intake.display_name(file.name or ""),
                media_type=media_type_of(path, json.loads(spec.canonical) if spec else {}),
                slice_=said["slice"],
                terms=terms,
                by=person,
                at=now,
            )
            job = jobs.request_intake(
                acquisition=acquisition, propose=said["propose"], note=said["note"], by=person, at=now
            )
            transaction.on_commit(lambda: wake(job.pk))
    except IntegrityError as error:
        message = (
            "These very bytes arrived already, this same second. Look at the dataset's jobs before you send them again."
        )
        raise Refused("acquired_already", message) from error
    return job


def wake(job_pk: int) -> None:
    """Asks the broker to wake a worker for the job; a broker that is down only delays it until the next sweep."""
    try:
        run_job.delay(job_pk)
    except OperationalError:
        log.warning("The broker did not answer; job %s waits for the next sweep.", job_pk)


def _place(form: UploadForm, refusal: Refused) -> None:
    for finding in refusal.findings:
        name = finding.where if finding.where in form.fields else None
        form.add_error(name, f"{finding.message} {finding.fix}".strip())
    if not refusal.findings:
        form.add_error(None, refusal.message)
    elif "file" not in form.errors:
        form.add_error("file", "Choose the file again: a browser doesn't keep it. Everything you typed is still here.")


def _prefilled(dataset: Dataset) -> dict[str, str]:
    """The terms as the current spec states them; the snapshot's text is never taken from anywhere."""
    return stated_terms(dataset.current_spec.canonical) if dataset.current_spec else {}


def _context(dataset: Dataset, form: UploadForm) -> dict[str, Any]:
    here = reverse("datasets:detail", args=[dataset.slug])
    crumbs = [
        {"label": "Datasets", "href": reverse("datasets:list")},
        {"label": dataset.slug, "href": here},
        {"label": "Upload"},
    ]
    return {
        "dataset": dataset,
        "form": form,
        "licenses": rights.COMMON_LICENSES,
        "limit": settings.KFM_UPLOAD_MAX_BYTES,
        "too_large": TOO_LARGE_WORDS,
        "back": here,
        "crumbs": crumbs,
    }
