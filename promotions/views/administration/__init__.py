"""Labels, people and changes: who may look, who may act, and what these pages share.

Admins act; the council confirms; auditors and the council look. Every rule is the writers': ``policy_changes``,
``people`` and ``accounts`` of ``datasets``.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions.views.asking import person_in

REFUSED = 422
CONFLICT = 409
LOOKS = frozenset({Role.ADMIN, Role.COUNCIL, Role.AUDITOR})


def viewer_of(request: HttpRequest) -> Person:
    """Who asks, when they may look; everyone else is told whose pages these are."""
    sentence = "Only admins, the council and auditors see labels, people and changes."
    return person_in(request, LOOKS, Action.MANAGE_LABELS, sentence)


def admin_of(request: HttpRequest) -> Person:
    """The admin who acts."""
    sentence = "Only an admin changes labels, roles, grants and accounts."
    return person_in(request, frozenset({Role.ADMIN}), Action.MANAGE_ROLES, sentence)


def is_admin(person: Person) -> bool:
    return Role.ADMIN in person.roles


def place(form: forms.Form, refusal: Refused) -> int:
    """Puts a refusal's findings beside the form's fields; the status to answer with."""
    for finding in refusal.findings:
        field = _field_of(form, finding.where)
        form.add_error(field, f"{finding.message} {finding.fix}".strip())
    if not refusal.findings:
        form.add_error(
            "reason" if refusal.code == "reason_missing" and "reason" in form.fields else None, refusal.message
        )
    return REFUSED if refusal.findings or refusal.code == "reason_missing" else CONFLICT


def _field_of(form: forms.Form, where: str) -> str | None:
    name = "obligation_0_kind" if where == "default_obligations" else where
    return name if name in form.fields else None


def tabs(current: str, pending: int | None = None) -> list[dict[str, Any]]:
    """The three lists, as tabs."""
    found: list[dict[str, Any]] = [
        {"label": "Labels", "href": reverse("promotions:labels")},
        {"label": "People", "href": reverse("promotions:people")},
        {"label": "Changes", "href": reverse("promotions:policy_changes"), "count": pending or None},
    ]
    return [tab | {"current": tab["label"] == current} for tab in found]


def opened_from(request: HttpRequest) -> str:
    """The page of a list that was asked for; Django's paginator takes any text."""
    return request.GET.get("page", "1")
