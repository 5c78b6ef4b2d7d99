"""Every writer: no ledger entry, no change (style rule 7); and what it does is in the ledger under its own event."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import registry
from datasets.models import PolicyDecision
from datasets.people import PIPELINE, assign_role, give_grant, revoke_role, take_grant
from datasets.policy.roles import Role
from datasets.runs import NewFile, record_run
from promotions import cases, jobs, labels, proposals, signoffs, transitions
from promotions.models import Job, Proposal, QuarantineCase, Standing
from promotions.states import ReasonCode, Verb
from tests.promotions import changed, put_standing, rows
from tests.world import SPEC

AT = timezone.now()


def other_spec(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(SPEC), **changes}


def case_of(world, version) -> QuarantineCase:
    put_standing(version, "QUARANTINE")
    return QuarantineCase.objects.create(
        version=version, reason_code="VALIDATION_FAILED", gate="E", from_state="WORK", reason="Odd.",
        due=AT.date(), runbook="RB-DATA-020", opened_by="reviewer", opened_at=AT,
    )  # fmt: skip


def a_job(world):
    return jobs.request_intake(
        acquisition=world.acquire(slice_="2025"), propose=True, note="", by=world.person("contributor"), at=AT
    )


def register(world, version):
    return lambda: registry.register_dataset(
        spec=other_spec(dataset_slug="other_wells"), by=world.person("contributor"), at=AT
    )


def record_spec(world, version):
    return lambda: registry.record_spec(
        dataset=version.dataset, spec=other_spec(title="Wells anew"), by=world.person("steward"), at=AT
    )


def acquire(world, version):
    return lambda: world.acquire(b'{"type": "FeatureCollection", "features": []}', slice_="2024")


def run(world, version):
    file = version.files.filter(part="preview").first()
    decision = PolicyDecision.objects.filter(version=version).first()
    return lambda: record_run(
        version=version, run_id="kfm://run/2026-02-01T08:00:00Z.again", operation="rebuild", inputs=[file.artifact],
        files=[NewFile(file.artifact, "processed", "preview", file.path)], passed=True, report=file.artifact,
        decision=decision, params={}, by=PIPELINE, role="pipeline", hold=lambda: None,
        at=AT,
    )  # fmt: skip


def propose(world, version):
    Proposal.objects.filter(version=version).delete()
    return lambda: proposals.propose(version=version, by=world.person("contributor"), note="Please.", at=AT)


def propose_again(world, version):
    Proposal.objects.filter(version=version).update(changes_requested="Name it.", changes_requested_by="reviewer")
    return lambda: proposals.propose(version=version, by=world.person("contributor"), note="Named.", at=AT)


def sign(world, version):
    ledger.checkpoint(timezone.now())
    return lambda: world.sign(version, "steward")


def request_changes(world, version):
    return lambda: signoffs.request_changes(version_pk=version.pk, by=world.person("reviewer"), note="Name it.", at=AT)


def advance(verb: Verb, source: str) -> Callable:
    def prepare(world, version):
        put_standing(version, source)
        return lambda: transitions.advance(version_pk=version.pk, verb=verb, by=PIPELINE, at=AT)

    return prepare


def publish(world, version):
    world.sign_all(version)
    return lambda: world.publish(version)


def withdraw(world, version):
    put_standing(version, "PUBLISHED")
    return lambda: transitions.withdraw(
        version_pk=version.pk, by=world.person("steward"), reason="Bad.", incident="INC-1", at=AT
    )


def restore(world, version):
    put_standing(version, "WITHDRAWN")
    world.sign_all(version)
    seen = world.digest(version)
    return lambda: transitions.restore(
        version_pk=version.pk, by=world.person("operator"), seen=seen, reason="Good.", at=AT
    )


def quarantine(world, version):
    return lambda: transitions.quarantine(
        version_pk=version.pk,
        by=world.person("reviewer"),
        reason_code=ReasonCode.LICENSE_UNCLEAR,
        reason="Whose?",
        findings=[],
        at=AT,
    )


def release(world, version):
    case_of(world, version)
    return lambda: transitions.release(version_pk=version.pk, by=world.person("reviewer"), reason="Mended.", at=AT)


def deny(world, version):
    case_of(world, version)
    return lambda: transitions.deny(version_pk=version.pk, by=world.person("steward"), reason="Never.", at=AT)


def plan(world, version):
    case = case_of(world, version)
    return lambda: cases.update_case(
        case_pk=case.pk, owner="reviewer", due=AT.date(), plan="Ask.", by=world.person("steward"), at=AT
    )


def label(world, version):
    return lambda: labels.assign_label(
        version_pk=version.pk, label="internal", by=world.person("steward"), reason="Tighter.", at=AT
    )


def role(world, version):
    return lambda: assign_role(
        user=User.objects.get(username="nobody"), role=Role.AUDITOR, by=world.person("admin"), reason="New.", at=AT,
        confirmed_by=world.person("council"),
    )  # fmt: skip


def no_role(world, version):
    return lambda: revoke_role(
        user=User.objects.get(username="auditor"), role=Role.AUDITOR, by=world.person("admin"), reason="Left.", at=AT
    )


def grant(world, version):
    user = User.objects.get(username="nobody")
    return lambda: give_grant(
        user=user, dataset=version.dataset, grant="steward_dataset", by=world.person("admin"), reason="New.", at=AT,
        confirmed_by=world.person("council"),
    )  # fmt: skip


def no_grant(world, version):
    grant(world, version)()
    user = User.objects.get(username="nobody")
    return lambda: take_grant(
        user=user, dataset=version.dataset, grant="steward_dataset", by=world.person("admin"), reason="Left.", at=AT
    )


def intake_job(world, version):
    acquisition = world.acquire(slice_="2025")
    return lambda: jobs.request_intake(
        acquisition=acquisition, propose=True, note="", by=world.person("contributor"), at=AT
    )


def promotion_job(world, version):
    return lambda: jobs.request_promotion(version=version, by=world.person("operator"), at=AT)


def failed_job(world, version):
    job = jobs.claim(a_job(world).pk, AT)
    return lambda: jobs.fail(job, code="x", message="It failed.", fix="Mend it.", at=AT)


def retried_job(world, version):
    failed_job(world, version)()
    job = Job.objects.get(state="failed")
    return lambda: jobs.retry(job=job, by=world.person("operator"), at=AT)


WRITERS = [
    (register, [Event.DATASET_REGISTERED, Event.SPEC_RECORDED]),
    (record_spec, [Event.SPEC_RECORDED]),
    (acquire, [Event.TERMS_OBSERVED, Event.ACQUISITION_RECORDED]),
    (run, [Event.RECEIPT_RECORDED]),
    (propose, [Event.VERSION_PROPOSED]),
    (propose_again, [Event.VERSION_PROPOSAL_CHANGED]),
    (sign, [Event.SIGNOFF_RECORDED]),
    (request_changes, [Event.CHANGES_REQUESTED]),
    (advance(Verb.NORMALIZE, "RAW"), [Event.VERSION_NORMALIZED]),
    (advance(Verb.PROCESS, "WORK"), [Event.VERSION_PROCESSED]),
    (advance(Verb.CATALOG, "PROCESSED"), [Event.VERSION_CATALOGED]),
    (publish, [Event.VERSION_PUBLISHED, Event.MANIFEST_RELEASED]),
    (withdraw, [Event.VERSION_WITHDRAWN]),
    (restore, [Event.VERSION_RESTORED, Event.MANIFEST_RELEASED]),
    (quarantine, [Event.VERSION_QUARANTINED, Event.CASE_OPENED]),
    (release, [Event.VERSION_RELEASED, Event.RECEIPT_RECORDED, Event.CASE_RESOLVED]),
    (deny, [Event.VERSION_DENIED, Event.RECEIPT_RECORDED, Event.CASE_RESOLVED]),
    (plan, [Event.CASE_UPDATED]),
    (label, [Event.LABEL_CHANGED]),
    (role, [Event.ROLE_ASSIGNED]),
    (no_role, [Event.ROLE_REVOKED]),
    (grant, [Event.GRANT_GIVEN]),
    (no_grant, [Event.GRANT_REVOKED]),
    (intake_job, [Event.RUN_REQUESTED]),
    (promotion_job, [Event.RUN_REQUESTED]),
    (failed_job, [Event.RUN_FAILED]),
    (retried_job, [Event.RUN_REQUESTED]),
]
CASES = pytest.mark.parametrize(
    ("prepare", "events"), WRITERS, ids=[f"{n}-{p.__name__}" for n, (p, _) in enumerate(WRITERS)]
)
#: Bytes that were put in the store before the transaction may stay: unreferenced, they serve no one.
MAY_STAY = {"datasets.Artifact"}


@CASES
def test_the_writer_leaves_its_entries_and_when_the_last_one_fails_nothing_changed(
    world, version, monkeypatch, prepare, events
):
    """First with the ledger refusing the writer's last entry, then as it should be."""
    call = prepare(world, version)
    before, size = rows(), ledger.size()
    real = ledger.append

    def failing(*, event, **words):
        if event == events[-1]:
            raise ledger.LedgerError("The disk is full.")
        return real(event=event, **words)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", failing)
        with pytest.raises(ledger.LedgerError):
            call()
    assert changed(before) <= MAY_STAY
    assert ledger.size() == size
    call()
    written = [e.event for e in reversed(ledger.entries()[: ledger.size() - size])]
    assert [e for e in written if e != Event.GATES_EVALUATED] == [e.value for e in events]
    assert changed(before) - {"audit.LedgerEntry", "audit.LedgerNode"}


def test_a_version_that_another_writer_moved_meanwhile_is_not_moved_again(world, version, monkeypatch):
    """The UPDATE names the state that was seen: a change past the lock is noticed and everything is undone."""
    put_standing(version, "RAW")
    real = transitions._require_gates

    def moved(move, letters):
        real(move, letters)
        Standing.objects.filter(version=version).update(round=7)

    monkeypatch.setattr(transitions, "_require_gates", moved)
    with pytest.raises(transitions.Refused) as caught:
        transitions.advance(version_pk=version.pk, verb=Verb.NORMALIZE, by=PIPELINE, at=AT)
    assert caught.value.code == "moved_meanwhile"
    assert (Standing.objects.get(version=version).state, Standing.objects.get(version=version).round) == ("RAW", 1)
