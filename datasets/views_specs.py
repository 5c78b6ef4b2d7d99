"""The form by which a dataset is registered or its spec recorded again, field by field or as a document.

Decides nothing but which page: what a spec must hold is ``datasets.specs``' to say, who may record it the registry's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from audit import ledger
from audit.canonical import CanonicalError
from audit.findings import Finding
from datasets import enforcement, questions, registry, specs
from datasets.errors import Refused
from datasets.forms import (
    POINTERS,
    SpecDocumentForm,
    SpecForm,
    build_spec,
    faults_of_row,
    field_of,
    licenses,
)
from datasets.forms_checks import CHECK_HELP, CheckRows, check_rows_from
from datasets.models import Dataset, PolicyLabel
from datasets.policy.requests import Action
from datasets.views import dataset_or_404, person_of, why_not


@login_required
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Registers a dataset from the form, or from a spec as written."""
    person = person_of(request)
    _refuse_if(request, why_not(registry.check_may_register, person))
    return _spec_page(request, None)


@login_required
@require_http_methods(["GET", "POST"])
def record_spec(request: HttpRequest, slug: str) -> HttpResponse:
    """Records a further spec of a dataset; the form begins with the current one."""
    person = person_of(request)
    dataset = dataset_or_404(person, slug)
    _refuse_if(request, why_not(registry.check_may_edit, person, dataset))
    return _spec_page(request, dataset)


@login_required
@require_POST
def preview(request: HttpRequest, slug: str = "") -> HttpResponse:
    """The spec that the form spells now, its hash and its faults; htmx puts them beside the form as one types."""
    person = person_of(request)
    dataset = dataset_or_404(person, slug) if slug else None
    if dataset is None:
        _refuse_if(request, why_not(registry.check_may_register, person))
    draft = _draft(request, dataset)
    return render(request, "datasets/spec_preview.html", {"draft": draft, "live": draft.live()})


@dataclass(slots=True)
class Draft:
    """What stands in the form: the spec it spells (``None`` when it spells none), and what is wrong with it."""

    way: str
    form: SpecForm
    rows: Any
    document: SpecDocumentForm
    spec: dict[str, Any] | None = None
    spec_hash: str = ""
    findings: list[Finding] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "" if self.spec is None else json.dumps(self.spec, indent=2, ensure_ascii=False, sort_keys=True)

    @property
    def missing(self) -> list[Finding]:
        return [f for f in self.findings if _is_gap(f)]

    @property
    def wrong(self) -> list[Finding]:
        return [f for f in self.findings if not _is_gap(f)]

    def live(self) -> list[tuple[str, str]]:
        """Every slot beside a field and what it says now; an empty field is not scolded while someone is typing."""
        said = dict.fromkeys(POINTERS, "")
        if self.way == "form":
            for name, errors in self.form.errors.items():
                said[name] = " ".join(map(str, errors))
            for finding in self.wrong:
                name, row = field_of(finding.where, self.places)
                if name in said and row is None and not said[name]:
                    said[name] = _words(finding)
        return [(f"live-{name}", words) for name, words in said.items()]

    def judge(self) -> None:
        """Puts the hash and the findings beside the spec."""
        if self.spec is None:
            return
        self.findings = [*specs.check_spec(self.spec), *faults_of_row(self.spec)]
        try:
            self.spec_hash = specs.spec_hash(self.spec)
        except CanonicalError as error:
            self.findings.append(Finding("spec_not_hashable", "", str(error), kind="error"))

    def place(self, findings: list[Finding]) -> None:
        """Puts each finding beside the field it belongs to; the rest into the summary."""
        for finding in findings:
            words = _words(finding)
            name, row = field_of(finding.where, self.places) if self.way == "form" else ("", None)
            if row is not None:
                self.rows[row].add_error(name if name in self.rows[row].fields else None, words)
            if self.way != "form":
                self.document.add_error(None, f"{finding.where or 'The spec'}: {words}")
            elif name in self.form.fields and row is None:
                self.form.add_error(name, words)
            else:
                self.form.add_error(None, f"{finding.where or 'The spec'}: {words}")


def _is_gap(finding: Finding) -> bool:
    """Whether something is not there yet, rather than wrong; an empty list is a gap too."""
    return finding.kind == "missing" or finding.code == "schema_min_items"


def _words(finding: Finding) -> str:
    """What is wrong and how to mend it; the schema's own description is not said twice."""
    return finding.message if finding.fix in finding.message else f"{finding.message} {finding.fix}"


def _draft(request: HttpRequest, dataset: Dataset | None) -> Draft:
    base = json.loads(dataset.current_spec.canonical) if dataset and dataset.current_spec else None
    labels = list(PolicyLabel.objects.all())
    posted = request.POST if request.method == "POST" else None
    way = "document" if posted is not None and posted.get("way") == "document" else "form"
    bound = posted if way == "form" else None
    form = SpecForm(bound, base=base, labels=labels)
    rows = CheckRows(bound, initial=check_rows_from(form.base), prefix="checks")
    draft = Draft(way, form, rows, SpecDocumentForm())
    if posted is not None and way == "form":
        form.is_valid()
        if not rows.is_valid() and rows.non_form_errors():
            form.add_error(None, "The rows of checks did not arrive whole. Load the page again.")
        draft.spec, draft.places = build_spec(form, rows)
    elif posted is not None:
        draft.document, draft.spec = _document(request)
    elif dataset is not None:
        draft.spec = base
    draft.judge()
    return draft


