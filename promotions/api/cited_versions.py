"""Which versions a reference can speak of, told from the reference alone, as a condition on rows.

Decides no more than where to look: whether something there has that very name is the index's, who may read it is
enforcement's.
"""

from __future__ import annotations

from django.db.models import Q

from audit.references import (
    ArtifactReference,
    DatasetReference,
    DcatReference,
    DocReference,
    EvidenceRef,
    GraphReference,
    InvalidReference,
    ProvReference,
    RunReference,
    StacReference,
    parse_reference,
)


def versions_named(parsed: EvidenceRef) -> Q | None:
    """Which versions a reference can speak of; ``None``: none."""
    match parsed:
        case DcatReference():
            return Q(dataset__slug=parsed.slug, version_id=parsed.version)
        case StacReference():
            return Q(dataset__slug=parsed.collection, version_id=parsed.item)
        case ProvReference():
            return Q(receipts__run_id=str(parsed.run))
        case DocReference():
            return _holding(parsed.digest)
        case GraphReference():
            return _of_entity(parsed.entity)


def _of_entity(entity: str) -> Q | None:
    """Versions whose PROV may describe *entity*. Of places, people or events no graph is recorded: only PROV's is."""
    try:
        named = parse_reference(entity)
    except InvalidReference:
        return None
    match named:
        case DatasetReference():
            return Q(dataset__slug=named.slug, version_id=named.version)
        case ArtifactReference():
            return _holding(named.digest)
        case RunReference():
            return Q(receipts__run_id=entity)
        case _:
            return None


def _holding(digest: str) -> Q:
    return Q(files__artifact_id=digest) | Q(receipts__document_id=digest) | Q(acquisition__source_id=digest)
