"""Signatures and releases: who may sign, what voids a signature, and what a release after withdrawal takes again."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import service_accounts, tokens
from datasets.errors import Refused
from datasets.people import PIPELINE, assign_role
from datasets.policy.roles import Role
from promotions import dossier, labels, proposals, releases, signoffs, transitions
from promotions.models import Proposal, Release, SignOff, Standing, Tombstone, Transition
from promotions.signoffs import FRESH, Reauthenticated
from promotions.states import ReasonCode, State, Verb
from tests.promotions import EVALUATED, part, refused, spoil_byte
from tests.world import PASSWORD, wells

pytestmark = pytest.mark.slow


def give(world, name: str, role: Role) -> None:
    second = world.person("council2" if name == "council" else "council")
    facts = {"by": world.person("admin"), "confirmed_by": second, "reason": "A test.", "at": timezone.now()}
    assign_role(user=User.objects.get(username=name), role=role, **facts)


def proof_of(name: str, at=None) -> Reauthenticated:
    return signoffs.reauthenticate(user=User.objects.get(username=name), password=PASSWORD, at=at or timezone.now())


def sign_with(world, version, proof, name="steward", *, at=None, role=Role.STEWARD):
    return signoffs.sign(
        version_pk=version.pk,
        by=world.person(name),
        role=role,
        seen=world.digest(version),
        proof=proof,
        at=at or timezone.now(),
    )


@pytest.fixture(autouse=True)
def _checkpointed(world):
    ledger.checkpoint(timezone.now())


def test_a_signature_binds_person_role_meaning_round_and_the_dossier_seen(world, version):
    seen = world.digest(version)
    made = world.sign(version, "steward", seen=seen)
    assert (made.principal, made.role, made.round, made.proposer) == ("steward", "steward", 1, "contributor")
    assert made.dossier.digest == seen
    assert "responsible" in made.meaning
    last = ledger.entries()[0]
    assert (last.event, last.references["dossier"]) == (Event.SIGNOFF_RECORDED, seen)


def test_the_proposer_signs_nothing_even_with_the_role(world, version):
    give(world, "contributor", Role.STEWARD)
    with refused("proposer_signs"):
        world.sign(version, "contributor", Role.STEWARD)


def test_who_uploaded_signs_nothing_though_another_proposed(world, version):
    Proposal.objects.filter(version=version).update(proposer="contributor2")
    give(world, "contributor", Role.REVIEWER)
    with refused("proposer_signs"):
        world.sign(version, "contributor", Role.REVIEWER)


def test_who_issued_a_token_of_the_sending_account_signs_nothing(world, version):
    """They were shown its secret, and so could have sent the version in themselves."""
    at = timezone.now()
    account = service_accounts.open_account(
        name="Airflow", slug="airflow", datasets=[world.dataset], reason="A test.", by=world.person("admin"), at=at
    )
    give(world, "steward", Role.ADMIN)
    tokens.issue(account=account, name="a", expires_at=at + timedelta(days=1), by=world.person("steward"), at=at)
    Proposal.objects.filter(version=version).update(proposer=account.username)
    with refused("issuer_signs"):
        world.sign(version, "steward")
    world.sign(version, "reviewer")


def test_one_person_fills_one_role(world, version):
    give(world, "steward", Role.REVIEWER)
    world.sign(version, "steward", Role.STEWARD)
    with refused("signed_already"):
        world.sign(version, "steward", Role.REVIEWER)


def test_one_role_is_signed_once(world, version):
    world.sign(version, "steward")
    with refused("signed_already") as caught:
        world.sign(version, "steward2")
    assert "by steward" in caught.value.message


def test_who_signed_does_not_publish(world, signed):
    give(world, "steward", Role.OPERATOR)
    with refused("signer_publishes"):
        world.publish(signed, by="steward")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CONTRIBUTOR, Role.ADMIN, Role.AUDITOR])
def test_no_one_signs_in_a_role_that_signs_nothing(world, version, role):
    with refused("role_signs_nothing"):
        world.sign(version, role.value, role)


def test_the_council_has_no_place_under_a_public_label(world, version):
    with refused("role_not_required"):
        world.sign(version, "council")


def test_no_one_signs_in_a_role_they_do_not_hold(world, version):
    with refused("role_missing"):
        world.sign(version, "superuser", Role.STEWARD)


def test_an_unproposed_version_is_not_signed(world, version):
    Proposal.objects.filter(version=version).delete()
    with refused("not_proposed"):
        world.sign(version, "steward")


def test_a_wrong_password_signs_nothing(world, version):
    before = SignOff.objects.count()
    with pytest.raises(Refused) as caught:
        signoffs.reauthenticate(user=User.objects.get(username="steward"), password="wrong", at=timezone.now())
    assert caught.value.code == "password_wrong"
    assert SignOff.objects.count() == before


def test_a_closed_account_can_not_give_its_password(world, version):
    User.objects.filter(username="steward").update(is_active=False)
    with pytest.raises(Refused):
        proof_of("steward")


def test_another_persons_password_is_no_proof(world, version):
    with refused("not_reauthenticated"):
        sign_with(world, version, proof_of("reviewer"))


def test_a_proof_older_than_two_minutes_is_no_proof(world, version):
    now = timezone.now()
    with refused("not_reauthenticated"):
        sign_with(world, version, proof_of("steward", now - FRESH - timedelta(seconds=1)), at=now)


def test_a_proof_from_the_future_is_no_proof(world, version):
    now = timezone.now()
    with refused("not_reauthenticated"):
        sign_with(world, version, proof_of("steward", now + timedelta(seconds=1)), at=now)


def test_a_forged_proof_is_no_proof(world, version):
    now = timezone.now()
    with refused("not_reauthenticated"):
        sign_with(world, version, Reauthenticated("steward", now, object()), at=now)


def test_a_stale_digest_signs_nothing(world, version):
    with refused("dossier_changed"):
        world.sign(version, "steward", seen="sha256:" + "0" * 64)


@pytest.mark.parametrize("state", [s for s in State if s not in {State.CATALOG, State.SUPERSEDED, State.WITHDRAWN}])
def test_only_a_version_that_waits_for_release_is_signed(world, version, state):
    Standing.objects.filter(version=version).update(state=state)
    with refused("not_signable"):
        world.sign(version, "steward", seen="sha256:" + "0" * 64)


def test_a_version_with_a_failing_gate_is_not_signed(world, version):
    spoil_byte(part(version, "qa_report"))
    with refused("gates_failed", also=frozenset()) as caught:
        world.sign(version, "steward")
    assert "E" in caught.value.failed


@pytest.mark.parametrize("name", ["data", "preview", "dcat", "qa_report"])
def test_a_changed_byte_voids_the_signatures_refuses_the_release_and_names_the_file(world, signed, name):
    before = SignOff.objects.filter(version=signed).first().dossier
    digest = part(signed, name)
    path = signed.files.get(artifact_id=digest, part=name).path
    spoil_byte(digest)
    gathered = dossier.gather(world.standing(signed))
    assert gathered.digest != before.digest
    assert {s.principal for s in releases.count_quorum(world.standing(signed), gathered.digest).void} == {
        "steward",
        "reviewer",
    }
    owners = [d.owner for d in dossier.differences(before.canonical, gathered.canonical.decode())]
    assert f"file: {path}" in owners, owners
    with refused("gates_failed", also=EVALUATED):
        transitions.publish(version_pk=signed.pk, by=world.person("operator"), seen=before.digest, at=timezone.now())


def test_the_byte_put_back_makes_the_signatures_count_again(world, signed):
    digest = part(signed, "data")
    spoil_byte(digest)
    spoil_byte(digest)
    assert world.publish(signed).to_state == State.PUBLISHED


def test_a_changed_label_voids_the_signatures_and_names_the_field(world, signed):
    before = SignOff.objects.filter(version=signed).first().dossier
    labels.assign_label(
        version_pk=signed.pk, label="internal", by=world.person("steward2"), reason="Tighter.", at=timezone.now()
    )
    now = dossier.gather(world.standing(signed))
    assert "field: policy_label" in [d.owner for d in dossier.differences(before.canonical, now.canonical.decode())]
    with refused(also=EVALUATED):
        world.publish(signed)


def test_what_the_operator_saw_must_be_what_is_published(world, signed):
    with refused("dossier_changed"):
        transitions.publish(
            version_pk=signed.pk, by=world.person("operator"), seen="sha256:" + "0" * 64, at=timezone.now()
        )


def test_one_missing_signature_refuses_the_release_and_is_named(world, version):
    world.sign(version, "steward")
    with refused("quorum_incomplete") as caught:
        world.publish(version)
    assert "reviewer" in caught.value.message


def test_requested_changes_stop_the_release_until_the_proposer_answers(world, signed):
    signoffs.request_changes(
        version_pk=signed.pk, by=world.person("reviewer"), note="Name the wells.", at=timezone.now()
    )
    with refused("changes_requested"):
        world.publish(signed)
    proposals.propose(version=signed, by=world.person("contributor"), note="Done.", at=timezone.now())
    assert world.publish(signed).to_state == State.PUBLISHED


def test_the_release_leaves_manifest_approvals_standing_and_ledger_entries(world, signed):
    before = ledger.size()
    moved = world.publish(signed)
    release = Release.objects.get(version=signed)
    assert {(a.role, a.principal) for a in release.approvals.all()} == {
        ("steward", "steward"),
        ("reviewer", "reviewer"),
    }
    assert world.standing(signed).state == State.PUBLISHED
    events = [e.event for e in reversed(ledger.entries()[: ledger.size() - before])]
    assert events[-2:] == [Event.VERSION_PUBLISHED, Event.MANIFEST_RELEASED]
    assert ledger.entry(moved.ledger_index).references["dossier"] == release.dossier.digest


def test_publishing_again_says_by_whom_and_when(world, signed):
    world.publish(signed)
    with refused("wrong_state") as caught:
        transitions.publish(version_pk=signed.pk, by=world.person("operator2"), seen="", at=timezone.now())
    assert caught.value.message.startswith("Already published by operator at ")


def withdrawn(world, version):
    world.publish(version)
    transitions.withdraw(
        version_pk=version.pk, by=world.person("steward"), reason="Wrong datum.", incident="INC-7", at=timezone.now()
    )
    return version


def restore(world, version, by="operator"):
    return transitions.restore(
        version_pk=version.pk,
        by=world.person(by),
        seen=world.digest(version),
        reason="Mended upstream.",
        at=timezone.now(),
    )


def test_withdrawing_leaves_one_tombstone_and_begins_a_new_round(world, signed):
    withdrawn(world, signed)
    stone = Tombstone.objects.get(version=signed)
    assert (stone.state, stone.reason, stone.incident, stone.round) == ("WITHDRAWN", "Wrong datum.", "INC-7", 1)
    assert world.standing(signed).round == 2


def test_signatures_of_an_earlier_round_restore_nothing(world, signed):
    withdrawn(world, signed)
    ledger.checkpoint(timezone.now())
    with refused("quorum_incomplete"):
        restore(world, signed)


def test_restoring_takes_signatures_again_and_makes_a_second_release(world, signed):
    withdrawn(world, signed)
    world.sign_all(signed)
    assert restore(world, signed).to_state == State.PUBLISHED
    assert sorted(Release.objects.filter(version=signed).values_list("round", flat=True)) == [1, 2]


def test_who_signed_the_earlier_round_may_release_the_next(world, signed):
    withdrawn(world, signed)
    give(world, "steward", Role.OPERATOR)
    world.sign(signed, "steward2")
    world.sign(signed, "reviewer")
    assert restore(world, signed, by="steward").to_state == State.PUBLISHED


def test_restoring_takes_the_gates_again(world, signed):
    withdrawn(world, signed)
    world.sign_all(signed)
    spoil_byte(part(signed, "data"))
    with refused("gates_failed", also=EVALUATED):
        restore(world, signed)


def test_changes_asked_for_after_a_withdrawal_can_be_answered(world, signed):
    withdrawn(world, signed)
    signoffs.request_changes(version_pk=signed.pk, by=world.person("steward"), note="Say the datum.", at=timezone.now())
    proposals.propose(version=signed, by=world.person("contributor"), note="NAD83.", at=timezone.now())
    world.sign_all(signed)
    assert restore(world, signed).to_state == State.PUBLISHED


def test_a_successor_supersedes_in_the_same_transaction(world, signed, monkeypatch):
    world.publish(signed)
    newer = world.version_in(State.CATALOG, content=wells(start=50))
    world.sign_all(newer)
    moved = world.publish(newer)
    earlier = Transition.objects.filter(version=signed).last()
    assert (earlier.verb, earlier.at, earlier.actor) == ("supersede", moved.at, "operator")
    stone = Tombstone.objects.get(version=signed)
    assert (stone.state, stone.successor_id) == ("SUPERSEDED", newer.pk)
    assert list(Standing.objects.filter(state="PUBLISHED").values_list("version_id", flat=True)) == [newer.pk]


def test_a_successor_that_can_not_be_released_supersedes_nothing(world, signed, monkeypatch):
    world.publish(signed)
    newer = world.version_in(State.CATALOG, content=wells(start=50))
    world.sign_all(newer)
    seen = world.digest(newer)

    def fail(**_):
        raise Refused("disk_full", "The manifest could not be written.")

    monkeypatch.setattr(releases, "write_release", fail)
    with refused("disk_full"):
        transitions.publish(version_pk=newer.pk, by=world.person("operator"), seen=seen, at=timezone.now())
    assert world.standing(signed).state == State.PUBLISHED


def test_the_database_allows_one_published_version_a_dataset(world, signed):
    world.publish(signed)
    newer = world.version_in(State.CATALOG, content=wells(start=50))
    with pytest.raises(IntegrityError), transaction.atomic():
        Standing.objects.filter(version=newer).update(state="PUBLISHED")


def test_a_copied_proof_for_another_person_is_no_proof(world, version):
    proof = dataclasses.replace(proof_of("reviewer"), principal="steward2")
    with refused("not_reauthenticated"):
        sign_with(world, version, proof)


def test_signatures_made_before_a_quarantine_do_not_count_after_its_release(world, signed):
    """Though not one byte changed: who doubted the version is not answered by who signed it before."""
    facts = {"reason_code": ReasonCode.VALIDATION_FAILED, "reason": "Odd.", "findings": []}
    transitions.quarantine(version_pk=signed.pk, by=world.person("reviewer"), at=timezone.now(), **facts)
    transitions.release(version_pk=signed.pk, by=world.person("reviewer2"), reason="Looked again.", at=timezone.now())
    for verb in (Verb.PROCESS, Verb.CATALOG):
        transitions.advance(version_pk=signed.pk, verb=verb, by=PIPELINE, at=timezone.now())
    ledger.checkpoint(timezone.now())
    with refused("quorum_incomplete"):
        world.publish(signed)


def test_a_case_names_a_gate_that_there_is(world, version):
    facts = {"reason_code": ReasonCode.VALIDATION_FAILED, "reason": "Odd.", "findings": [], "gate": "Z"}
    with refused("gate_unknown"):
        transitions.quarantine(version_pk=version.pk, by=world.person("reviewer"), at=timezone.now(), **facts)
