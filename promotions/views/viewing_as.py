"""Looking at a version's pages as someone else would: ``?as=public``, ``partner`` or ``contributor``.

A steward or council member of the dataset lends themselves another's eyes for one GET; the policies are then asked for
both, so nothing is shown that they may not see themselves. It acts on nothing: a form is shown inert, and ``as`` on
anything but a GET is refused. So it is for everyone else, for every other page, and for every other word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from datasets import enforcement, questions
from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from datasets.policy.reasons import DENY_REASONS
from datasets.policy.requests import Action
from datasets.viewing import VIEWERS, Eyes, viewed

PARAMETER = "as"
SELF = "self"
_REFUSED, _ABSENT, _BAD = 403, 404, 400
_FOUND = range(300, 400)


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks (``by``) at which version, through whose eyes (``None``: their own, with these links offered)."""

    by: Person
    eyes: Eyes | None
    slug: str
    version_id: str
    path: str
    query: Mapping[str, list[str]]

    def ways(self) -> list[dict[str, Any]]:
        """The links of the strip, each to this very page; the last one leads out."""
        found = [{"words": eyes.words, "href": self._with(eyes.value), "current": eyes is self.eyes} for eyes in Eyes]
        return (
            found if self.eyes is None else [*found, {"words": "yourself", "href": self._with(SELF), "current": False}]
        )

    def _with(self, eyes: str) -> str:
        query = QueryDict(mutable=True)
        for name, values in self.query.items():
            if name != PARAMETER:
                query.setlist(name, values)
        query[PARAMETER] = eyes
        return f"{self.path}?{query.urlencode()}"


def lend(request: HttpRequest, named: Mapping[str, Any]) -> HttpResponseBase | None:
    """Puts another's eyes on the request, or answers with the refusal. ``None``: go on."""
    of_version = bool(named.get("slug")) and bool(named.get("version_id")) and not request.path.startswith("/api/")
    if PARAMETER not in request.GET:
        if of_version and request.method == "GET":
            _offer(request, str(named["slug"]), str(named["version_id"]))
        return None
    if not of_version:
        return _refuse(request, "Only a version's own pages can be looked at as someone else.")
    if request.method not in {"GET", "HEAD"}:
        return _refuse(request, "Nothing is done as someone else: “as” is for looking. Open the page as yourself.")
    by = _plain(request)
    dataset_pk = _dataset_of(by, str(named["slug"]))
    if dataset_pk is None:
        return _refuse(request, "Only a steward of the dataset, or the council, looks at its versions as someone else.")
    return _lend_to(request, by, dataset_pk, named)


def _lend_to(request: HttpRequest, by: Person, dataset_pk: int, named: Mapping[str, Any]) -> HttpResponseBase | None:
    given = request.GET[PARAMETER]
    if given == SELF:
        return _as_oneself(request)
    if given not in set(Eyes):
        return _refuse(request, f"“as” is {', '.join(eyes.value for eyes in Eyes)} or {SELF}.")
    eyes, query = Eyes(given), dict(request.GET.lists())
    request.person = viewed(by, eyes, dataset_pk)  # type: ignore[attr-defined]  # PersonMiddleware's
    request.looking = Looking(by, eyes, str(named["slug"]), str(named["version_id"]), request.path, query)  # type: ignore[attr-defined]  # ours
    if eyes is Eyes.PUBLIC:
        request.user = AnonymousUser()
    return None


def _plain(request: HttpRequest) -> Person:
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware's
    return person


def _dataset_of(by: Person, slug: str) -> int | None:
    """The dataset, when *by* is one of ``VIEWERS`` there; hidden and absent are the same to everyone else."""
    if not VIEWERS & by.all_roles:
        return None
    pk = Dataset.objects.filter(slug=slug).values_list("pk", flat=True).first()
    return pk if pk is not None and VIEWERS & by.roles_on(pk) else None


