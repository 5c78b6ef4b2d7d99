"""The ways out of quarantine and back: each needs a reason and leaves a receipt, an entry, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from audit import ledger
from audit.digests import digest_bytes, digest_json
from datasets.models import DatasetSpec, PolicyLabel, RunReceipt
from datasets.runs import current_files, current_receipts
from datasets.stores import read_document
from promotions import cases, derivatives, dossier, jobs, permissions, pipeline, resolutions, transitions
from promotions.derivatives import derived_spec
from promotions.gates import e_quality
from promotions.models import Job, Proposal, QuarantineCase, Resolution, Standing
from promotions.readers import inbox, queue
from promotions.states import State
from tests.inbox import acts
from tests.promotions import EVALUATED, changed, put_standing, refused, rows, triggers_away

AT = timezone.now()
COARSE = {"type": "generalize_geometry", "min_cell_size_m": 5000}
MAY_STAY = {"datasets.Artifact"}


def fresh(case: QuarantineCase) -> QuarantineCase:
    return QuarantineCase.objects.select_related("version__dataset", "derivative_spec").get(pk=case.pk)


def passes(monkeypatch: Any) -> None:
    """Gate E finds nothing any more: what it takes to mend a version is the pipeline's story."""
    monkeypatch.setattr(e_quality, "evaluate", lambda _: [])


def release(world: Any, case: QuarantineCase, name: str = "reviewer", at: Any = AT) -> Any:
    return transitions.release(version_pk=case.version_id, by=world.person(name), reason="Mended.", at=at)


def deny(world: Any, case: QuarantineCase, name: str = "steward", at: Any = AT) -> Any:
    return transitions.deny(version_pk=case.version_id, by=world.person(name), reason="Never.", at=at)


def derive(world: Any, case: QuarantineCase, name: str = "reviewer", at: Any = AT, **other: Any) -> Job:
    asked: dict[str, Any] = {"obligations": [COARSE], "label": "public_generalized", "reason": "Blur it.", **other}
    return derivatives.open_derivative(case_pk=case.pk, by=world.person(name), at=at, **asked)


def metadata_only(world: Any, case: QuarantineCase, name: str = "reviewer", at: Any = AT) -> Job:
    return derivatives.open_metadata_only(case_pk=case.pk, reason="Only the record.", by=world.person(name), at=at)


WAYS = {"deny": deny, "derive": derive, "metadata_only": metadata_only}
BY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


# --- receipts ---


@BY_WAY
def test_each_way_out_leaves_a_receipt_a_resolution_document_and_an_entry(world, case, way):
    way(world, case)
    ended = fresh(case)
    receipt = resolutions.receipt_of(ended)
    assert receipt is not None
    assert (receipt.operation, receipt.principal) == ("promote", ended.resolved_by)
    document = json.loads(read_document(receipt.document_id))
    report = json.loads(read_document(document["validation"]["report_digest"]))
    assert document["validation"]["status"] == "fail"
    assert (report["case"], report["gate"], report["resolution"]) == (case.pk, "E", ended.resolution)
    assert report["findings_digest"] == str(digest_json(case.findings))
    assert report["reason_digest"] == str(digest_bytes(ended.resolution_reason.encode()))
    entry = next(e for e in ledger.entries() if e.event == "case.resolved")
    assert entry.references["receipt"] == receipt.document_id
    assert ended.resolution_reason not in str(list(ledger.bodies(0, ledger.size())))


def test_a_release_names_the_dossier_it_rests_on(world, case, monkeypatch):
    passes(monkeypatch)
    release(world, case)
    ended = fresh(case)
    receipt = resolutions.receipt_of(ended)
    assert receipt is not None
    document = json.loads(read_document(receipt.document_id))
    report = json.loads(read_document(document["validation"]["report_digest"]))
    assert document["validation"]["status"] == "pass"
    assert report["dossier"] == transitions.Transition.objects.get(verb="release").dossier_digest != ""
    assert Standing.objects.get(version=case.version_id).state == State.WORK


@BY_WAY
def test_such_a_receipt_is_no_producing_run_and_changes_no_dossier(world, case, version, way):
    """The digest that people sign is over the same facts before and after; no current file or receipt is replaced."""
    receipts = {k: r.run_id for k, r in current_receipts(version).items()}
    files = [f.pk for f in current_files(version)]
    facts = dossier.gather(world.standing(version)).evidence
    way(world, case)
    assert {k: r.run_id for k, r in current_receipts(version).items()} == receipts
    assert [f.pk for f in current_files(version)] == files
    again = dossier.gather(world.standing(version)).evidence
    assert {k: dossier.facts_of(v) for k, v in again.items()} == {k: dossier.facts_of(v) for k, v in facts.items()}


