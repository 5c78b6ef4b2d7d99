"""The datasets' pages: the list, one dataset, and the form by which a dataset is registered or its spec recorded again.

Decides nothing but which page. A dataset is there for someone who sees one of its versions or works in the console; for
everyone else it is absent, in the same words as one that never was (design §6).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from guardian.models import UserObjectPermission

from audit.canonical import CanonicalError
from audit.findings import Finding
from datasets import intake, registry, specs
from datasets.enforcement import visible_versions
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
from datasets.models import Dataset, DatasetVersion, PolicyLabel
from datasets.people import Person, names_of
from datasets.policy.roles import Role

PAGE = 50
SORTS = {"slug": ("slug",), "title": ("title", "slug"), "-when": ("-latest_at", "slug"), "when": ("latest_at", "slug")}
GRANT_WORDS = dict(Dataset._meta.permissions)  # noqa: SLF001 - _meta is Django's documented interface


@require_GET
def dataset_list(request: HttpRequest) -> HttpResponse:
    """``q``, ``label``, ``standing``, ``sort`` and ``page`` come from the address."""
    person = _person(request)
    asked = {name: request.GET.get(name, "").replace("\x00", "").strip() for name in ("q", "label", "standing", "sort")}
    found = _filtered(visible_datasets(person), asked)
    page = Paginator(found.order_by(*SORTS.get(asked["sort"], SORTS["slug"])), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    versions = DatasetVersion.objects.select_related("standing").in_bulk([d.latest_pk for d in rows if d.latest_pk])
    context = {
        "page": page,
        "rows": [_row(dataset, versions.get(dataset.latest_pk)) for dataset in rows],
        "asked": asked,
        "filters": _filters(asked),
        "may_register": _may(registry.check_may_register, person) == "",
    }
    return render(request, "datasets/dataset_list.html", context)


@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One dataset: its spec, the versions that the reader may see, and what the reader may do."""
    person = _person(request)
    dataset = _dataset_or_404(person, slug)
    page = Paginator(visible_versions(person).filter(dataset=dataset).select_related("standing", "policy_label"), PAGE)
    versions = page.get_page(request.GET.get("page"))
    recorded = list(dataset.specs.all()[:PAGE])
    people = {v.created_by for v in versions.object_list} | {s.recorded_by for s in recorded} | {dataset.registered_by}
    spec = json.loads(dataset.current_spec.canonical) if dataset.current_spec else {}
    context = {
        "dataset": dataset,
        "spec": spec,
        "spec_text": json.dumps(spec, indent=2, ensure_ascii=False),
        "specs": recorded,
        "page": versions,
        "names": names_of(people),
        "works_here": bool(person.all_roles),
        "grants": _grants(dataset) if Role.ADMIN in person.roles else None,
        "why_not_upload": _may(intake.check_may_upload, person, dataset),
        "why_not_edit": _may(registry.check_may_edit, person, dataset),
        "crumbs": [{"label": "Datasets", "href": reverse("datasets:list")}, {"label": dataset.slug}],
    }
    return render(request, "datasets/dataset_page.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Registers a dataset from the form, or from a spec as written."""
    person = _person(request)
    _refuse_if(_may(registry.check_may_register, person))
    return _spec_page(request, None)


@login_required
@require_http_methods(["GET", "POST"])
def record_spec(request: HttpRequest, slug: str) -> HttpResponse:
    """Records a further spec of a dataset; the form begins with the current one."""
    person = _person(request)
    dataset = _dataset_or_404(person, slug)
    _refuse_if(_may(registry.check_may_edit, person, dataset))
    return _spec_page(request, dataset)


@login_required
@require_POST
def preview(request: HttpRequest, slug: str = "") -> HttpResponse:
    """The spec that the form spells now, its hash and its faults; htmx puts them beside the form as one types."""
    person = _person(request)
    dataset = _dataset_or_404(person, slug) if slug else None
    if dataset is None:
        _refuse_if(_may(registry.check_may_register, person))
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
    person, now = _person(request), timezone.now()
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


def visible_datasets(person: Person) -> QuerySet[Any]:
    """The datasets that are there for *person*, their latest visible version as ``latest_pk``, ``latest_at``."""
    seen = visible_versions(person).filter(dataset=OuterRef("pk")).order_by("-created_at", "-pk")
    found = Dataset.objects.select_related("current_spec").annotate(
        latest_pk=Subquery(seen.values("pk")[:1]), latest_at=Subquery(seen.values("created_at")[:1])
    )
    return found if person.all_roles else found.filter(Exists(seen))


def _filtered(found: QuerySet[Any], asked: dict[str, str]) -> QuerySet[Any]:
    if asked["q"]:
        words = asked["q"]
        authority = (
            f'"authority":"{json.dumps(words, ensure_ascii=False)[1:-1]}'  # as canonical JSON spells its beginning
        )
        found = found.filter(
            Q(slug__icontains=words) | Q(title__icontains=words) | Q(current_spec__canonical__icontains=authority)
        )
    wanted = {"policy_label_id": asked["label"], "standing__state": asked["standing"]}
    for name, value in wanted.items():
        if value:
            found = found.filter(latest_pk__in=DatasetVersion.objects.filter(**{name: value}).values("pk"))
    return found


def _filters(asked: dict[str, str]) -> list[dict[str, Any]]:
    # the states are promotions' words; they are read from the row that holds them, which datasets may not import
    standing: Any = DatasetVersion._meta.get_field("standing").related_model  # noqa: SLF001 - Django's documented interface
    states = [value for value, _ in standing._meta.get_field("state").choices]  # noqa: SLF001 - as above
    labels = [label.name for label in PolicyLabel.objects.all()]

    def options(values: list[str], chosen: str) -> list[dict[str, Any]]:
        return [{"value": "", "label": "any"}] + [
            {"value": v, "label": v.replace("_", " "), "selected": v == chosen} for v in values
        ]

    return [
        {"name": "q", "label": "Search", "kind": "search", "value": asked["q"]},
        {"name": "label", "label": "Label", "kind": "select", "options": options(labels, asked["label"])},
        {"name": "standing", "label": "Standing", "kind": "select", "options": options(states, asked["standing"])},
    ]


def _row(dataset: Any, version: DatasetVersion | None) -> dict[str, Any]:
    spec = json.loads(dataset.current_spec.canonical) if dataset.current_spec else {}
    return {"dataset": dataset, "authority": (spec.get("upstream") or {}).get("authority", ""), "version": version}


def _dataset_or_404(person: Person, slug: str) -> Dataset:
    dataset: Dataset | None = visible_datasets(person).filter(slug=slug).first()
    if dataset is None:
        raise Http404
    return dataset


def _grants(dataset: Dataset) -> list[dict[str, str]]:
    rows = UserObjectPermission.objects.filter(
        content_type__app_label="datasets", content_type__model="dataset", object_pk=str(dataset.pk)
    ).values_list("user_id", "permission__codename")
    users = User.objects.in_bulk([user for user, _ in rows])
    found = [
        (users[user].get_full_name() or users[user].username, users[user].username, codename) for user, codename in rows
    ]
    return [
        {"name": name, "username": username, "grant": GRANT_WORDS.get(code, code)}
        for name, username, code in sorted(found)
    ]


def _person(request: HttpRequest) -> Person:
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware puts it there
    return person


def _may(check: Any, *args: Any) -> str:
    """``""`` when *check* lets it be; otherwise its sentence."""
    try:
        check(*args)
    except Refused as refusal:
        return refusal.message
    return ""


def _refuse_if(sentence: str) -> None:
    if sentence:
        raise PermissionDenied(sentence)
