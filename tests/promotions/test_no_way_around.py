"""While one clause fails, no one publishes: each of the fourteen is spoiled in a real world, on real bytes and rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from audit import ledger
from audit.canonical import canonical_bytes
from audit.events import Event
from datasets.enforcement import enforce, find_version, visible_versions
from datasets.errors import Refused
from datasets.models import (
    Acquisition,
    Artifact,
    DatasetSpec,
    DatasetVersion,
    PolicyDecision,
    PolicyLabel,
    RunReceipt,
    VersionArtifact,
)
from datasets.people import PUBLIC, Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.stores import keep
from promotions import dossier, gates, transitions
from promotions.dossier import GatesFailed
from promotions.models import (
    Dossier,
    Evaluation,
    JobLine,
    Release,
    ReleaseApproval,
    SignOff,
    Standing,
    Tombstone,
    Transition,
)
from tests.promotions import EVALUATED, overwrite, part, put_standing, refused, spoil_byte, stored_path, triggers_away

pytestmark = pytest.mark.slow

AT = timezone.now()


def row_of(model: type, pk: Any, **values: Any) -> None:
    with triggers_away():
        model.objects.filter(pk=pk).update(**values)


def document(version: DatasetVersion, name: str, edit: Callable[[dict], None]) -> None:
    digest = part(version, name)
    held = json.loads(stored_path(digest).read_bytes())
    edit(held)
    overwrite(digest, json.dumps(held).encode())


def receipt(version: DatasetVersion, operation: str = "validate") -> RunReceipt:
    return RunReceipt.objects.filter(version=version, operation=operation).get()


def edited_receipt(version: DatasetVersion) -> bytes:
    """The catalog run's own receipt with its verdict changed, which no document repeats."""
    held = json.loads(stored_path(receipt(version, "catalog").document_id).read_bytes())
    assert held["validation"]["status"] == "pass"
    return canonical_bytes({**held, "validation": {**held["validation"], "status": "fail"}})


def a1_source(v):
    spoil_byte(v.acquisition.source_id)


def a1_source_gone(v):
    overwrite(v.acquisition.source_id, None)


def a1_id(v):
    DatasetVersion.objects.filter(pk=v.pk).update(version_id="2026.00000000")


def a2_spec(v):
    held = json.loads(v.spec.canonical)
    row_of(DatasetSpec, v.spec_id, canonical=json.dumps({**held, "title": "Another title"}))


def a2_spec_hash(v):
    row_of(DatasetSpec, v.spec_id, spec_hash="sha256:" + "0" * 64)


def b1_license(v):
    row_of(Acquisition, v.acquisition_id, license="NOASSERTION")


def b1_no_redistribution(v):
    row_of(Acquisition, v.acquisition_id, license="LicenseRef-all-rights-reserved")


def b1_attribution(v):
    row_of(Acquisition, v.acquisition_id, attribution="")


def b2_terms(v):
    spoil_byte(v.acquisition.terms_id)


def b2_terms_gone(v):
    overwrite(v.acquisition.terms_id, None)


def c1_no_label(v):
    DatasetVersion.objects.filter(pk=v.pk).update(policy_label=None)


def c1_label_facts(v):
    PolicyLabel.objects.filter(pk="public").update(releasable=False)


def c1_label_obligation(v):
    PolicyLabel.objects.filter(pk="public").update(
        default_obligations=[{"type": "remove_attributes", "fields": ["depth_m"]}]
    )


def c1_no_decision(v):
    with triggers_away():
        PolicyDecision.objects.filter(version=v, action="assess").update(action="run")


def c2_verification(v):
    overwrite(part(v, "catalog_verification"), None)


def c2_findings(v):
    document(
        v,
        "catalog_verification",
        lambda d: d["findings"].append({"code": "x", "where": "x", "message": "x", "fix": "", "kind": "violated"}),
    )


def c2_other_bytes(v):
    spoil_byte(part(v, "data"))


def d1_dcat(v):
    overwrite(part(v, "dcat"), b'{"@graph": []}')


def d1_stac(v):
    overwrite(part(v, "stac_item"), b"{}")


def d2_prov(v):
    spoil_byte(part(v, "prov"))


def d2_turtle(v):
    spoil_byte(part(v, "dcat_turtle"))


def d3_dcat_gone(v):
    overwrite(part(v, "dcat"), None)


def e1_report(v):
    document(v, "qa_report", lambda d: d.update(artifact_digest="sha256:" + "0" * 64))


def e1_no_report(v):
    overwrite(part(v, "qa_report"), None)


def e2_value(v):
    document(v, "qa_report", lambda d: d["checks"][0].update(value=0.5))


def e2_threshold(v):
    document(v, "qa_report", lambda d: d["checks"][0].update(threshold=0.1))


def f1_receipt(v):
    spoil_byte(receipt(v).document_id)


def f1_receipt_gone(v):
    overwrite(receipt(v).document_id, None)


def f1_receipt_of_the_catalog_run(v):
    overwrite(receipt(v, "catalog").document_id, edited_receipt(v))


def d2_receipt_of_the_catalog_run_gone(v):
    overwrite(receipt(v, "catalog").document_id, None)