def test_a_receipt_of_the_inbox_voids_no_signature_on_a_version_that_came_through(world, case, version):
    other = world.version_in(State.CATALOG)
    world.sign(other, "steward")
    digest = world.digest(other)
    QuarantineCase.objects.filter(pk=case.pk).update(version=other)
    resolutions.resolve(
        case=QuarantineCase.objects.get(pk=case.pk), resolution=Resolution.RELEASED, reason="Fine.",
        by=world.person("reviewer"), role=permissions.Role.REVIEWER, at=AT,
    )  # fmt: skip
    assert RunReceipt.objects.filter(version=other, operation="promote").exists()
    assert world.digest(other) == digest


@BY_WAY
def test_no_ledger_entry_no_way_out(world, case, way, monkeypatch):
    real, before = ledger.append, rows()

    def failing(*, event, **words):
        if event.value == "case.resolved":
            raise ledger.LedgerError("full")
        return real(event=event, **words)

    monkeypatch.setattr(ledger, "append", failing)
    with pytest.raises(ledger.LedgerError):
        way(world, case)
    assert changed(before) <= MAY_STAY


@BY_WAY
def test_a_way_out_ends_the_claim_and_the_second_is_told_so(world, case, way):
    acts.prepare(world, case)
    way(world, case)
    assert (fresh(case).claimed_by, fresh(case).claim_until) == ("", None)
    with refused():
        way(world, case)


def test_another_holders_claim_holds_a_decision_up_unless_a_steward_makes_it(world, case, monkeypatch):
    passes(monkeypatch)
    cases.claim(case_pk=case.pk, by=world.person("reviewer"), at=AT)
    for way in (release, derive, metadata_only):
        with refused("claimed_by_other") as told:
            way(world, case, "reviewer2")
        assert "Reviewer Test holds this case until" in told.value.message
    assert deny(world, case, "steward").to_state == "DENIED"


def test_a_claim_that_ran_out_holds_nothing_up(world, case, monkeypatch):
    passes(monkeypatch)
    cases.claim(case_pk=case.pk, by=world.person("reviewer"), at=AT)
    assert release(world, case, "reviewer2", AT + timedelta(hours=4)).to_state == "WORK"


def test_a_release_is_refused_while_the_gate_still_fails(world, case):
    with refused("gates_failed", also=EVALUATED):
        release(world, case)
    assert fresh(case).resolution == ""


# --- safer derivative ---


def test_a_derivative_is_owed_under_a_spec_of_its_own_and_the_dataset_keeps_its_spec(world, case, version):
    current = version.dataset.current_spec_id
    job = derive(world, case)
    ended = fresh(case)
    assert (ended.resolution, ended.resolved_by) == ("derived", "reviewer")
    assert Standing.objects.get(version=version).state == State.QUARANTINE
    version.dataset.refresh_from_db()
    assert version.dataset.current_spec_id == current != ended.derivative_spec_id
    spec = json.loads(ended.derivative_spec.canonical)
    assert spec["sensitivity"] == {"obligations": [COARSE], "policy_label_intent": "public_generalized"}
    assert (job.spec_id, job.mode, job.requested_by) == (ended.derivative_spec_id, "reprocess", "reviewer")
    assert job.acquisition_id == version.acquisition_id
    entry = next(e for e in ledger.entries() if e.event == "version.derived")
    assert entry.references["spec_hash"] == ended.derivative_spec.spec_hash


def test_the_derived_spec_differs_in_nothing_but_obligations_and_label(version):
    spec = json.loads(version.spec.canonical)
    made = derived_spec(spec, derivatives.parse_obligations([COARSE]), "internal")
    assert {k for k in spec if spec[k] != made[k]} == {"sensitivity"}
    assert set(made) == set(spec)


def test_a_weaker_obligation_never_takes_a_stronger_ones_place():
    spec = {"sensitivity": {"obligations": [COARSE], "policy_label_intent": "public"}}
    weak = derivatives.parse_obligations([{"type": "generalize_geometry", "min_cell_size_m": 10}])
    assert derived_spec(spec, weak, "public")["sensitivity"]["obligations"] == [COARSE]


