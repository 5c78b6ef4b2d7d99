"""Static files under names that carry their digest; source maps are left alone.

The MapLibre wheel names a source map that it doesn't ship, and Django refuses the whole collection for it. A source map
is only for a developer's debugger, so its comment stays as it is. Every other missing reference is still refused.
"""

from __future__ import annotations

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped] # ships no types


def _without_source_maps() -> tuple[tuple[str, tuple[object, ...]], ...]:
    kept = []
    for glob, rules in HashedFilesMixin.patterns:
        kept.append((glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule))))
    return tuple(kept)


class ConsoleStaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # as above
    patterns = _without_source_maps()
