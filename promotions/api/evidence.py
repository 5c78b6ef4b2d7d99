"""Edge: POST evidence/resolve, and a bundle by its digest. The same answer for denied, absent and misspelt.

One reference, or up to a hundred. What was released once and is no longer served answers with its tombstone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from datasets import questions
from datasets.policy.requests import Action
from promotions.api import shapes
from promotions.api.answers import ApiError, BadParameter, Gone, json_answer
from promotions.api.base import ApiView
from promotions.api.bundles import address_of, find_bundle, keep_bundle
from promotions.api.reading import Reader
from promotions.api.resolver import Indexes, Tombstoned, resolve
from promotions.api.shapes import responses

Answer = dict[str, Any] | Tombstoned | None
MAX_REFS = 100
MAX_REF_LENGTH = 2_000


class Unresolved(ApiError):  # noqa: N818 - an answer, not a fault
    """404 for a single reference."""

    status = 404
    code = "unresolved"


class ResolveView(ApiView):
    @extend_schema(
        operation_id="resolve_evidence",
        tags=["evidence"],
        request=shapes.ResolveRequest,
        responses=responses({(200, "application/json"): shapes.Resolutions}, 400, 404, 410),
        description=(
            '`{"refs": […]}` answers `{"results": […]}`, in their order; `{"ref": "…"}` answers one result, 404 when '
            "it is unresolved, or 410 with a tombstone when its version is no longer served."
        ),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """EvidenceRefs into evidence bundles, exactly."""
        single, refs = read_refs(request.data)
        answers, refused = resolve_all(refs, self.reader())
        if single:
            return json_answer(_single(refs[0], answers[refs[0]], refused))
        asked = questions.current()
        if asked is not None:
            asked.of_several()
        return json_answer({"results": [_result(ref, answers[ref], refused) for ref in refs]})


class BundleView(ApiView):
    @extend_schema(
        operation_id="evidence_bundle",
        tags=["evidence"],
        parameters=[shapes.DIGEST, shapes.query("ref", "The reference it answers, where its address says one")],
        responses=responses({(200, "application/json"): shapes.EvidenceBundle}, 404, 410),
        description=(
            "A bundle that was given out before. One that quotes a span of a document is not kept: its address has "
            "`?ref=`, and it is made again. 410 when its version is no longer served, or when its reference "
            "answers with another bundle now."
        ),
    )
    def get(self, request: Request, digest: str) -> HttpResponseBase:
        """A bundle by its digest; who asks is judged anew."""
        reader = self.reader()
        found = find_bundle(digest, reader, request.query_params.get("ref"))
        if isinstance(found, Tombstoned):
            raise Gone(found.tombstone, found.audit_ref)
        if found is None:
            raise reader.absent(None, None, Action.RESOLVE_EVIDENCE)
        return json_answer(found)


def resolve_all(refs: Sequence[str], reader: Reader) -> tuple[dict[str, Answer], str]:
    """What each reference answers, and the one stored denial that stands for all that did not resolve (else ``""``).

    Whatever the reason, it is the same denial: the answers can't be told apart.
    """
    indexes: Indexes = {}
    answers = {ref: resolve(ref, reader, indexes) for ref in dict.fromkeys(refs)}
    refused = reader.absent(None, None, Action.RESOLVE_EVIDENCE).audit_ref if None in answers.values() else ""
    for answer in answers.values():
        if isinstance(answer, dict):
            keep_bundle(answer, at=reader.at)
    return answers, refused


def read_refs(body: object) -> tuple[bool, list[str]]:
    """(whether one was given, the references). Raises ``BadParameter``."""
    rule = f'Send {{"ref": "…"}} or {{"refs": ["…"]}}: 1 to {MAX_REFS} texts of at most {MAX_REF_LENGTH} characters.'
    if not isinstance(body, dict) or set(body) not in ({"ref"}, {"refs"}):
        raise BadParameter(rule)
    refs = [body["ref"]] if "ref" in body else body["refs"]
    if not isinstance(refs, list) or not 1 <= len(refs) <= MAX_REFS:
        raise BadParameter(rule)
    if not all(isinstance(ref, str) and len(ref) <= MAX_REF_LENGTH for ref in refs):
        raise BadParameter(rule)
    return "ref" in body, refs


def _single(ref: str, answer: Answer, refused: str) -> dict[str, Any]:
    if isinstance(answer, Tombstoned):
        raise Gone(answer.tombstone, answer.audit_ref)
    if answer is None:
        raise Unresolved("This reference resolves to nothing that you may read.", audit_ref=refused)
    return _result(ref, answer, refused)


def _result(ref: str, answer: Answer, refused: str) -> dict[str, Any]:
    if answer is None:
        return {"ref": ref, "status": "unresolved", "audit_ref": refused}
    if isinstance(answer, Tombstoned):
        return {"ref": ref, "status": "gone", "tombstone": answer.tombstone, "audit_ref": answer.audit_ref}
    told = {"bundle": answer, "href": address_of(answer), "audit_ref": answer["audit_ref"]}
    return {"ref": ref, "status": "resolved", **told}
