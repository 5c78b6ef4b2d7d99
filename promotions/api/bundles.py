"""Writer and reader: evidence bundles under their digests. What was given out once can be asked for again by that.

A bundle's stored bytes are its canonical form, so that its digest recomputes from what is served. Whoever asks is
judged anew: the reference in it is resolved again for this reader, and the bundle is given only while it still is the
answer. Never a way around a withdrawal (clause D3).

Only what a release's documents name is kept: so many bundles as they have parts, whoever asks and however often. The
spans of a document are as many as anyone cares to ask for, so theirs are not kept; their address says the reference
beside the digest, and the bundle is made again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from audit.canonical import canonical_bytes, parse_object
from datasets.models import Artifact
from datasets.stores import keep, read_document
from promotions.api.answers import ApiError
from promotions.api.files import base_url
from promotions.api.reading import Reader
from promotions.api.resolver import NOT_IN_BODY, Tombstoned, resolve

MEDIA_TYPE = "application/vnd.kfm.evidence-bundle+json"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Overtaken(ApiError):  # noqa: N818 - an answer, not a fault
    """410: what the bundle cites is readable, and answers with another bundle now."""

    status = 410
    code = "bundle_overtaken"


def is_kept(bundle: Mapping[str, Any]) -> bool:
    """Whether the bundle is of a part that the documents name, and not of any span that a reader thought of."""
    return bool(bundle["target"]["kind"] != "document")


def address_of(bundle: Mapping[str, Any]) -> str:
    """Where the bundle is served."""
    query = "" if is_kept(bundle) else f"?{urlencode({'ref': bundle['ref']})}"
    return f"{base_url()}/evidence/{bundle['digest']}{query}"


def keep_bundle(bundle: Mapping[str, Any], *, at: datetime) -> None:
    """Stores the bundle's canonical form, once, where its kind is kept."""
    if not is_kept(bundle):
        return
    if Artifact.objects.filter(pk=bundle["digest"]).exists():
        return
    body = {key: value for key, value in bundle.items() if key not in NOT_IN_BODY}
    keep(canonical_bytes(body), media_type=MEDIA_TYPE, at=at)


def find_bundle(digest: str, reader: Reader, ref: str | None = None) -> dict[str, Any] | Tombstoned | None:
    """The bundle under *digest* as this reader may have it now; ``None``: there is none for them.

    *ref*: the reference it answers; without it, the one in the bundle as it was kept. Raises ``Overtaken`` when the
    reference answers with another bundle now, and the store's errors.
    """
    if not DIGEST.fullmatch(digest):
        return None
    if ref is None:
        kept = Artifact.objects.filter(pk=digest, media_type=MEDIA_TYPE).exists()
        ref = _ref_in(read_document(digest)) if kept else None
    found = None if ref is None else resolve(ref, reader, {})
    if isinstance(found, dict) and found["digest"] != digest:
        message = f"This bundle is not the answer to {found['ref']} now; {found['digest']} is."
        raise Overtaken(message, audit_ref=found["audit_ref"])
    return found


def _ref_in(raw: bytes) -> str | None:
    """The reference that a bundle answers; ``None`` when the bytes are none, whatever media type they were given."""
    ref = (parse_object(raw) or {}).get("ref")
    return ref if isinstance(ref, str) else None
