"""The evidence page: references are pasted or linked to, and what each resolves to is told in words.

The same resolver as the API's, and the same answers: what is hidden, absent or misspelt is the same "unresolved". Why a
text is no reference is told from its characters alone, so that it says nothing of what is there.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from audit.references import NOT_OF_A_REFERENCE, GraphReference, InvalidReference, parse_evidence_ref
from datasets.zones.store import StoreError
from promotions.api.answers import ApiError
from promotions.api.bundles import address_of
from promotions.api.evidence import MAX_REF_LENGTH, Answer, resolve_all
from promotions.api.reading import Reader
from promotions.api.resolver import Tombstoned
from promotions.views.asking import person_of

MAX_REFS = 50
GONE, NOT_FOUND, BAD_REQUEST, NOT_NOW = 410, 404, 400, 503
#: What each kind of target is called.
KINDS = {
    "dataset": "A dataset version, as DCAT describes it",
    "distribution": "A distribution of a dataset version",
    "item": "A STAC item: one dataset version",
    "asset": "An asset of a STAC item: one file",
    "run": "A run, as PROV tells it",
    "document": "Words of a stored document",
    "entity": "An entity of the provenance graph",
}
EXAMPLES = (
    ("dcat://", "dcat://<slug>@<version>#dist=<id>", "a dataset version, or one of its distributions"),
    ("stac://", "stac://<collection>/items/<item>#asset=<key>", "a STAC item, or one of its assets"),
    ("prov://", "prov://kfm://run/<time>.<suffix>", "a run"),
    ("doc://", "doc://sha256:<hex>#page=<n>&span=<a>:<b>", "characters of a stored document"),
    (
        "graph://",
        "graph://kfm://artifact/sha256:<hex>#rel=prov:wasGeneratedBy",
        "an entity of PROV, or what it relates to",
    ),
)


@require_GET
def evidence_page(request: HttpRequest) -> HttpResponse:
    """``promotions:evidence``. ``?ref=``, once a reference, each exactly as it is; ``?refs=``: one a line."""
    pasted = request.GET.get("refs", "")
    refs = list(dict.fromkeys([*request.GET.getlist("ref"), *_lines(pasted)]))
    context: dict[str, Any] = {
        "examples": EXAMPLES,
        "pasted": "\n".join(refs),
        "most": MAX_REFS,
        "crumbs": [{"label": "Evidence", "href": ""}],
    }
    if len(refs) > MAX_REFS or any(len(ref) > MAX_REF_LENGTH for ref in refs):
        context["problem"] = _too_much(refs)
        return render(request, "evidence/resolve.html", context, status=BAD_REQUEST)
    if not refs:
        return render(request, "evidence/resolve.html", context)
    try:
        answers, refused = resolve_all(refs, Reader(person_of(request), timezone.now()))
    except (StoreError, ApiError):
        context["problem"] = "The stored bytes behind a reference can't be read or contradict the record. Try later."
        return render(request, "evidence/resolve.html", context, status=NOT_NOW)
    context["results"] = [_result(ref, answers[ref]) for ref in refs]
    context["audit_refs"] = list(dict.fromkeys(_audit_ref(answer, refused) for answer in answers.values()))
    context["resolved"] = sum(isinstance(answer, dict) for answer in answers.values())
    return render(request, "evidence/resolve.html", context, status=_status(list(answers.values())))


def _lines(pasted: str) -> list[str]:
    """One reference a line; nothing else is taken off, since a blank before a reference makes it another text."""
    return [line for line in pasted.replace("\r\n", "\n").split("\n") if line]


def _too_much(refs: list[str]) -> str:
    if len(refs) > MAX_REFS:
        return f"{len(refs)} references are too many at once. Ask for at most {MAX_REFS}; nothing was looked up."
    longest = max(len(ref) for ref in refs)
    return f"A reference has at most {MAX_REF_LENGTH} characters; one here has {longest}; nothing was looked up."


def _status(answers: list[Answer]) -> int:
    """Of one reference, what the API would say; of several, 200."""
    if len(answers) > 1 or isinstance(answers[0], dict):
        return 200
    return NOT_FOUND if answers[0] is None else GONE


def _audit_ref(answer: Answer, refused: str) -> str:
    if answer is None:
        return refused
    return answer.audit_ref if isinstance(answer, Tombstoned) else str(answer["audit_ref"])


def _result(ref: str, answer: Answer) -> dict[str, Any]:
    if answer is None:
        return {"ref": ref, "status": "unresolved", "why": _why(ref)}
    if isinstance(answer, Tombstoned):
        return {"ref": ref, "status": "gone", "tombstone": answer.tombstone}
    target, card = answer["target"], answer["cards"][0]
    return {
        "ref": ref,
        "status": "resolved",
        "kind": KINDS[target["kind"]],
        "target": target,
        "card": card,
        "version": answer["version"],
        "policy": answer["policy"],
        "checks": answer["checks"],
        "runs": answer["provenance"]["runs"],
        "artifacts": answer["artifacts"],
        "digest": answer["digest"],
        "bundle_id": answer["bundle_id"],
        "href": address_of(answer),
    }


def _why(ref: str) -> str:
    """What can be said of the text itself."""
    try:
        parsed = parse_evidence_ref(ref)
    except InvalidReference:
        return _NOT_VISIBLE if NOT_OF_A_REFERENCE.search(ref) else _OF_NO_KIND
    if isinstance(parsed, GraphReference) and "://" not in parsed.entity:
        return _NO_SUCH_GRAPH
    return _NOTHING


_NOT_VISIBLE = (
    "It holds a character that no reference has: visible ASCII only, no blank, no %, ? or backslash, and no two dots "
    "in a row."
)
_OF_NO_KIND = "It is not written as any of the five kinds of reference is, character for character."
_NO_SUCH_GRAPH = (
    "No graph of places, people or events is recorded here. What PROV tells is a graph: its entities are named by "
    "their whole kfm:// reference."
)
_NOTHING = (
    "It is well formed, and names nothing that you may read, exactly as it is written. Hidden and absent are the same "
    "answer; no near match is looked for."
)
