"""What a release rests on and leaves behind: the quorum on one dossier, the promotion manifest, its approvals.

Called by ``transitions`` inside its transaction, never elsewhere. Keeps clause G1 at the moment of release and the
separation of duties of design §6.
"""

from __future__ import annotations

from datetime import datetime

from audit.digests import digest_bytes
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from promotions import manifest as manifests
from promotions import quorum
from promotions.dossier import Gathered
from promotions.models import Dossier, Proposal, Release, ReleaseApproval, SignOff, Standing
from promotions.states import Verb


def sign_offs_of(version: DatasetVersion, round_now: int) -> list[SignOff]:
    """The signatures of this round, with their dossiers."""
    return list(SignOff.objects.filter(version=version, round=round_now).select_related("dossier"))


def count_quorum(standing: Standing, dossier_digest: str) -> quorum.Quorum:
    """The quorum on one dossier, from the rows."""
    version = standing.version
    proposal = Proposal.objects.filter(version=version).first()
    signatures = [
        quorum.Signature(s.principal, s.role, s.dossier.digest) for s in sign_offs_of(version, standing.round)
    ]
    required = list(version.policy_label.sign_off_roles) if version.policy_label else []
    return quorum.count(
        signatures, required=required, dossier_digest=dossier_digest, proposer=proposal.proposer if proposal else None
    )


def check_quorum(standing: Standing, gathered: Gathered) -> None:
    """Raises ``Refused`` with the sentence that says what is missing."""
    proposal = Proposal.objects.filter(version=standing.version).first()
    if proposal is not None and proposal.changes_requested:
        raise Refused(
            "changes_requested", f"{proposal.changes_requested_by} asked for changes; the proposer must answer first."
        )
    counted = count_quorum(standing, gathered.digest)
    if counted.findings:
        raise Refused("quorum_broken", counted.findings[0].message, list(counted.findings))
    if counted.missing:
        void = f" {len(counted.void)} earlier signature(s) are void: the dossier changed since." if counted.void else ""
        raise Refused("quorum_incomplete", f"Signatures are missing: {', '.join(counted.missing)}.{void}")


def write_release(*, standing: Standing, verb: Verb, gathered: Gathered, by: Person, at: datetime) -> Release:
    """Writes the manifest and files the approvals it rests on."""
    version = standing.version
    dossier = Dossier.objects.get(version=version, digest=gathered.digest)
    approvals = [s for s in sign_offs_of(version, standing.round) if s.dossier_id == dossier.pk]
    draft = gathered.draft
    document = manifests.build_manifest(
        dataset_slug=draft["dataset_slug"],
        dataset_version_id=draft["dataset_version_id"],
        spec_hash=draft["spec_hash"],
        released_at=at,
        artifacts=[(row["path"], row["digest"], row["media_type"]) for row in draft["artifacts"]],
        catalogs=[(row["path"], row["digest"]) for row in draft["catalogs"]],
        qa_status=draft["qa"]["status"],
        qa_report_digest=draft["qa"]["report_digest"],
        policy_label=draft["policy"]["policy_label"],
        decision_id=draft["policy"]["decision_id"],
        approvals=[(s.role, s.principal, s.signed_at) for s in approvals],
    )
    body = manifests.manifest_bytes(document)
    released = Release.objects.create(
        version=version,
        round=standing.round,
        verb=verb.value,
        manifest=body.decode(),
        manifest_digest=str(digest_bytes(body)),
        dossier=dossier,
        released_by=by.principal,
        released_at=at,
    )
    ReleaseApproval.objects.bulk_create(
        ReleaseApproval(release=released, sign_off=s, principal=s.principal, role=s.role, released_by=by.principal)
        for s in approvals
    )
    return released


def latest_release(version: DatasetVersion) -> Release | None:
    """The manifest that speaks for *version* now."""
    return Release.objects.filter(version=version).order_by("-pk").first()
