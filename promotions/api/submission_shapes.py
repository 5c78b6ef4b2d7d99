"""The shapes of what is sent to and answered by the addresses that take runs in, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from promotions.api.shapes import ErrorEnvelope, Shape

CREATED = 201
_SENTENCES = {
    400: "The request is not well formed.",
    401: "No service token, or none that is valid now.",
    404: "Not there, or not yours: the two are one answer.",
    409: "It contradicts what was sent before, or the run has ended.",
    411: "No Content-Length.",
    413: "Too large.",
    415: "Not in a form that is taken here.",
    422: "Faulty; the findings say where. Nothing was changed.",
    429: "Too many requests; Retry-After says when.",
    503: "The store or the record can't be served from now.",
}


class FindingShape(Shape):
    code = serializers.CharField()
    where = serializers.CharField(help_text="JSON pointer, or a file's path.")
    message = serializers.CharField()
    fix = serializers.CharField()
    kind = serializers.CharField()


class FaultEnvelope(ErrorEnvelope):
    findings = FindingShape(many=True)


class TermsShape(Shape):
    license = serializers.CharField(help_text="SPDX expression or LicenseRef-…")
    rights_holder = serializers.CharField()
    attribution = serializers.CharField()
    terms_uri = serializers.CharField(allow_blank=True)
    text = serializers.CharField(help_text="The terms, word for word.")


class OpenRun(Shape):
    run_uuid = serializers.UUIDField()
    dataset_slug = serializers.CharField()
    slice = serializers.CharField(help_text="YYYY, YYYY-MM or YYYY-MM-DD")
    terms = TermsShape()
    propose = serializers.BooleanField(required=False)


class SentFile(Shape):
    path = serializers.CharField()
    digest = serializers.CharField(help_text="sha256:<hex>")
    size_bytes = serializers.IntegerField()
    media_type = serializers.CharField()


class FileKept(Shape):
    path = serializers.CharField()
    digest = serializers.CharField(help_text="sha256:<hex>")
    size_bytes = serializers.IntegerField()
    run_state = serializers.CharField()


class JobShape(Shape):
    state = serializers.CharField()
    step = serializers.CharField(allow_blank=True)
    requested_at = serializers.DateTimeField()


class KeptEvent(Shape):
    type = serializers.CharField()
    at = serializers.DateTimeField()
    digest = serializers.CharField()


class RunStatus(Shape):
    run_uuid = serializers.UUIDField()
    dataset_id = serializers.CharField()
    slice = serializers.CharField()
    propose = serializers.BooleanField()
    state = serializers.ChoiceField(choices=["open", "complete", "aborted"])
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    failure = serializers.CharField(allow_blank=True)
    files = SentFile(many=True)
    receipt_digest = serializers.CharField(allow_null=True)
    acquisition_id = serializers.CharField(allow_null=True)
    job = JobShape(allow_null=True)
    dataset_version_id = serializers.CharField(allow_null=True)
    events = KeptEvent(many=True)
    findings = FindingShape(many=True)


class EventAnswer(Shape):
    event = serializers.ChoiceField(choices=["kept", "known", "not_ours"])
    run_uuid = serializers.UUIDField()
    state = serializers.CharField(allow_null=True)
    findings = FindingShape(many=True)


def answers(good: Any, *codes: int) -> dict[Any, Any]:
    """200 with *good*, 201 too when it is among *codes*; envelopes for the others, and for what can always be."""
    found: dict[Any, Any] = {200: good}
    for code in sorted({*codes, 400, 401, 415, 429, 503}):
        shape = FaultEnvelope if code in {404, 409, 422} else ErrorEnvelope
        found[code] = good if code == CREATED else OpenApiResponse(shape, _SENTENCES[code])
    return found
