"""Edge: POST evidence/resolve. One reference, or up to a hundred; the same answer for denied, absent and misspelt."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from datasets.policy.requests import Action
from promotions.api import shapes
from promotions.api.answers import ApiError, BadParameter, json_answer
from promotions.api.base import ApiView
from promotions.api.resolver import Indexes, resolve
from promotions.api.shapes import responses

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
        responses=responses({(200, "application/json"): shapes.Resolutions}, 400, 404),
        description=(
            '`{"refs": […]}` answers `{"results": […]}`; `{"ref": "…"}` answers one result, or 404 when unresolved.'
        ),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """EvidenceRefs into evidence bundles, exactly."""
        single, refs = _refs(request.data)
        reader = self.reader()
        indexes: Indexes = {}
        bundles = {ref: resolve(ref, reader, indexes) for ref in dict.fromkeys(refs)}
        # One stored denial stands for all that did not resolve, whatever the reason: the answers can't be told apart.
        refused = reader.absent(None, None, Action.RESOLVE_EVIDENCE).audit_ref if None in bundles.values() else ""
        if single and refused:
            raise Unresolved("This reference resolves to nothing that you may read.", audit_ref=refused)
        results = [_result(ref, bundles[ref], refused) for ref in refs]
        return json_answer(results[0] if single else {"results": results})


def _refs(body: object) -> tuple[bool, list[str]]:
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


def _result(ref: str, bundle: dict[str, Any] | None, refused: str) -> dict[str, Any]:
    if bundle is None:
        return {"ref": ref, "status": "unresolved", "audit_ref": refused}
    return {"ref": ref, "status": "resolved", "bundle": bundle, "audit_ref": bundle["audit_ref"]}
