"""The shapes of the API's JSON, for its OpenAPI document: what each answer holds. They serialize nothing.

Keeps the wire names of design §5 and §8 in one readable place; the tests hold answers against them.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers


class Shape(serializers.Serializer[Any]):
    """Base of the shapes."""


class ErrorEnvelope(Shape):
    error_code = serializers.CharField(help_text="Stable, lower_snake.")
    message = serializers.CharField(help_text="One sentence for a person.")
    audit_ref = serializers.CharField(help_text="kfm://policy_decision/…; quote it when you ask about this answer.")


class VersionIdentity(Shape):
    dataset_id = serializers.CharField()
    dataset_version_id = serializers.CharField()
    title = serializers.CharField()
    policy_label = serializers.CharField()
    spec_hash = serializers.CharField(help_text="sha256:<hex>")
    inputs_digest = serializers.CharField(help_text="sha256:<hex>")


class TombstoneShape(VersionIdentity):
    standing = serializers.ChoiceField(choices=["WITHDRAWN", "SUPERSEDED"])
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    successor = serializers.DictField(
        child=serializers.CharField(), allow_null=True, help_text="dataset_id and dataset_version_id, when readable."
    )


class GoneEnvelope(ErrorEnvelope):
    tombstone = TombstoneShape()


class FileShape(Shape):
    key = serializers.CharField(required=False)
    path = serializers.CharField()
    digest = serializers.CharField(help_text="sha256:<hex>")
    media_type = serializers.CharField()
    size_bytes = serializers.IntegerField()
    href = serializers.URLField()


class VersionSummary(VersionIdentity):
    standing = serializers.CharField()
    manifest_digest = serializers.CharField(help_text="sha256:<hex>")
    released_at = serializers.DateTimeField()
    href = serializers.URLField()


class VersionShape(VersionSummary):
    license = serializers.CharField(help_text="SPDX expression or LicenseRef-…")
    rights_holder = serializers.CharField()
    attribution = serializers.CharField()
    terms_uri = serializers.CharField()
    notices = serializers.ListField(child=serializers.CharField())
    obligations = serializers.ListField(child=serializers.DictField())
    evidence = serializers.ListField(child=serializers.CharField(), help_text="EvidenceRefs of this version.")
    artifacts = FileShape(many=True)
    catalogs = FileShape(many=True)
    links = serializers.DictField(child=serializers.URLField())
    audit_ref = serializers.CharField()


class DatasetPage(Shape):
    datasets = VersionSummary(many=True)
    next = serializers.URLField(allow_null=True)


class DatasetShape(Shape):
    dataset_id = serializers.CharField()
    title = serializers.CharField()
    published = VersionSummary()
    links = serializers.DictField(child=serializers.URLField())
    audit_ref = serializers.CharField()


class VersionList(Shape):
    dataset_id = serializers.CharField()
    title = serializers.CharField()
    versions = VersionSummary(many=True)
    tombstones = TombstoneShape(many=True)


class Landing(Shape):
    title = serializers.CharField()
    description = serializers.CharField()
    links = serializers.DictField(child=serializers.URLField())


class ResolveRequest(Shape):
    ref = serializers.CharField(required=False, help_text="One EvidenceRef; or give refs.")
    refs = serializers.ListField(child=serializers.CharField(), required=False, max_length=100, min_length=1)


class BundlePolicy(Shape):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of ours named as one of the framework's
    decision = serializers.ChoiceField(choices=["allow"])
    decision_id = serializers.CharField(help_text="The decision under which the version was released.")
    obligations = serializers.ListField(child=serializers.DictField())


class EvidenceBundle(Shape):
    bundle_id = serializers.CharField(help_text="kfm://evidence/<hex of digest>")
    digest = serializers.CharField(help_text="SHA-256 of the RFC 8785 form without bundle_id, digest and audit_ref.")
    ref = serializers.CharField()
    target = serializers.DictField()
    version = serializers.DictField()
    policy = BundlePolicy()
    cards = serializers.ListField(child=serializers.DictField())
    provenance = serializers.DictField()
    artifacts = serializers.ListField(child=serializers.DictField())
    checks = serializers.ListField(child=serializers.DictField())
    audit_ref = serializers.CharField()


class Resolution(Shape):
    ref = serializers.CharField()
    status = serializers.ChoiceField(choices=["resolved", "unresolved", "gone"])
    bundle = EvidenceBundle(required=False, help_text="Present when resolved.")
    href = serializers.CharField(required=False, help_text="Where the bundle is served by its digest.")
    tombstone = TombstoneShape(required=False, help_text="Present when gone: the version is no longer served.")
    audit_ref = serializers.CharField()


class Resolutions(Shape):
    results = Resolution(many=True)


BYTES = OpenApiTypes.BINARY
OBJECT = OpenApiTypes.OBJECT
TEXT = OpenApiTypes.STR
SLUG = OpenApiParameter("slug", TEXT, OpenApiParameter.PATH, description="dataset_id", pattern="^[a-z0-9_]{1,100}$")
VERSION = OpenApiParameter("version_id", TEXT, OpenApiParameter.PATH, description="dataset_version_id")
DIGEST = OpenApiParameter(
    "digest", TEXT, OpenApiParameter.PATH, description="A bundle's digest", pattern="^sha256:[0-9a-f]{64}$"
)
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100")


def query(name: str, description: str) -> OpenApiParameter:
    """A query parameter of type text."""
    return OpenApiParameter(name, TEXT, description=description)


_GONE = 410
_SENTENCES = {
    400: "The request is not well formed.",
    404: "Not there, or not for you: the two are one answer.",
    _GONE: "Withdrawn or superseded, with its tombstone.",
    429: "Too many requests; Retry-After says when.",
    503: "The store or the record can't be served from now.",
}


def responses(good: Any, *errors: int) -> dict[Any, Any]:
    """200 with *good*, and the envelopes: 429 and 503 always, *errors* besides."""
    envelopes = {
        code: OpenApiResponse(GoneEnvelope if code == _GONE else ErrorEnvelope, _SENTENCES[code])
        for code in (*errors, 429, 503)
    }
    return {**(good if isinstance(good, dict) else {200: good}), **envelopes}