def f2_receipt_of_the_catalog_run_in_its_row_too(v):
    kept = keep(edited_receipt(v), media_type="application/json", at=AT)
    row_of(RunReceipt, receipt(v, "catalog").pk, document=kept)


def _body(v, edit: Callable[[dict], None]) -> None:
    from django.apps import apps

    entry = apps.get_model("audit", "LedgerEntry")
    found = entry.objects.get(pk=receipt(v).ledger_index)
    said = json.loads(found.body)
    edit(said)
    row_of(entry, found.pk, body=json.dumps(said, sort_keys=True, separators=(",", ":")))


def f2_body(v):
    _body(v, lambda said: said["references"].update(receipt="sha256:" + "0" * 64))


def f2_body_elsewhere(v):
    _body(v, lambda said: said.update(actor="someone"))


def f2_leaf(v):
    from django.apps import apps

    index = receipt(v).ledger_index
    node = apps.get_model("audit", "LedgerNode")
    with triggers_away():
        node.objects.filter(level=0, position=index ^ 1).update(hash="0" * 64)


def f2_no_checkpoint(v):
    from django.apps import apps

    with triggers_away():
        apps.get_model("audit", "Checkpoint").objects.all().delete()


def f2_forged_checkpoint(v):
    from django.apps import apps

    checkpoint = apps.get_model("audit", "Checkpoint")
    last = checkpoint.objects.order_by("-size").first()
    row_of(checkpoint, last.pk, note=last.note.replace(last.note.split()[2], "A" * 43 + "="))


def g1_data(v):
    spoil_byte(part(v, "data"))


def g1_preview_gone(v):
    overwrite(part(v, "preview"), None)


def g1_recorded(v):
    path = VersionArtifact.objects.filter(version=v, part="preview").first()
    other = Artifact.objects.exclude(pk=path.artifact_id).first()
    row_of(VersionArtifact, path.pk, path="../preview.geojson", artifact=other)


SPOILERS = [
    *(
        (f"{name[:2].upper()}", found)
        for name, found in sorted(globals().items())
        if name[:3] in {f"{c.lower()}_" for c in gates.CLAUSES}
    ),
]


def test_every_clause_is_spoiled_here():
    assert {clause for clause, _ in SPOILERS} == set(gates.CLAUSES)


def test_unspoiled_it_is_published(world, signed):
    assert world.publish(signed).to_state == "PUBLISHED"


FIRST = dict(reversed(SPOILERS))
SPOILED = [
    pytest.param(clause, spoil, marks=[] if FIRST[clause] is spoil else pytest.mark.slow) for clause, spoil in SPOILERS
]