@pytest.mark.slow
def test_the_derivative_is_a_new_version_of_its_openers_and_they_do_not_sign_it(world, case, version):
    job = derive(world, case, "reviewer")
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    pipeline.run(claimed)
    job.refresh_from_db()
    made = job.version
    assert made is not None, job.failure
    assert (made.spec_id, made.created_by) == (job.spec_id, "reviewer")
    assert made.pk != version.pk
    assert made.policy_label_id == "public_generalized"
    proposal = Proposal.objects.get(version=made)
    with pytest.raises(permissions.Refused) as told:
        permissions.check_sign(
            world.person("reviewer"),
            made,
            permissions.Role.REVIEWER,
            required=("reviewer",),
            proposer=proposal.proposer,
        )
    assert told.value.code == "proposer_signs"


@pytest.mark.parametrize(
    ("obligations", "code"),
    [
        ([], "nothing_added"),
        ([{"type": "blur"}], "obligations_faulty"),
        ([{"type": "generalize_geometry"}], "obligations_faulty"),
        ([{"type": "generalize_geometry", "min_cell_size_m": True}], "obligations_faulty"),
        (["generalize_geometry"], "obligations_faulty"),
        ([{"type": "remove_attributes", "fields": ["geometry"]}], "obligations_faulty"),
    ],
)
def test_c2_obligations_that_are_not_well_formed_or_add_nothing_are_refused(world, case, obligations, code):
    with refused(code):
        derive(world, case, obligations=obligations)


def test_an_obligation_that_the_spec_has_already_adds_nothing(world, case, version):
    spec = json.loads(version.spec.canonical)
    spec["sensitivity"]["obligations"] = [COARSE]
    with triggers_away():
        DatasetSpec.objects.filter(pk=version.spec_id).update(canonical=json.dumps(spec))
    with refused("nothing_added"):
        derive(world, case, obligations=[{**COARSE, "min_cell_size_m": 100}])


@pytest.mark.parametrize(("label", "code"), [("sparkling", "label_unknown"), ("quarantine", "label_not_releasable")])
def test_c1_the_label_is_one_under_which_something_is_published(world, case, label, code):
    with refused(code):
        derive(world, case, label=label)


def test_c1_a_looser_label_needs_an_obligation_that_changes_the_bytes(world, case, version):
    type(version).objects.filter(pk=version.pk).update(policy_label=PolicyLabel.objects.get(name="restricted"))
    with refused("label_loosened"):
        derive(world, case, label="public", obligations=[{"type": "show_notice", "message": "Mind."}])
    assert derive(world, case, label="public_generalized")


def test_c1_without_a_label_named_the_one_it_was_tightened_to_is_kept_not_the_specs(world, case, version):
    type(version).objects.filter(pk=version.pk).update(policy_label=PolicyLabel.objects.get(name="restricted"))
    derive(world, case, label="")
    assert json.loads(fresh(case).derivative_spec.canonical)["sensitivity"]["policy_label_intent"] == "restricted"


def test_c1_a_version_without_a_label_needs_one_named(world, case, version):
    type(version).objects.filter(pk=version.pk).update(policy_label=None)
    with refused("label_missing"):
        derive(world, case, label="")


def test_metadata_only_adds_that_obligation_and_no_other(world, case):
    metadata_only(world, case)
    ended = fresh(case)
    assert ended.resolution == "metadata_only"
    assert json.loads(ended.derivative_spec.canonical)["sensitivity"]["obligations"] == [{"type": "metadata_only"}]


@pytest.mark.slow
def test_a_metadata_only_run_ends_in_words_whatever_the_pipeline_makes_of_it_yet(world, case):
    job = jobs.claim(metadata_only(world, case).pk, timezone.now())
    assert job is not None
    pipeline.run(job)
    job.refresh_from_db()
    assert job.state in {"done", "failed"}
    assert job.failure_code != "crashed", job.failure


@pytest.mark.parametrize("name", ["contributor", "operator", "council", "auditor", "admin", "superuser", "nobody"])
def test_only_a_reviewer_or_steward_opens_a_version_beside_it(world, case, name):
    for way in (derive, metadata_only):
        with refused("role_missing"):
            way(world, case, name)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_way_out_without_a_reason_is_refused(world, case, reason):
    with refused("reason_missing"):
        derive(world, case, reason=reason)
    with refused("reason_missing"):
        transitions.deny(version_pk=case.version_id, by=world.person("steward"), reason=reason, at=AT)


# --- the way back ---


