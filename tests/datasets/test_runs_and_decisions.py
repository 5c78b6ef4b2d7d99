"""F1, C1: what runs and decisions leave behind counts in order, is never edited, and can be made again."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import ledger
from datasets import decisions, environment, runs
from datasets.decisions import ask, ask_again, document_of, request_for, resource_of
from datasets.models import Artifact, DatasetVersion, PolicyDecision, PolicyLabel, RunReceipt
from datasets.people import PIPELINE
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.runs import NewFile, current_files, current_receipts, record_run
from datasets.scrub import scrub
from datasets.stores import console_store, keep, measure
from promotions.states import State
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return World.build()


@pytest.fixture
def version(world):
    return world.version_in(State.RAW)


def a_run(version, operation, *parts):
    at = timezone.now()
    report = keep(b'{"status":"pass"}', media_type="application/json", at=at)
    files = [NewFile(report, "work", part, f"work/{part}") for part in parts]
    return record_run(
        version=version,
        run_id=runs.new_run_id(at),
        operation=operation,
        inputs=[report],
        files=files,
        passed=True,
        report=report,
        decision=PolicyDecision.objects.first(),
        params={},
        by=PIPELINE,
        role="pipeline",
        hold=lambda: None,
        at=at,
    )


def test_f1_a_run_of_an_earlier_step_puts_later_runs_aside(version):
    first = a_run(version, "validate", "a")
    redact = a_run(version, "redact", "b")
    catalog = a_run(version, "catalog", "c")
    assert list(current_receipts(version)) == ["ingest", "validate", "redact", "catalog"]
    again = a_run(version, "validate", "a2")
    now = current_receipts(version)
    assert (list(now), now["validate"]) == (["ingest", "validate"], again)
    assert {"a2"} == {file.part for file in current_files(version)} - {
        "source",
        "terms",
        "acquisition_manifest",
        "intake_report",
    }
    late = a_run(version, "catalog", "c2")
    assert list(current_receipts(version).values())[1:] == [again, late]
    assert RunReceipt.objects.filter(pk__in=[first.pk, redact.pk, catalog.pk]).count() == 3


def test_f1_a_clock_set_back_does_not_reorder_runs(version):
    first = a_run(version, "validate", "a")
    assert current_receipts(version)["validate"] == first
    second = a_run(version, "validate", "b")
    assert second.ledger_index > first.ledger_index
    assert current_receipts(version)["validate"] == second


def test_f1_a_receipt_is_whole_and_is_in_the_ledger(version):
    receipt = current_receipts(version)["ingest"]
    document = json.loads(console_store().read(receipt.document_id, 1_000_000))
    assert document["dataset_version_id"] == version.version_id
    assert document["environment"] | {"params_digest": ""} == {
        "container_digest": environment.container_digest(),
        "git_commit": environment.git_commit(),
        "params_digest": "",
    }
    assert {output["digest"] for output in document["outputs"]} == {file.artifact_id for file in current_files(version)}


def test_current_files_cost_two_queries(version, django_assert_num_queries):
    with django_assert_num_queries(2):
        [(file.artifact.digest, file.receipt.run_id) for file in current_files(version)]


def test_a_run_rolls_back_when_the_ledger_refuses_it(version, monkeypatch):
    def full(**_):
        raise runs.ledger.LedgerError("no room")

    monkeypatch.setattr(runs.ledger, "append", full)
    before = RunReceipt.objects.count()
    with pytest.raises(runs.ledger.LedgerError):
        a_run(version, "validate", "a")
    assert RunReceipt.objects.count() == before


@pytest.mark.parametrize("model", [Artifact, PolicyDecision, RunReceipt])
def test_records_are_never_changed_or_deleted(version, model):
    for act in (lambda rows: rows.delete(), lambda rows: rows._raw_delete("default")):
        with pytest.raises(DatabaseError), transaction.atomic():
            act(model.objects.all())
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.update(**{"media_type": "x"} if model is Artifact else {"principal": "x"})


def test_c1_a_decision_is_kept_whole_and_replays_the_same(version):
    row = PolicyDecision.objects.filter(version=version).first()
    document = document_of(row)
    assert (document["decision_id"], document["decision"]) == (row.decision_id, row.decision)
    assert ask_again(row) == document


def test_c1_a_thousand_stored_decisions_replay_the_same_by_sample(world, version):
    chooser = random.Random(7)
    at = timezone.now()
    facts = decisions.label_facts()
    person = world.person("operator")
    rows = []
    for n in range(1_000):
        version.policy_label_id = chooser.choice(sorted(facts))
        resource = resource_of(
            version, person=person, standing=chooser.choice(list(State)).value, has_bytes=chooser.random() < 0.5
        )
        request = request_for(
            person,
            chooser.choice([Action.READ, Action.DOWNLOAD, Action.PUBLISH, Action.ASSESS]),
            resource,
            dataset_pk=version.dataset_id,
            role=Role.OPERATOR,
        )
        answer = decisions.engine.decide(
            request, labels=facts, decision_id=f"n{n}", evaluated_at=decisions.instant(at + timedelta(seconds=n))
        )
        rows.append(
            PolicyDecision(
                decision_id=answer.decision_id,
                version_id=version.pk,
                action=request.action,
                decision=answer.decision,
                principal="operator",
                canonical=decisions.canonical_bytes(answer.as_json()).decode(),
                decided_at=at,
            )
        )
    PolicyDecision.objects.bulk_create(rows)
    for row in chooser.sample(rows, 60):
        assert ask_again(PolicyDecision.objects.get(pk=row.pk)) == document_of(row)
    assert {row.decision for row in rows} == {"allow", "deny"}


def test_c1_a_label_that_admins_changed_shows_in_the_replay(version):
    row = PolicyDecision.objects.filter(version=version).first()
    PolicyLabel.objects.filter(name="internal").update(tightness=21)
    assert ask_again(row)["policy_bundle_digest"] != document_of(row)["policy_bundle_digest"]


def test_c1_a_label_row_no_one_can_read_denies_and_breaks_nothing(world, version):
    PolicyLabel.objects.create(
        name="odd", title="Odd", meaning="?", tightness=5, default_obligations=[{"type": "blur"}]
    )
    assert "odd" not in decisions.label_facts()
    version.policy_label_id = "odd"
    resource = resource_of(version, person=world.person("steward"), standing="PUBLISHED", has_bytes=True, reading=True)
    request = request_for(world.person("steward"), Action.READ, resource, dataset_pk=version.dataset_id)
    answer = ask(request, at=timezone.now())
    assert (answer.decision, answer.reason_codes) == ("deny", ("unknown_label",))


def test_g1_scrub_finds_a_changed_and_a_missing_artifact(version, var_dir):
    at = timezone.now()
    whole = scrub(at=at)
    assert (whole.checked, whole.damaged) == (Artifact.objects.count(), ())
    files = [path for path in (var_dir / "store").rglob("*") if path.is_file()]
    changed, gone = (
        next(p for p in files if d.removeprefix("sha256:") in str(p).replace("/", ""))
        for d in (version.acquisition.source_id, version.acquisition.terms_id)
    )
    changed.chmod(0o644)
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    gone.unlink()
    found = scrub(at=at)
    assert set(found.damaged) == {version.acquisition.source_id, version.acquisition.terms_id}
    assert measure(version.acquisition.terms_id, fresh=True) is None
    events = [entry.event for entry in ledger.entries().order_by("-index")[:3]]
    assert events.count("store.damaged") == 2


def test_f1_the_environment_is_named_by_digests(settings, monkeypatch):
    for named in (environment.container_digest, environment.git_commit):
        named.cache_clear()
    settings.KFM_CONTAINER_DIGEST = settings.KFM_GIT_COMMIT = ""
    assert len(environment.git_commit()) == 40
    lock_digest = environment.container_digest()
    assert lock_digest.startswith("sha256:")
    for named in (environment.container_digest, environment.git_commit):
        named.cache_clear()
    settings.KFM_CONTAINER_DIGEST, settings.KFM_GIT_COMMIT = "sha256:" + "a" * 64, "b" * 40
    assert (environment.container_digest(), environment.git_commit()) == ("sha256:" + "a" * 64, "b" * 40)
    environment.git_commit.cache_clear()
    environment.container_digest.cache_clear()


def test_f1_a_copy_without_git_is_named_by_its_sources(settings, monkeypatch):
    settings.KFM_GIT_COMMIT = ""
    monkeypatch.setattr(environment.subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))
    environment.git_commit.cache_clear()
    found = environment.git_commit()
    environment.git_commit.cache_clear()
    assert found == environment._source_hash()
    assert len(found) == 40
    assert DatasetVersion.objects.count() == 0