@pytest.mark.parametrize(("clause", "spoil"), SPOILED, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_one_failing_clause_and_no_one_publishes(world, signed, clause, spoil):
    """By the operator with every signature made; the answer names the clause and stays readable as rows."""
    seen = SignOff.objects.filter(version=signed).first().dossier.digest
    spoil(signed)
    with refused("gates_failed", also=EVALUATED) as caught:
        transitions.publish(version_pk=signed.pk, by=world.person("operator"), seen=seen, at=AT)
    failed = caught.value
    assert isinstance(failed, GatesFailed)
    assert clause in {f.clause for result in failed.results.values() for f in result.findings}
    assert all(f.message and f.fix for result in failed.results.values() for f in result.findings)
    assert Evaluation.objects.filter(version=signed).first().results == [r.as_json() for r in failed.results.values()]
    assert not Release.objects.filter(version=signed).exists()


def test_a_superuser_with_the_role_passes_no_gate(world, signed):
    spoil_byte(part(signed, "data"))
    root = world.person("superuser")
    with refused("role_missing"):
        transitions.publish(version_pk=signed.pk, by=root, seen="", at=AT)
    with refused("gates_failed", also=EVALUATED):
        transitions.publish(
            version_pk=signed.pk, by=Person(root.principal, root.name, frozenset({Role.OPERATOR})), seen="", at=AT
        )


def test_a_crashing_check_is_a_failure_that_says_so(world, signed, monkeypatch):
    from promotions.gates import g_manifest

    seen = world.digest(signed)
    monkeypatch.setattr(g_manifest, "evaluate", lambda evidence: 1 / 0)
    with refused("gates_failed", also=EVALUATED) as caught:
        transitions.publish(version_pk=signed.pk, by=world.person("operator"), seen=seen, at=AT)
    assert [f.kind for f in caught.value.results["G"].findings] == ["error"]


def test_evidence_that_was_not_gathered_is_a_failure(world, signed, monkeypatch):
    whole = dossier.gather

    def without_d(standing, **how):
        found = whole(standing, **how)
        return dossier.Gathered(
            found.version,
            {k: v for k, v in found.evidence.items() if k != "D"},
            found.canonical,
            found.digest,
            found.draft,
        )

    seen = world.digest(signed)
    monkeypatch.setattr(dossier, "gather", without_d)
    with refused("gates_failed", also=EVALUATED) as caught:
        transitions.publish(version_pk=signed.pk, by=world.person("operator"), seen=seen, at=AT)
    assert {f.kind for f in caught.value.results["D"].findings} == {"missing"}


def test_a_release_whose_manifest_can_not_be_written_leaves_nothing(world, signed, monkeypatch):
    from promotions import releases

    seen = world.digest(signed)

    def crash(**_):
        raise OSError("disk full")

    monkeypatch.setattr(releases, "write_release", crash)
    size = ledger.size()
    with pytest.raises(OSError, match="disk full"):
        transitions.publish(version_pk=signed.pk, by=world.person("operator"), seen=seen, at=AT)
    assert world.standing(signed).state == "CATALOG"
    assert ledger.size() == size


def test_a_row_put_in_published_by_hand_has_no_release(world, version):
    """No constraint can stop the ORM in a shell; what was put there has no manifest, no approvals and no entry."""
    put_standing(version, "PUBLISHED")
    assert not Release.objects.filter(version=version).exists()
    assert Transition.objects.filter(version=version).last().to_state == "CATALOG"
    with refused("wrong_state"):
        transitions.publish(version_pk=version.pk, by=world.person("operator"), seen="", at=AT)


@pytest.mark.parametrize("name", ["nobody", "steward", "auditor", "superuser"])
def test_a_row_put_in_published_by_hand_is_not_served(world, version, name):
    """Without a release of its round its standing can't be believed, so nobody is shown it, in lists or by name."""
    put_standing(version, "PUBLISHED")
    slug, number = version.dataset.slug, version.version_id
    for person in (PUBLIC, world.person(name)):
        for action in (Action.DISCOVER, Action.READ, Action.DOWNLOAD, Action.RESOLVE_EVIDENCE):
            assert not visible_versions(person, action).filter(pk=version.pk).exists()
            assert find_version(person, slug, number, action) is None
            assert enforce(person, version, action, at=AT).decision == "deny"


def test_a_release_of_an_earlier_round_does_not_speak_for_a_later_one(world, signed):
    world.publish(signed)
    assert visible_versions(PUBLIC).filter(pk=signed.pk).count() == 1
    Standing.objects.filter(version=signed).update(round=2)
    assert not visible_versions(PUBLIC).filter(pk=signed.pk).exists()
    assert find_version(PUBLIC, signed.dataset.slug, signed.version_id) is None


def test_the_database_refuses_a_proposers_signature(world, signed):
    made = SignOff.objects.filter(version=signed).first()
    facts = {f.attname: getattr(made, f.attname) for f in SignOff._meta.concrete_fields if f.name != "id"}
    with pytest.raises(IntegrityError), transaction.atomic():
        SignOff.objects.create(**{**facts, "principal": "contributor", "role": "council"})


def test_the_database_refuses_an_approval_by_who_released(world, signed):
    world.publish(signed)
    approval = ReleaseApproval.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReleaseApproval.objects.create(
            release=approval.release,
            sign_off=approval.sign_off,
            principal="operator",
            role="council",
            released_by="operator",
        )


@pytest.mark.parametrize("twice", [{"role": "council"}, {"principal": "zoe"}])
def test_the_database_refuses_a_second_signature_of_a_person_or_a_role(world, signed, twice):
    made = SignOff.objects.filter(version=signed).first()
    facts = {f.attname: getattr(made, f.attname) for f in SignOff._meta.concrete_fields if f.name != "id"}
    with pytest.raises(IntegrityError), transaction.atomic():
        SignOff.objects.create(**{**facts, **twice})


def test_the_database_refuses_a_second_release_in_a_round(world, signed):
    world.publish(signed)
    made = Release.objects.get(version=signed)
    facts = {f.attname: getattr(made, f.attname) for f in Release._meta.concrete_fields if f.name != "id"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.create(**facts)


APPEND_ONLY = (
    Artifact, Acquisition, DatasetSpec, PolicyDecision, RunReceipt, VersionArtifact,
    Transition, Dossier, Evaluation, SignOff, Release, ReleaseApproval, Tombstone, JobLine,
)  # fmt: skip


def test_what_was_recorded_or_decided_is_never_updated_nor_deleted(world, signed):
    """Also by raw SQL; the triggers refuse whoever asks."""
    world.publish(signed)
    transitions.withdraw(version_pk=signed.pk, by=world.person("steward"), reason="Bad.", incident="INC-1", at=AT)
    for model in APPEND_ONLY:
        table, key = model._meta.db_table, model._meta.pk.column
        assert model.objects.exists(), table
        for statement in (f'UPDATE "{table}" SET "{key}" = "{key}"', f'DELETE FROM "{table}"'):
            with (
                pytest.raises(DatabaseError, match=r"append-only|violates"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


def test_a_refused_attempt_is_an_entry_an_auditor_can_read(world, version):
    with pytest.raises(Refused):
        transitions.publish(version_pk=version.pk, by=PUBLIC, seen="", at=AT)
    entry = ledger.entries()[0]
    assert (entry.event, entry.actor, entry.role) == (Event.ACTION_REFUSED, "public", "public")
    assert entry.subject == version.reference
    assert Standing.objects.get(version=version).state == "CATALOG"