def _offer(request: HttpRequest, slug: str, version_id: str) -> None:
    by = _plain(request)
    if request.user.is_authenticated and _dataset_of(by, slug) is not None:
        query = dict(request.GET.lists())
        request.looking = Looking(by, None, slug, version_id, request.path, query)  # type: ignore[attr-defined]  # ours


def _as_oneself(request: HttpRequest) -> HttpResponse:
    query = request.GET.copy()
    del query[PARAMETER]
    return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)


def _refuse(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = {"error_code": "parameter_invalid", "message": sentence, "audit_ref": questions.new_reference()}
        return JsonResponse(body, status=_BAD)
    return render(request, "403.html", {"exception": sentence, "audit_ref": questions.audit_ref()}, status=_REFUSED)


# --- what the page looks like then ---


def dressed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer under another's eyes: its links keep them, its forms are inert, and what they don't find is said."""
    looking: Looking | None = getattr(request, "looking", None)
    if looking is None or looking.eyes is None or response.streaming:
        return response
    if response.status_code in _FOUND and response.get("Location", "").startswith(reverse("login")):
        return _not_seen(request, looking, ("Whoever is not signed in is asked to sign in here first.",))
    if not response.get("Content-Type", "").startswith("text/html") or not isinstance(response, HttpResponse):
        return response
    if response.status_code == _ABSENT:
        return _explained(request, looking, response)
    response.content = rewritten(response.content.decode(), looking).encode()
    return response


def _explained(request: HttpRequest, looking: Looking, response: HttpResponse) -> HttpResponse:
    """Why those eyes find nothing here; for what the viewer may not know of themselves, the plain answer."""
    version = DatasetVersion.objects.filter(dataset__slug=looking.slug, version_id=looking.version_id)
    found = version.select_related("dataset", "spec", "standing", "policy_label").first()
    if found is None or not enforcement.may(looking.by, found, Action.DISCOVER, timezone.now()):
        return response
    asked = questions.current()
    codes = asked.denied_because() if asked is not None else ()
    words = tuple(DENY_REASONS[code] for code in codes if code in DENY_REASONS)
    return _not_seen(request, looking, words or ("They may read this version, but not this part of it.",))


def _not_seen(request: HttpRequest, looking: Looking, words: tuple[str, ...]) -> HttpResponse:
    context = {"looking": looking, "reasons": words, "audit_ref": questions.audit_ref()}
    return render(request, "why/not_seen.html", context, status=_ABSENT)


def rewritten(page: str, looking: Looking) -> str:
    """*page* with ``as`` in every address of this version, and no form that could be sent."""
    eyes = looking.eyes.value if looking.eyes else SELF
    names = [looking.slug, looking.version_id]
    roots = [reverse("promotions:version", args=names), f"/evidence/{names[0]}/{names[1]}/"]
    own = "|".join([*map(re.escape, roots), r"\?"])
    page = re.sub(
        rf'(\s(?:href|src|action|hx-[a-z-]+|data-[a-z-]+)=")((?:{own})[^"]*)"',
        lambda found: f'{found[1]}{_kept(found[2], eyes)}"',
        page,
    )
    return re.sub(r"<form\b[^>]*>", lambda found: _form(found[0], own, eyes), page)


def _kept(address: str, eyes: str) -> str:
    if re.search(r"[?;&]as=", address):
        return address
    before, mark, anchor = address.partition("#")
    return f"{before}{'&amp;' if '?' in before else '?'}{PARAMETER}={eyes}{mark}{anchor}"


def _form(tag: str, own: str, eyes: str) -> str:
    """A form of this version: one that asks keeps the eyes, one that acts can't be sent."""
    action = re.search(r'\saction="([^"]*)"', tag)
    if action and not re.match(own, action[1]):
        return tag
    if re.search(r'method="post"', tag, re.IGNORECASE):
        return f"{tag[:-1]} inert>"
    return f'{tag}<input type="hidden" name="{PARAMETER}" value="{eyes}">'
