"""Labels: the list, one label, and its form, which shows what would change before anything is saved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit.digests import digest_json
from datasets import decisions, label_writing, policy_changes
from datasets.errors import Refused
from datasets.models import PolicyChange, PolicyChangeState, PolicyLabel
from datasets.people import Person
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import ObligationError
from promotions import refusals
from promotions.forms_administration import LabelForm
from promotions.readers import administration as reading
from promotions.readers.policy_diff import in_use, label_diff
from promotions.views.administration import CONFLICT, REFUSED, admin_of, is_admin, place, tabs, viewer_of
from promotions.views.asking import crumbs

_SALT = "kfm.label.preview"
_SEEN = "This is not what you last saw: the label or what you typed was changed meanwhile. Look again, then save."


@login_required
@require_GET
def label_list(request: HttpRequest) -> HttpResponse:
    """``promotions:labels``: every label with who reads, who signs and how many versions carry it."""
    person = viewer_of(request)
    used = in_use()
    rows = [
        {
            "label": row,
            "readers": ", ".join(row.readers),
            "signs": ", ".join(row.sign_off_roles),
            "used": used.get(row.name, 0),
        }
        for row in PolicyLabel.objects.all()
    ]
    pending = reading.pending_for(person).count()
    context = {"rows": rows, "tabs": tabs("Labels", pending), "may_edit": is_admin(person)}
    return render(request, "administration/labels.html", context)


@login_required
@require_GET
def label_page(request: HttpRequest, name: str) -> HttpResponse:
    """``promotions:label``: what one label says, how far it reaches, how it came to be so."""
    return _page(request, viewer_of(request), _label_or_404(name))


def _page(request: HttpRequest, person: Person, row: PolicyLabel, status: int = 200) -> HttpResponse:
    name = row.name
    try:
        facts, unreadable = reading.label_rows(decisions.facts_of(row)), ""
    except ObligationError as error:
        facts, unreadable = [], str(error)
    waiting = PolicyChange.objects.filter(subject=f"label/{name}", state=PolicyChangeState.PENDING)
    context = {
        "label": row,
        "facts": facts,
        "unreadable": unreadable,
        "used": in_use().get(name, 0),
        "steps": reading.label_history(row),
        "waiting": reading.change_lines(waiting),
        "may_edit": is_admin(person) and not unreadable,
        "crumbs": _crumbs((row.title, "")),
    }
    return render(request, "administration/label.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def label_new(request: HttpRequest) -> HttpResponse:
    """``promotions:label_new``."""
    return _edit(request, admin_of(request), None)


@login_required
@require_http_methods(["GET", "POST"])
def label_edit(request: HttpRequest, name: str) -> HttpResponse:
    """``promotions:label_edit``."""
    person, row = admin_of(request), _label_or_404(name)
    try:
        before = decisions.facts_of(row)
    except ObligationError:
        return _page(request, person, row, CONFLICT)
    return _edit(request, person, before)


def _edit(request: HttpRequest, person: Person, before: LabelFacts | None) -> HttpResponse:
    """The form; then what would change; then, if that is still what was seen, the change."""
    form = LabelForm(request.POST or None, facts=before)
    act = request.POST.get("act", "")
    if request.method == "GET" or act == "back":
        return _form(request, form, before, typed=act == "back")
    if not form.is_valid():
        return _form(request, form, before, REFUSED)
    facts = form.facts()
    seen = act == "save" and _was_seen(request.POST.get("seen", ""), before, facts)
    try:
        _check(before, facts)
        if seen:
            return _save(request, form, person, before, facts)
        return _preview(request, form, person, before, facts, told=_SEEN if act == "save" else "")
    except Refused as refusal:
        return _form(request, form, before, place(form, refusal))


def _check(before: LabelFacts | None, facts: LabelFacts) -> None:
    """The writer's own rules, before anything is shown. Raises ``Refused``."""
    taken = decisions.label_facts().get(facts.name) if before is None else before
    label_writing.check(taken, facts, new=before is None, at=timezone.now())


def _save(
    request: HttpRequest, form: LabelForm, person: Person, before: LabelFacts | None, facts: LabelFacts
) -> HttpResponse:
    at = timezone.now()
    verb = "label.create" if before is None else "label.edit"
    with refusals.attempt(by=person, verb=verb.replace(".", "_"), subject=f"label/{facts.name}", at=at):
        change = policy_changes.ask_label(
            facts=facts, by=person, reason=form.cleaned_data["reason"], at=at, new=before is None
        )
    if change.needs_second:
        messages.success(request, "Asked. Nothing is open yet: another admin or a council member must confirm it.")
        return redirect("promotions:policy_change", change_pk=change.pk)
    messages.success(request, f"The label {facts.name} is changed, from now on and everywhere.")
    return redirect("promotions:label", name=facts.name)


def _form(
    request: HttpRequest, form: LabelForm, before: LabelFacts | None, status: int = 200, *, typed: bool = False
) -> HttpResponse:
    if typed:
        form.errors.clear()  # back from the preview: nothing was judged
    name = before.name if before else ""
    context = {"form": form, "name": name, "before": before, "crumbs": _form_crumbs(before)}
    return render(request, "administration/label_form.html", context, status=status)


def _preview(  # noqa: PLR0913 - what the preview shows
    request: HttpRequest, form: LabelForm, person: Person, before: LabelFacts | None, facts: LabelFacts, told: str = ""
) -> HttpResponse:
    opened = label_writing.openings_of(before, facts)
    typed = [(key, value) for key in request.POST for value in request.POST.getlist(key)]
    context: dict[str, Any] = {
        "form": form,
        "before": before,
        "facts": facts,
        "told": told,
        "opens": bool(opened),
        "paging": "page" in request.POST,
        "diff": reading.facts_diff(before, facts, opened),
        "decisions": label_diff(before, facts, person, request.POST.get("page", "1")),
        "typed": [pair for pair in typed if pair[0] not in {"act", "seen", "page", "csrfmiddlewaretoken"}],
        "seen": signing.dumps(_digest(before, facts), salt=_SALT),
        "crumbs": _form_crumbs(before),
    }
    return render(request, "administration/label_preview.html", context, status=409 if told else 200)


def _digest(before: LabelFacts | None, facts: LabelFacts) -> str:
    """What a preview showed: the label as it was, and as it would be."""
    old = label_writing.document_of(before) if before else None
    return str(digest_json({"before": old, "after": label_writing.document_of(facts)}))


def _was_seen(token: str, before: LabelFacts | None, facts: LabelFacts) -> bool:
    try:
        return bool(signing.loads(token, salt=_SALT) == _digest(before, facts))
    except signing.BadSignature:
        return False


def _label_or_404(name: str) -> PolicyLabel:
    row = PolicyLabel.objects.filter(name=name).first()
    if row is None:
        raise Http404
    return row


def _crumbs(*rest: tuple[str, str]) -> list[dict[str, Any]]:
    return crumbs(("Labels", reverse("promotions:labels")), *rest)


def _form_crumbs(before: LabelFacts | None) -> list[dict[str, Any]]:
    if before is None:
        return _crumbs(("New label", ""))
    return _crumbs((before.title, reverse("promotions:label", args=[before.name])), ("Edit", ""))
