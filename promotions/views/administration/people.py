"""People: the list of accounts, one account with all it holds, and the forms that give, take, open and close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from datasets import accounts, password_tries, policy_changes
from datasets.errors import Refused
from datasets.models import DatasetGrant, PolicyChange
from datasets.people import revoke_role, take_grant
from datasets.policy.roles import Role
from promotions import refusals
from promotions.forms_administration import AccountForm, GrantForm, LineForm, RoleForm
from promotions.permissions import can
from promotions.readers import administration as reading
from promotions.readers import person_page
from promotions.views.administration import REFUSED, admin_of, is_admin, opened_from, place, tabs, viewer_of
from promotions.views.asking import crumbs

_PAGE = 50
_LONGEST_SEARCH = 100


@login_required
@require_GET
def people_list(request: HttpRequest) -> HttpResponse:
    """``promotions:people``: accounts of people, with ``q`` to search."""
    person, now = viewer_of(request), timezone.now()
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:_LONGEST_SEARCH]
    page = Paginator(reading.accounts(asked), _PAGE).get_page(opened_from(request))
    context = {
        "rows": person_page.account_lines(page.object_list, now),
        "page": page,
        "asked": asked,
        "may_open": is_admin(person),
        "tabs": tabs("People", reading.pending_for(person).count()),
        "filters": [{"name": "q", "label": "Search", "kind": "search", "value": asked}],
    }
    return render(request, "administration/people.html", context)


@login_required
@require_GET
def person(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:person``: one account."""
    viewer, now = viewer_of(request), timezone.now()
    user = _account_or_404(user_pk)
    own = user.username == viewer.principal
    may_link, _ = can(accounts.check_may_have_link, user, viewer)
    context = {
        "account": user,
        "held": person_page.held_by(user, now),
        "waiting": reading.change_lines(person_page.pending_about(user)),
        "steps": person_page.history_of(user),
        "may_change": is_admin(viewer) and user.is_active and not own,
        "own": own and is_admin(viewer),
        "may_link": is_admin(viewer) and may_link,
        "locked_until": password_tries.locked_until(user.username, now),
        "why_not_close": person_page.why_not_close(user, now) if user.is_active else "",
        "crumbs": crumbs(("People", reverse("promotions:people")), (_name(user), "")),
    }
    return render(request, "administration/person.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def open_account(request: HttpRequest) -> HttpResponse:
    """``promotions:person_open``: opens an account without any right."""
    viewer, now = admin_of(request), timezone.now()
    form, status = AccountForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            try:
                with refusals.attempt(by=viewer, verb="open_account", subject="user/new", at=now):
                    user = accounts.open_account(**form.cleaned_data, by=viewer, at=now)
            except Refused as refusal:
                status = place(form, refusal)
            else:
                messages.success(request, "The account is open and holds nothing yet. Make its password link next.")
                return redirect("promotions:person", user_pk=user.pk)
    context = {
        "form": form,
        "title": "Open an account",
        "lead": "For one person. It holds no role and no password: you make a link by which they set one.",
        "button": "Open the account",
        "back": reverse("promotions:people"),
        "crumbs": crumbs(("People", reverse("promotions:people")), ("Open an account", "")),
    }
    return render(request, "administration/form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def give_role(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:give_role``."""
    return _give(request, user_pk, RoleForm(request.POST or None), "role")


@login_required
@require_http_methods(["GET", "POST"])
def give_grant(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:give_grant``."""
    return _give(request, user_pk, GrantForm(request.POST or None), "grant")


def _give(request: HttpRequest, user_pk: int, form: RoleForm | GrantForm, what: str) -> HttpResponse:
    viewer, now, user = admin_of(request), timezone.now(), _account_or_404(user_pk)
    status = 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            try:
                with refusals.attempt(by=viewer, verb=f"give_{what}", subject=f"user/{user.username}", at=now):
                    change = _ask(form, user, {"by": viewer, "at": now})
            except Refused as refusal:
                status = place(form, refusal)
            else:
                return _given(request, change, user)
    name = _name(user)
    context = {
        "form": form,
        "title": f"Give {name} a {what}",
        "lead": "Given at once when it only lets them bring data in. All else waits for a second person.",
        "button": f"Ask for the {what}",
        "back": reverse("promotions:person", args=[user.pk]),
        "crumbs": _crumbs(user, f"Give a {what}"),
    }
    return render(request, "administration/form.html", context, status=status)


def _ask(form: RoleForm | GrantForm, user: User, facts: dict[str, Any]) -> PolicyChange:
    said = form.cleaned_data
    facts |= {"user": user, "expires_at": said["expires_at"], "reason": said["reason"]}
    if isinstance(form, RoleForm):
        return policy_changes.ask_role(role=Role(said["role"]), **facts)
    return policy_changes.ask_grant(dataset=form.rows[said["dataset"]], grant=said["grant"], **facts)


def _given(request: HttpRequest, change: PolicyChange, user: User) -> HttpResponse:
    if change.needs_second:
        messages.success(request, "Asked. Another admin or a council member must confirm it before it counts.")
        return redirect("promotions:policy_change", change_pk=change.pk)
    messages.success(request, f"Given. It counts from now on for {_name(user)}.")
    return redirect("promotions:person", user_pk=user.pk)


@login_required
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest, user_pk: int, key: str) -> HttpResponse:
    """``promotions:take_right``: takes a role (``role-steward``) or a grant (``grant-7``) away, at once."""
    viewer, now, user = admin_of(request), timezone.now(), _account_or_404(user_pk)
    right = _right_or_404(user, key)
    if isinstance(right, Role):
        words = f"the role {right.label.lower()}"
    else:
        words = f"“{reading.GRANT_WORDS.get(right.grant, right.grant)}” ({right.dataset.slug})"

    def act(reason: str) -> None:
        with refusals.attempt(by=viewer, verb="take_right", subject=f"user/{user.username}", at=now):
            _take(right, {"user": user, "by": viewer, "reason": reason, "at": now})

    context = {
        "title": f"Take {words} from {_name(user)}",
        "lead": "At once, and without a second person. Refused if nobody would be left to sign or publish.",
        "button": "Take it away",
        "danger": True,
        "crumbs": _crumbs(user, "Take away"),
    }
    return _for_a_reason(request, user, act, "Taken. It counts for nothing from now on.", context)


def _for_a_reason(
    request: HttpRequest, user: User, act: Callable[[str], None], done: str, context: dict[str, Any]
) -> HttpResponse:
    """The form that asks for the reason of *act* on an account; sent, it acts, or shows why that was refused."""
    form, status = LineForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            try:
                act(form.cleaned_data["reason"])
            except Refused as refusal:
                status = place(form, refusal)
            else:
                messages.success(request, done)
                return redirect("promotions:person", user_pk=user.pk)
    context |= {"form": form, "back": reverse("promotions:person", args=[user.pk])}
    return render(request, "administration/form.html", context, status=status)


def _take(right: Role | DatasetGrant, facts: dict[str, Any]) -> None:
    if isinstance(right, Role):
        revoke_role(role=right, **facts)
    else:
        take_grant(dataset=right.dataset, grant=right.grant, **facts)


def _right_or_404(user: User, key: str) -> Role | DatasetGrant:
    kind, _, name = key.partition("-")
    if kind == "role" and name in set(Role):
        return Role(name)
    if kind == "grant" and name.isascii() and name.isdigit() and len(name) < 19:  # noqa: PLR2004 - a database's integer
        row = DatasetGrant.objects.filter(pk=int(name), user=user).select_related("dataset").first()
        if row is not None:
            return row
    raise Http404


@login_required
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:person_close``: ends an account with all it holds."""
    viewer, now, user = admin_of(request), timezone.now(), _account_or_404(user_pk)

    def act(reason: str) -> None:
        with refusals.attempt(by=viewer, verb="close_account", subject=f"user/{user.username}", at=now):
            accounts.close_account(user_pk=user.pk, reason=reason, by=viewer, at=now)

    context = {
        "title": f"Close the account of {_name(user)}",
        "lead": "At once: its roles and grants are taken. What it did stays, under its name, which nobody gets again.",
        "button": "Close the account",
        "danger": True,
        "crumbs": _crumbs(user, "Close the account"),
    }
    done = "The account is closed. Its holder is signed out, and its rights are taken."
    return _for_a_reason(request, user, act, done, context)


@login_required
@require_http_methods(["GET", "POST"])
def unlock(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:person_unlock``: lifts the lock that too many wrong passwords put on an account."""
    viewer, now, user = admin_of(request), timezone.now(), _account_or_404(user_pk)

    def act(reason: str) -> None:
        with refusals.attempt(by=viewer, verb="unlock_account", subject=f"user/{user.username}", at=now):
            password_tries.lift_lock(user=user, reason=reason, by=viewer, at=now)

    context = {
        "title": f"Lift the lock of {_name(user)}",
        "lead": "Ask its holder first whether the wrong passwords were theirs. The password stays as it is.",
        "button": "Lift the lock",
        "crumbs": _crumbs(user, "Lift the lock"),
    }
    done = "The lock is lifted. Its holder may try the password again."
    return _for_a_reason(request, user, act, done, context)


@login_required
@never_cache
@require_POST
def password_link(request: HttpRequest, user_pk: int) -> HttpResponse:
    """``promotions:person_link``: a one-time link to set a first password, shown in this one answer."""
    viewer, now, user = admin_of(request), timezone.now(), _account_or_404(user_pk)
    try:
        with refusals.attempt(by=viewer, verb="password_link", subject=f"user/{user.username}", at=now):
            accounts.note_link(user_pk=user.pk, by=viewer, at=now)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("promotions:person", user_pk=user.pk)
    user.refresh_from_db()
    form: dict[str, str] = {
        "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    link = request.build_absolute_uri(reverse("set_password", kwargs=form))
    context = {"account": user, "link": link, "crumbs": _crumbs(user, "Password link")}
    return render(request, "administration/link.html", context)


def _account_or_404(user_pk: int) -> User:
    user = reading.accounts("").filter(pk=user_pk).first()
    if user is None:
        raise Http404
    return user


def _name(user: User) -> str:
    return user.get_full_name() or user.username


def _crumbs(user: User, here: str) -> list[dict[str, Any]]:
    return crumbs(
        ("People", reverse("promotions:people")),
        (_name(user), reverse("promotions:person", args=[user.pk])),
        (here, ""),
    )