def _document(request: HttpRequest) -> tuple[SpecDocumentForm, dict[str, Any] | None]:
    """The document form as sent, the file's text in its field, and the spec it spells."""
    posted = request.POST.copy()
    upload = request.FILES.get("file")
    raw = posted.get("document", "").replace("\r\n", "\n").encode("utf-8", "surrogatepass")
    if upload is not None:
        raw = upload.read(specs.MAX_BYTES + 1)
        posted["document"] = raw[: specs.MAX_BYTES].decode("utf-8", "replace")
        name = (upload.name or "").lower()
        posted["syntax"] = (
            "yaml"
            if name.endswith((".yaml", ".yml"))
            else "json"
            if name.endswith(".json")
            else posted.get("syntax", "json")
        )
    form = SpecDocumentForm(posted, request.FILES)
    form.is_valid()
    if "syntax" in form.errors:
        return form, None
    try:
        return form, specs.parse_spec(raw, syntax="yaml" if posted.get("syntax") == "yaml" else "json")
    except specs.SpecSyntaxError as error:
        place = f" (at {error.where})" if error.where else ""
        form.add_error("document", f"{error.message}{place} Nothing was changed in what you gave.")
        return form, None


def _spec_page(request: HttpRequest, dataset: Dataset | None) -> HttpResponse:
    draft = _draft(request, dataset)
    if request.method == "POST" and "more" not in request.POST and _whole(draft):
        try:
            return _record(request, dataset, draft)
        except Refused as refusal:
            draft.place(
                refusal.findings
                or [Finding(refusal.code, "/dataset_slug" if "slug" in refusal.code else "", refusal.message)]
            )
    elif request.method == "POST" and "more" not in request.POST:
        draft.place(draft.findings)
    elif request.method == "POST":
        draft.rows = _one_more(draft.rows)
    heading = f"Record a new spec of {dataset.slug}" if dataset else "Register a dataset"
    here = reverse("datasets:record_spec", args=[dataset.slug]) if dataset else reverse("datasets:register")
    back = reverse("datasets:detail", args=[dataset.slug]) if dataset else reverse("datasets:list")
    context = {
        "dataset": dataset,
        "draft": draft,
        "heading": heading,
        "here": here,
        "back": back,
        "preview_url": reverse("datasets:spec_preview", args=[dataset.slug])
        if dataset
        else reverse("datasets:preview"),
        "licenses": licenses(),
        "check_help": CHECK_HELP,
        "crumbs": [{"label": "Datasets", "href": reverse("datasets:list")}]
        + ([{"label": dataset.slug, "href": back}] if dataset else [])
        + [{"label": "New spec" if dataset else "Register"}],
    }
    return render(request, "datasets/spec_form.html", context)


def _whole(draft: Draft) -> bool:
    """Whether every field could be read and the spec has no fault."""
    if draft.spec is None or draft.findings:
        return False
    return draft.document.is_valid() if draft.way == "document" else draft.form.is_valid() and draft.rows.is_valid()


def _record(request: HttpRequest, dataset: Dataset | None, draft: Draft) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    spec = draft.spec or {}
    if dataset is None:
        dataset = registry.register_dataset(spec=spec, by=person, at=now)
        messages.success(request, f"Registered {dataset.slug}. Next: upload a file.")
    else:
        row = registry.record_spec(dataset=dataset, spec=spec, by=person, at=now)
        messages.success(
            request, f"The spec {row.spec_hash[:15]}… is now the current one. It counts for versions made from now on."
        )
    return redirect("datasets:detail", slug=dataset.slug)


def _one_more(rows: Any) -> Any:
    """The same rows, as typed, and one more empty one."""
    data = rows.data.copy()
    data["checks-TOTAL_FORMS"] = str(rows.total_form_count() + 1)
    return CheckRows(data, initial=rows.initial, prefix="checks")


def _refuse_if(request: HttpRequest, sentence: str) -> None:
    """Refuses the page with *sentence*, if there is one. A try at acting is in the ledger, and the page names it."""
    if not sentence:
        return
    person = person_of(request)
    enforcement.ask_act(person, Action.REGISTER, at=timezone.now())
    if request.method == "POST":
        verb = str(request.resolver_match.url_name) if request.resolver_match else "unknown"
        role = person.role_told(None, registry.REGISTERS).value
        facts = {"actor": person.principal, "role": role, "verb": verb, "subject": f"page/{verb}"}
        questions.refused(str(ledger.refuse(**facts, code="role_missing", at=timezone.now())))
    raise PermissionDenied(sentence)
