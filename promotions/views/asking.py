"""What every page of decisions asks first: who is asking, and for which version. Hidden and absent are the same 404."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils import timezone

from datasets import enforcement, identity
from datasets.models import DatasetVersion
from datasets.people import Person, names_of
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import refusals
from promotions.models import Transition


def person_of(request: HttpRequest) -> Person:
    """The person behind the request, as ``PersonMiddleware`` put it there."""
    person: Person = request.person  # type: ignore[attr-defined]
    return person


def user_of(request: HttpRequest) -> User:
    """The signed-in account; a view asks ``login_required`` first."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def person_in(request: HttpRequest, allowed: frozenset[Role], action: Action, sentence: str) -> Person:
    """Who asks, when they hold one of the roles *allowed* everywhere; everyone else is refused with *sentence*.

    *action*: what these pages are for. The policies' answer on it is kept, so that a refused look has its reference.
    """
    person = person_of(request)
    if not person.roles & allowed:
        enforcement.ask_act(person, action, at=timezone.now())
        raise forbidden(request, sentence)
    return person


def forbidden(request: HttpRequest, sentence: str, *, code: str = "role_missing") -> PermissionDenied:
    """The refusal of a whole page. A try at acting on it is in the ledger, and the page names the entry."""
    if request.method not in {"GET", "HEAD"}:
        verb = str(request.resolver_match.url_name) if request.resolver_match else "unknown"
        refusals.keep(by=person_of(request), verb=verb, subject=f"page/{verb}", code=code, at=timezone.now())
    return PermissionDenied(sentence)


def version_or_404(person: Person, slug: str, version_id: str, action: Action = Action.READ) -> DatasetVersion:
    """The version when it is there and *person* may *action* it."""
    version = enforcement.find_version(person, slug, version_id, action)
    if version is None:
        raise Http404
    return version


def version_to_act_on(request: HttpRequest, verb: str, slug: str, version_id: str) -> DatasetVersion:
    """As ``version_or_404``, for a POST: an attempt on a version that is hidden, or absent, is in the ledger alike."""
    person = person_of(request)
    version = enforcement.find_version(person, slug, version_id, Action.READ)
    if version is None:
        named = not identity.check_slug(slug) and not identity.check_version_form(version_id)
        subject = f"kfm://dataset/{slug}@{version_id}" if named else "version/unnamed"
        refusals.keep(by=person, verb=verb, subject=subject, code="not_found", at=timezone.now())
        raise Http404
    return version


def moves_and_names(version: DatasetVersion, *others: str) -> tuple[list[Transition], dict[str, str]]:
    """The version's transitions, oldest first, and the names of everyone in them and of *others*."""
    moves = list(Transition.objects.filter(version=version).order_by("ledger_index"))
    return moves, names_of({*(move.actor for move in moves), *others, version.created_by})


def crumbs(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """Where the page stands; the last one has no address."""
    return [{"label": label, "href": href} for label, href in pairs]
