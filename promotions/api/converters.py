"""Path converters: an address that can't name anything is no address at all (the same 404 as any other)."""

from __future__ import annotations

from django.urls.converters import StringConverter

from promotions.api.reading import SLUG, VERSION_ID


class DatasetSlug(StringConverter):
    regex = SLUG.pattern


class VersionId(StringConverter):
    regex = VERSION_ID.pattern


class BundleDigest(StringConverter):
    regex = "sha256:[0-9a-f]{64}"