def reopen(world: Any, case: QuarantineCase, name: str = "reviewer", reason: str = "", at: Any = AT) -> QuarantineCase:
    return cases.reopen(case_pk=case.pk, reason=reason, by=world.person(name), at=at)


def test_a_released_case_is_reopened_by_one_click_and_the_version_is_back_in_quarantine(world, case, monkeypatch):
    cases.update_case(
        case_pk=case.pk, owner="operator", due=AT.date(), plan="Ask.", by=world.person("reviewer2"), at=AT
    )
    passes(monkeypatch)
    release(world, case)
    new = reopen(world, case)
    assert Standing.objects.get(version=case.version_id).state == State.QUARANTINE
    assert (new.reopens_id, new.resolution, new.from_state) == (case.pk, "", "WORK")
    assert (new.gate, new.findings, new.root_cause) == (case.gate, case.findings, case.root_cause)
    assert new.reason == "Reopened by Reviewer Test."
    assert (new.owner, new.plan_by) == ("operator", "reviewer2")
    assert [e.event for e in ledger.entries()[:2]] == ["case.reopened", "version.quarantined"]
    with refused("author_releases"):
        release(world, new, "reviewer2")
    with refused("wrong_state"):
        reopen(world, case)


@pytest.mark.parametrize("way", [derive, metadata_only])
def test_a_case_that_ended_with_another_version_is_reopened_without_a_transition(world, case, way):
    way(world, case)
    moves = transitions.Transition.objects.count()
    new = reopen(world, case, "steward", "The derivative shows too much.")
    assert (new.reopens_id, new.from_state, new.reason) == (
        case.pk, "QUARANTINE", "The derivative shows too much.",
    )  # fmt: skip
    assert transitions.Transition.objects.count() == moves
    assert Standing.objects.get(version=case.version_id).state == State.QUARANTINE
    with refused("reopened_already") as told:
        reopen(world, case)
    assert f"case {new.pk}" in told.value.message


def test_a_reopened_case_still_says_why_the_version_came_here(world, case):
    QuarantineCase.objects.filter(pk=case.pk).update(
        findings=[], root_cause="reason:REDACTION_REQUIRED", reason="Too exact."
    )
    metadata_only(world, case)
    new = reopen(world, case, "steward", "")
    assert new.reason.startswith("Reopened by")
    steward = world.person("steward")
    group = inbox.page(steward, inbox.filters_from(QueryDict("")), 1, AT).groups[0]
    assert group.sentence == inbox.case_view(steward, fresh(new), AT).first_reason == "Too exact."


def test_a_version_whose_case_ended_so_asks_nobody_for_anything(world, case):
    def row() -> Any:
        standing = Standing.objects.select_related("version__dataset", "version__policy_label")
        return queue.rows_for(world.person("steward"), [standing.get(version=case.version_id)])[0]

    assert row().next == "Write a plan for the case"
    metadata_only(world, case)
    assert (row().mine, row().next) == ((), "Another version goes on in its place")


def test_a_denied_case_is_final_and_says_what_to_do_instead(world, case):
    deny(world, case)
    with refused("denied_is_final") as told:
        reopen(world, case)
    assert "makes a new version" in told.value.message


def test_a_version_published_meanwhile_is_withdrawn_instead(world, case, monkeypatch):
    passes(monkeypatch)
    release(world, case)
    put_standing(case.version, "PUBLISHED")
    with refused("wrong_state") as told:
        reopen(world, case)
    assert "withdraws it instead" in told.value.message


def test_an_open_case_is_not_reopened(world, case):
    with refused("case_open"):
        reopen(world, case)
    with refused("no_such_case"):
        cases.reopen(case_pk=0, reason="", by=world.person("reviewer"), at=AT)


@pytest.mark.parametrize("name", ["contributor", "operator", "auditor", "superuser", "nobody"])
def test_who_may_not_quarantine_or_derive_reopens_nothing(world, case, name, monkeypatch):
    derive(world, case)
    with refused("role_missing"):
        reopen(world, case, name)


def test_no_ledger_entry_no_reopening(world, case, monkeypatch):
    derive(world, case)
    real, before = ledger.append, rows()

    def failing(*, event, **words):
        if event.value == "case.reopened":
            raise ledger.LedgerError("full")
        return real(event=event, **words)

    monkeypatch.setattr(ledger, "append", failing)
    with pytest.raises(ledger.LedgerError):
        reopen(world, case)
    assert changed(before) == set()
