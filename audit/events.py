"""The closed list of what the ledger can say, each with its English sentence and its tone, in one place.

Decides the words only; never who may do what. A stored value is never renamed (style rule 16).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

Tone = Literal["good", "caution", "danger", "info", "neutral"]


class Event(StrEnum):
    """``value``: stored; ``sentence``: a template over ``{actor}``, ``{role}``, ``{subject}``; ``tone``: its colour."""

    sentence: str
    tone: Tone

    def __new__(cls, value: str, sentence: str, tone: Tone) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = f"{{actor}} ({{role}}) {sentence}."
        member.tone = tone
        return member

    DATASET_REGISTERED = "dataset.registered", "registered {subject}", "info"
    DATASET_EDITED = "dataset.edited", "edited the entry of {subject}", "neutral"
    SPEC_RECORDED = "spec.recorded", "recorded a spec for {subject}", "info"
    ACQUISITION_RECORDED = "acquisition.recorded", "recorded an acquisition for {subject}", "info"
    VERSION_PROPOSED = "version.proposed", "proposed {subject} for promotion", "info"
    VERSION_PROPOSAL_CHANGED = "version.proposal_changed", "changed the proposal of {subject}", "neutral"
    VERSION_INGESTED = "version.ingested", "ingested {subject} into RAW", "info"
    VERSION_NORMALIZED = "version.normalized", "normalized {subject} into WORK", "info"
    VERSION_PROCESSED = "version.processed", "processed {subject} into PROCESSED", "info"
    VERSION_CATALOGED = "version.cataloged", "cataloged {subject}", "info"
    VERSION_PUBLISHED = "version.published", "published {subject}", "good"
    VERSION_QUARANTINED = "version.quarantined", "put {subject} into quarantine", "caution"
    VERSION_RELEASED = "version.released", "released {subject} from quarantine to WORK", "good"
    VERSION_DENIED = "version.denied", "denied {subject}", "danger"
    VERSION_SUPERSEDED = "version.superseded", "superseded {subject} by its successor", "neutral"
    VERSION_WITHDRAWN = "version.withdrawn", "withdrew {subject}", "danger"
    VERSION_RESTORED = "version.restored", "restored {subject}", "good"
    RECEIPT_RECORDED = "receipt.recorded", "recorded a run receipt for {subject}", "info"
    POLICY_DECIDED = "policy.decided", "obtained a policy decision on {subject}", "info"
    LABEL_ASSIGNED = "label.assigned", "assigned a policy label to {subject}", "info"
    LABEL_CHANGED = "label.changed", "changed the policy label of {subject}", "caution"
    EMBARGO_SET = "embargo.set", "put {subject} under embargo", "caution"
    EMBARGO_MOVED = "embargo.moved", "moved the embargo of {subject} to a later day", "caution"
    EMBARGO_LIFTED = "embargo.lifted", "lifted the embargo of {subject}", "good"
    GATES_EVALUATED = "gates.evaluated", "had the gates evaluated for {subject}", "neutral"
    SIGNOFF_RECORDED = "signoff.recorded", "signed off {subject}", "good"
    SIGNOFF_VOIDED = "signoff.voided", "voided a sign-off on {subject}", "caution"
    CHANGES_REQUESTED = "changes.requested", "asked for changes to {subject}", "caution"
    MANIFEST_RELEASED = "manifest.released", "released the promotion manifest of {subject}", "good"
    CASE_OPENED = "case.opened", "opened a quarantine case on {subject}", "caution"
    CASE_UPDATED = "case.updated", "updated the quarantine case on {subject}", "neutral"
    CASE_RESOLVED = "case.resolved", "resolved the quarantine case on {subject}", "good"
    RUN_FAILED = "run.failed", "had a run fail on {subject}", "danger"
    RUN_CANCELLED = "run.cancelled", "cancelled a run on {subject}", "caution"
    RUN_REQUESTED = "run.requested", "requested a run on {subject}", "info"
    ROLE_ASSIGNED = "role.assigned", "assigned a role to {subject}", "caution"
    ROLE_REVOKED = "role.revoked", "revoked a role from {subject}", "caution"
    GRANT_GIVEN = "grant.given", "gave a grant on {subject}", "caution"
    GRANT_REVOKED = "grant.revoked", "revoked a grant on {subject}", "caution"
    ROLE_EXPIRED = "role.expired", "ended a role of {subject} whose time was over", "caution"
    GRANT_EXPIRED = "grant.expired", "ended a grant of {subject} whose time was over", "caution"
    POLICY_CHANGE_ASKED = "policy.change_asked", "asked for a change of {subject}", "caution"
    POLICY_CHANGE_APPLIED = "policy.change_applied", "put a change of {subject} into force", "caution"
    POLICY_CHANGE_REFUSED = "policy.change_refused", "refused a change of {subject}", "neutral"
    POLICY_CHANGE_TAKEN_BACK = "policy.change_taken_back", "took back a change of {subject}", "neutral"
    LABEL_CREATED = "label.created", "made the label {subject}", "caution"
    LABEL_EDITED = "label.edited", "edited the label {subject}", "caution"
    STORE_SCRUBBED = "store.scrubbed", "checked the stored bytes of {subject}", "neutral"
    STORE_DAMAGED = "store.damaged", "found damaged bytes in {subject}", "danger"
    CATALOG_REBUILT = "catalog.rebuilt", "rebuilt the catalog of {subject}", "info"
    CATALOG_DRIFTED = "catalog.drifted", "found that the catalogs of {subject} are not what their facts make", "danger"
    CATALOG_HOLDS = "catalog.holds", "found the catalogs of {subject} to be what their facts make again", "good"
    CATALOG_UNCHECKED = "catalog.unchecked", "could not check the catalogs of {subject}", "caution"
    STORE_MENDED = "store.mended", "put lost or damaged bytes of {subject} back", "caution"
    LINKS_NAMED = "links.named", "noted the outside addresses that catalogs of {subject} name", "neutral"
    LINK_CHANGED = "link.changed", "found an outside link of {subject} answering otherwise than before", "neutral"
    SOURCE_RECORDED = "source.recorded", "recorded a source of {subject}", "info"
    SOURCE_CHANGED = "source.changed", "changed a source of {subject}", "neutral"
    SOURCE_FETCHED = "source.fetched", "fetched {subject} from its source", "info"
    SOURCE_UNCHANGED = "source.unchanged", "found the source of {subject} unchanged", "neutral"
    SOURCE_FAILED = "source.failed", "could not fetch {subject} from its source", "caution"
    TERMS_OBSERVED = "terms.observed", "captured the upstream's terms of {subject}", "neutral"
    TERMS_CHANGED = "terms.changed", "found the upstream's terms of {subject} changed", "caution"
    TERMS_ACCEPTED = "terms.accepted", "accepted the changed terms of {subject}", "good"
    ACCOUNT_OPENED = "account.opened", "opened the account {subject}", "caution"
    ACCOUNT_CLOSED = "account.closed", "closed the account {subject}", "caution"
    PASSWORD_LINK_MADE = "account.password_link", "made a one-time link to set the password of {subject}", "caution"
    PASSWORD_SET = "account.password_set", "set the first password of {subject} by the link", "neutral"
    PASSWORD_LOCKED = (
        "account.locked",
        "gave too many wrong passwords for {subject}, which is locked for a while",
        "danger",
    )
    PASSWORD_UNLOCKED = "account.unlocked", "lifted the lock of {subject}", "caution"
    TOKEN_ISSUED = "token.issued", "issued a service token for {subject}", "caution"
    TOKEN_REVOKED = "token.revoked", "revoked a service token of {subject}", "caution"
    RUN_SUBMITTED = "run.submitted", "submitted a run of an outside pipeline for {subject}", "info"
    LINEAGE_RECEIVED = "lineage.received", "sent a lineage event about {subject}", "neutral"
    CASE_CLAIMED = "case.claimed", "claimed the quarantine case on {subject}", "neutral"
    CASE_UNCLAIMED = "case.unclaimed", "gave up the claim on the quarantine case on {subject}", "neutral"
    CASE_HANDED_OVER = "case.handed_over", "handed over the quarantine case on {subject}", "neutral"
    CASE_COMMENTED = "case.commented", "commented on the quarantine case on {subject}", "neutral"
    CASE_REOPENED = "case.reopened", "reopened the quarantine case on {subject}", "caution"
    VERSION_DERIVED = "version.derived", "opened a safer derivative of {subject}", "info"
    VERSION_REBUILT = "version.rebuilt", "rebuilt the projections of {subject}", "info"
    WEBHOOK_RECORDED = "webhook.recorded", "recorded a webhook for {subject}", "caution"
    WEBHOOK_CHANGED = "webhook.changed", "changed a webhook of {subject}", "caution"
    WEBHOOK_TESTED = "webhook.tested", "asked for a test message to a webhook of {subject}", "neutral"
    DEMO_LOADED = "demo.loaded", "loaded the demonstration into {subject}", "neutral"
    ACTION_REFUSED = "action.refused", "was refused an action on {subject}", "danger"


BY_VALUE: dict[str, Event] = {event.value: event for event in Event}
