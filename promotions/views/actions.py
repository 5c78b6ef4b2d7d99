"""The actions of the board: each a small page with a form, and one writer. A refusal is shown beside what was typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.policy.roles import Role
from promotions import dossier as dossiers
from promotions import forms as shown
from promotions import jobs, labels, proposals, signoffs, transitions
from promotions.models import Dossier
from promotions.readers import board, deciding, offers
from promotions.states import ReasonCode
from promotions.views.asking import crumbs, moves_and_names, person_of, user_of, version_or_404, version_to_act_on

Typed = dict[str, Any]
Writer = Callable[[HttpRequest, DatasetVersion, Typed, datetime], str]
CONFLICT = 409
SEEN_KEY = "seen_dossier"


@dataclass(frozen=True, slots=True)
class Act:
    """One action: its words, its form, and the writer it calls, which answers with the message of success."""

    title: str
    explained: str
    button: str
    form: type[forms.Form]
    write: Writer
    danger: bool = False


def _propose(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    proposals.propose(version=version, by=person_of(request), note=typed["note"], at=at)
    return "Proposed. Those who sign for this dataset see it in their queue."


def _sign(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    proof = signoffs.reauthenticate(user=user_of(request), password=typed["password"], at=at)
    role = Role(typed["role"])
    signoffs.sign(version_pk=version.pk, by=person_of(request), role=role, seen=typed["seen"], proof=proof, at=at)
    return f"Signed as {role.value}."


def _request_changes(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    signoffs.request_changes(version_pk=version.pk, by=person_of(request), note=typed["note"], at=at)
    return "Changes were asked for. Publishing waits until the proposer answers."


def _publish(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    transitions.publish(version_pk=version.pk, by=person_of(request), seen=typed["seen"], at=at)
    return "Published. The version is served to its readers from now on."


def _restore(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    transitions.restore(version_pk=version.pk, by=person_of(request), seen=typed["seen"], reason=typed["reason"], at=at)
    return "Restored. The version is served to its readers again."


def _withdraw(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    transitions.withdraw(
        version_pk=version.pk, by=person_of(request), reason=typed["reason"], incident=typed["incident"], at=at
    )
    return "Withdrawn. A tombstone with your reason stands where it was served."


def _quarantine(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    code = ReasonCode(typed["reason_code"])
    transitions.quarantine(
        version_pk=version.pk, by=person_of(request), reason_code=code, reason=typed["reason"], findings=[], at=at
    )
    return "Put into quarantine; a case was opened."


def _label(request: HttpRequest, version: DatasetVersion, typed: Typed, at: datetime) -> str:
    labels.assign_label(
        version_pk=version.pk, label=typed["label"], by=person_of(request), reason=typed["reason"], at=at
    )
    return f"The label is {typed['label'].replace('_', ' ')} now. Earlier signatures are void: the dossier changed."


ACTS: dict[str, Act] = {
    "propose": Act(
        "Propose for promotion",
        "Others sign what you propose; you sign nothing on it.",
        "Propose",
        shown.ProposeForm,
        _propose,
    ),
    "sign": Act(
        "Sign",
        "You sign the dossier as it is now. Any byte that changes afterwards voids the signature.",
        "Sign",
        shown.SignForm,
        _sign,
    ),
    "request-changes": Act(
        "Request changes",
        "Publishing waits until the proposer answers.",
        "Request changes",
        shown.ChangesForm,
        _request_changes,
    ),
    "publish": Act(
        "Publish",
        "All seven gates are asked once more, the signatures counted. The version published until now is superseded.",
        "Publish",
        shown.PublishForm,
        _publish,
    ),
    "restore": Act(
        "Restore",
        "All seven gates are asked once more and the signatures counted.",
        "Restore",
        shown.RestoreForm,
        _restore,
    ),
    "withdraw": Act(
        "Withdraw",
        "It is no longer served, at once. Its record, and a tombstone with your reason, stay.",
        "Withdraw",
        shown.WithdrawForm,
        _withdraw,
        danger=True,
    ),
    "quarantine": Act(
        "Quarantine",
        "It is served to nobody until a reviewer releases it and the gate of the reason you choose passes.",
        "Quarantine",
        shown.QuarantineForm,
        _quarantine,
        danger=True,
    ),
    "label": Act(
        "Policy label",
        "A label can be made tighter at once. Loosening needs a new version with its own sign-offs.",
        "Set the label",
        shown.LabelForm,
        _label,
    ),
}


#: Where each action has its place: said to who comes to it from elsewhere.
PLACES: dict[str, str] = {
    "propose": "A version is proposed once, on its way to CATALOG, and again when changes were asked for.",
    "sign": "Versions in CATALOG are signed, and superseded or withdrawn ones that are to be restored.",
    "request-changes": "Changes are asked for while a proposed version waits in CATALOG.",
    "publish": "Versions are published from CATALOG.",
    "restore": "Only a superseded or withdrawn version is restored.",
    "withdraw": "Only a published version is withdrawn.",
    "quarantine": "A version is put into quarantine before it is published; a published one is withdrawn.",
    "label": "Its label is the tightest there is, or the version is at its end.",
}


@login_required
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, slug: str, version_id: str, name: str) -> HttpResponse:
    """``promotions:act``: the form of one action, and what it does."""
    if name not in ACTS:
        raise Http404
    if request.method != "POST":
        return _show(request, version_or_404(person_of(request), slug, version_id), name, None)
    version = version_to_act_on(request, name.replace("-", "_"), slug, version_id)
    form = _form(request, version, name, request.POST)
    if not form.is_valid():
        return _show(request, version, name, form)
    try:
        message = ACTS[name].write(request, version, form.cleaned_data, timezone.now())
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _show(request, version, name, form, status=CONFLICT, refused=refusal)
    messages.success(request, message)
    return redirect("promotions:board", slug, version_id)


@login_required
@require_POST
def run(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:run``: owes the steps again."""
    version = version_to_act_on(request, "run", slug, version_id)
    try:
        job = jobs.request_promotion(version=version, by=person_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("promotions:board", slug, version_id)
    messages.success(request, "Asked for. The steps run in the background; this page may be closed.")
    return redirect("promotions:job", job.pk)


@login_required
@require_POST
def evaluate(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:evaluate``: reads every byte again, asks the gates, and keeps the answers."""
    person = person_of(request)
    version = version_to_act_on(request, "evaluate", slug, version_id)
    if not person.roles_on(version.dataset_id):
        messages.error(request, "Only people with a role on this dataset have its gates evaluated.")
        return redirect("promotions:board", slug, version_id)
    seen = board.look(version, fresh=True)
    dossiers.keep_evaluation(seen.gathered, seen.results, by=person, at=timezone.now())
    failed = ", ".join(seen.failed)
    if failed:
        messages.warning(request, f"Every byte was read again. Gate {failed} does not pass.")
    else:
        messages.success(request, f"Every byte was read again. Gates {', '.join(seen.results)} pass.")
    return redirect("promotions:board", slug, version_id)


def _form(
    request: HttpRequest, version: DatasetVersion, name: str, typed: Any, found: deciding.Table | None = None
) -> forms.Form:
    kind = ACTS[name].form
    if name == "sign":
        return shown.SignForm(typed, may=offers.roles_to_sign(found) if found else ())
    if name == "label":
        return shown.LabelForm(typed, choices=offers.tighter_labels(found or _table(request, version)))
    return kind(typed)


def _table(request: HttpRequest, version: DatasetVersion, *, fresh: bool = False) -> deciding.Table:
    seen = board.look(version, fresh=fresh)
    moves, names = moves_and_names(seen.standing.version)
    return deciding.table(person_of(request), seen, moves, names)


def _show(  # noqa: PLR0913 - what the page of an action is made of
    request: HttpRequest,
    version: DatasetVersion,
    name: str,
    form: forms.Form | None,
    *,
    status: int = 200,
    refused: Refused | None = None,
) -> HttpResponse:
    found = _table(request, version, fresh=refused is not None)
    offer = next((offer for offer in offers.offers(found) if offer.name == name), None)
    chosen = form or _form(request, version, name, None, found)
    if isinstance(chosen, shown.SignForm):
        chosen.offer(offers.roles_to_sign(found))
    changed = (
        _changed(request, version, found, chosen) if refused is not None and refused.code == "dossier_changed" else []
    )
    if "seen" in chosen.fields and not changed:
        chosen.fields["seen"].initial = found.seen.gathered.digest
        request.session[SEEN_KEY] = {found.seen.gathered.digest: found.seen.gathered.canonical.decode()}
    context = {
        "version": version,
        "act": ACTS[name],
        "form": chosen,
        "offer": offer,
        "place": PLACES[name],
        "digest": found.seen.gathered.digest if "seen" in chosen.fields else None,
        "decision": deciding.sentence(found)[1],
        "changed": changed,
        "refused": refused,
        "crumbs": _crumbs(version, ACTS[name].title),
    }
    return render(request, "board/act.html", context, status=status)


def _changed(
    request: HttpRequest, version: DatasetVersion, found: deciding.Table, form: forms.Form
) -> list[dossiers.Difference]:
    """What changed between the dossier that the person saw and the one that is there now."""
    digest = str(form.data.get("seen", ""))
    canonical = request.session.get(SEEN_KEY, {}).get(digest)
    if canonical is None:
        kept = Dossier.objects.filter(version=version, digest=digest).first()
        canonical = kept.canonical if kept else None
    if canonical is None:
        return []
    return dossiers.differences(canonical, found.seen.gathered.canonical.decode())[: deciding.MOST_DIFFERENCES]


def _crumbs(version: DatasetVersion, title: str) -> list[dict[str, Any]]:
    slug, version_id = version.dataset.slug, version.version_id
    review = reverse("promotions:board", args=[slug, version_id])
    return crumbs(("Queue", reverse("promotions:queue")), (f"{slug} @ {version_id}", review), (title, ""))
