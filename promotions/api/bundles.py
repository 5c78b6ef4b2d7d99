"""Writer and reader: evidence bundles under their digests. What was given out once can be asked for again by that.

A bundle's stored bytes are its canonical form, so that its digest recomputes from what is served. Whoever asks is
judged anew: the reference in it is resolved again for this reader, and the bundle is given only while it still is the
answer. Never a way around a withdrawal (clause D3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit.canonical import StrictJsonError, canonical_bytes, parse_strict
from datasets.models import Artifact
from datasets.stores import keep, read_document
from promotions.api.answers import ApiError
from promotions.api.reading import Reader
from promotions.api.resolver import NOT_IN_BODY, Tombstoned, resolve

MEDIA_TYPE = "application/vnd.kfm.evidence-bundle+json"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Overtaken(ApiError):  # noqa: N818 - an answer, not a fault
    """410: the bundle was the answer once; what it cites is still readable, and answers with another bundle now."""

    status = 410
    code = "bundle_overtaken"


def keep_bundle(bundle: Mapping[str, Any], *, at: datetime) -> None:
    """Stores the bundle's canonical form, once."""
    if Artifact.objects.filter(pk=bundle["digest"]).exists():
        return
    body = {key: value for key, value in bundle.items() if key not in NOT_IN_BODY}
    keep(canonical_bytes(body), media_type=MEDIA_TYPE, at=at)


def find_bundle(digest: str, reader: Reader) -> dict[str, Any] | Tombstoned | None:
    """The bundle under *digest* as this reader may have it now; ``None``: there is none for them.

    Raises ``Overtaken`` when its reference answers with another bundle now, and the store's errors.
    """
    if not DIGEST.fullmatch(digest) or not Artifact.objects.filter(pk=digest, media_type=MEDIA_TYPE).exists():
        return None
    ref = _ref_in(read_document(digest))
    found = None if ref is None else resolve(ref, reader, {})
    if isinstance(found, dict) and found["digest"] != digest:
        message = f"This bundle is no longer the answer to {found['ref']}; {found['digest']} is."
        raise Overtaken(message, audit_ref=found["audit_ref"])
    return found


def _ref_in(raw: bytes) -> str | None:
    """The reference that a bundle answers; ``None`` when the bytes are none, whatever media type they were given."""
    try:
        body = parse_strict(raw)
    except StrictJsonError:
        return None
    ref = body.get("ref") if isinstance(body, dict) else None
    return ref if isinstance(ref, str) else None
