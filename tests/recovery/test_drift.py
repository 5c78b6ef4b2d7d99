"""Drift is found whatever it comes from, told once, and never guessed at."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit import ledger
from datasets.models import Acquisition, DatasetVersion, DriftCheck, DriftOutcome, PolicyDecision, RunReceipt
from datasets.runs import current_receipts
from datasets.steps import catalog, drift
from datasets.stores import read_document
from datasets.zones.store import StoreUnavailable
from promotions import jobs, upkeep
from promotions.models import Notice, Standing
from tests.promotions import changed, overwrite, part, put_standing, rows, spoil_byte, stored_path, triggers_away
from tests.recovery.conftest import full


def report_of(check: DriftCheck) -> dict:
    return json.loads(read_document(check.report_id))


def test_catalogs_just_built_are_as_recorded_and_the_ledger_is_not_told(version, check, events):
    size = ledger.size()
    found = check(version)
    assert found.outcome == DriftOutcome.SAME
    assert events(size) == []
    report = report_of(found)
    assert {f["verdict"] for f in report["files"]} == {"same", "not_rebuilt"}
    assert {f["stored"] for f in report["files"]} == {"whole"}
    assert sum(f["verdict"] == "same" for f in report["files"]) == 6
    assert report["causes"] == []


@pytest.mark.parametrize("name", ["dcat", "dcat_turtle", "stac_collection", "stac_item", "prov", "preview"])
@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_document_that_the_store_lost_or_damaged_is_drift(version, check, name, damage):
    digest = part(version, name)
    overwrite(digest, None) if damage == "gone" else spoil_byte(digest)
    found = check(version)
    assert found.outcome == DriftOutcome.DRIFTED
    bad = [f for f in report_of(found)["files"] if f["stored"] != "whole"]
    assert [(f["part"], f["stored"], f["verdict"]) for f in bad] == [(name, damage, "same")]
    assert [c["code"] for c in report_of(found)["causes"]] == ["store_damaged"]


@pytest.mark.parametrize("name", ["data", "terms", "qa_report"])
def test_data_and_records_that_the_store_damaged_are_drift_too(version, check, name):
    spoil_byte(part(version, name))
    found = check(version)
    assert found.outcome == DriftOutcome.DRIFTED
    assert name in {f["part"] for f in report_of(found)["files"] if f["stored"] == "damaged"}


def test_a_receipt_that_is_gone_is_drift(version, check):
    overwrite(current_receipts(version)["catalog"].document_id, None)
    assert check(version).outcome == DriftOutcome.DRIFTED


def test_a_fact_changed_by_hand_is_drift_and_is_named(version, check):
    with triggers_away():
        Acquisition.objects.filter(pk=version.acquisition_id).update(attribution="Somebody else")
    found = check(version)
    assert found.outcome == DriftOutcome.DRIFTED
    report = report_of(found)
    assert [c["code"] for c in report["causes"]] == ["facts_changed"]
    differing = {f["part"] for f in report["files"] if f["verdict"] == "differs"}
    assert {"dcat", "dcat_turtle"} <= differing
    for row in report["files"]:
        if row["verdict"] == "differs":
            assert read_document(row["rebuilt_digest"]) != read_document(row["recorded_digest"])


def test_a_changed_address_is_named_as_the_cause(version, check, settings):
    settings.KFM_PUBLIC_URL = "https://console.example.org"
    assert [c["code"] for c in report_of(check(version))["causes"]] == ["address_changed"]


def test_newer_code_that_builds_the_same_is_no_drift_and_one_that_does_not_is_named(version, check, monkeypatch):
    monkeypatch.setattr(drift, "git_commit", lambda: "f" * 40)
    assert check(version).outcome == DriftOutcome.SAME
    real = catalog.build_dcat
    monkeypatch.setattr(catalog, "build_dcat", lambda facts: real(facts) + b"\n")
    found = check(version)
    assert found.outcome == DriftOutcome.DRIFTED
    assert [c["code"] for c in report_of(found)["causes"]] == ["code_changed"]
    assert "ffffffffffff" in report_of(found)["causes"][0]["message"]


def test_facts_that_cannot_be_rebuilt_are_not_checked_and_never_the_same(version, check, events):
    catalog_run = current_receipts(version)["catalog"]
    decision = json.loads(read_document(catalog_run.document_id))["policy"]["decision_id"]
    size = ledger.size()
    with triggers_away():
        PolicyDecision.objects.filter(decision_id=decision).update(decision_id="kfm://policy_decision/other")
        found = check(version)
    assert found.outcome == DriftOutcome.NOT_CHECKED
    assert "decision" in found.detail
    assert events(size) == ["catalog.unchecked"]


def test_a_store_that_cannot_be_asked_says_nothing_of_the_catalogs(version, check, monkeypatch):
    def unavailable(*_args, **_more):
        raise StoreUnavailable("The store is away.")

    monkeypatch.setattr(drift, "fetch_data", unavailable)
    found = check(version)
    assert (found.outcome, found.detail) == (DriftOutcome.NOT_CHECKED, "The store is away.")


def test_a_crash_is_told_by_its_kind_alone(version, check, monkeypatch):
    def crash(*_args, **_more):
        raise KeyError("/secret/path")

    monkeypatch.setattr(drift, "catalog_facts", crash)
    found = check(version)
    assert found.outcome == DriftOutcome.NOT_CHECKED
    assert "KeyError" in found.detail
    assert "secret" not in found.detail


def test_the_ledger_is_told_of_each_turn_and_of_nothing_else(version, check, events):
    size, raw = ledger.size(), stored_path(part(version, "dcat")).read_bytes()
    check(version)
    spoil_byte(part(version, "dcat"))
    check(version)
    check(version)
    overwrite(part(version, "dcat"), raw)
    check(version)
    check(version)
    assert events(size) == ["catalog.drifted", "catalog.holds"]
    assert DriftCheck.objects.filter(version=version).count() == 5


def test_no_ledger_entry_no_check(version, check, monkeypatch):
    spoil_byte(part(version, "dcat"))
    before = rows()
    monkeypatch.setattr(drift.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        check(version)
    assert changed(before) <= {"datasets.Artifact"}  # the report's bytes, which nothing names


def test_checks_are_append_only(version, check):
    made = check(version)
    from django.db import DatabaseError, transaction

    for act in (lambda: DriftCheck.objects.filter(pk=made.pk).update(outcome="same"), made.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_a_check_that_was_overtaken_says_nothing(world, version, check, recover):
    from datasets.people import PIPELINE

    began = timezone.now()
    receipt = current_receipts(version)["catalog"]
    late = drift.Comparison(receipt, (), (), KeyError("x"))
    assert check(version) is not None
    assert drift.record_check(version, late, by=PIPELINE, at=began) is None
    Standing.objects.filter(version=version).update(state="WITHDRAWN")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.KFM_PUBLIC_URL", "https://other.example.org")
        assert recover(version).state == "done"
    assert current_receipts(version)["catalog"].run_id != receipt.run_id
    assert drift.record_check(version, late, by=PIPELINE, at=timezone.now()) is None


def test_a_version_under_way_is_left_alone(world, version, check):
    jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())
    assert check(version) is None
    assert not DriftCheck.objects.exists()


def test_what_was_looked_at_longest_ago_comes_first_and_each_is_due_within_a_day(world, version):
    other = world.version_in("CATALOG", slice_="2025")
    raw = world.run(world.acquire(slice_="2024"), propose=False).version
    now = timezone.now()
    assert set(upkeep.due_checks(now)) == {version.pk, other.pk}
    assert raw.pk not in upkeep.due_checks(now)
    assert upkeep.check_due(timezone.now) == 2
    assert upkeep.due_checks(timezone.now()) == []
    assert upkeep.due_checks(now + timedelta(hours=21)) == [version.pk, other.pk]
    assert timedelta(hours=24) > upkeep.DUE


@pytest.mark.parametrize("stuck", [0, 40, 300])
def test_checks_that_are_never_kept_hold_nobody_up(stuck):
    """They stay the longest waiting for good; a slice has time for ten, and every other version has its turn."""
    waiting, clock, seen = list(range(1_000)), timezone.now(), set()
    for slices in range(1_000):
        if seen >= set(range(stuck, 1_000)):
            break
        looked_at = upkeep.in_turn(waiting, clock + timedelta(minutes=slices))[:10]
        seen |= {pk for pk in looked_at if pk >= stuck}
        waiting = [pk for pk in waiting if pk not in seen]
    assert seen == set(range(stuck, 1_000))
    assert slices <= (100 if not stuck else 600)


def test_a_slice_has_the_longest_waiting_in_it_and_nobody_twice():
    for minute in range(50):
        found = upkeep.in_turn(range(1_000), timezone.now() + timedelta(minutes=minute))
        assert len(set(found)) == len(found) == upkeep.SLICE
        assert set(range(upkeep.SLICE // 2)) <= set(found)
    assert upkeep.in_turn([], timezone.now()) == []
    assert upkeep.in_turn([7], timezone.now()) == [7]


def test_what_is_being_worked_on_takes_nobodys_place_in_a_slice(world, version):
    jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())
    assert upkeep.due_checks(timezone.now()) == []


def test_a_slice_begins_nothing_after_its_time(world, version, monkeypatch):
    world.version_in("CATALOG", slice_="2025")
    monkeypatch.setattr(upkeep, "SLICE_TIME", timedelta(seconds=-1))
    assert upkeep.check_due(timezone.now) == 0


@pytest.mark.parametrize("state", ["RAW", "WORK", "QUARANTINE", "SUPERSEDED", "WITHDRAWN", "DENIED"])
def test_only_what_is_served_or_about_to_be_signed_is_watched(version, state):
    put_standing(version, state)
    assert upkeep.due_checks(timezone.now()) == []


def test_stewards_and_operators_are_told_once_a_time_and_no_name_is_said(world, version, check):
    spoil_byte(part(version, "dcat"))
    for _ in range(2):
        check(version)
        upkeep.tell_drifted(timezone.now())
    told = Notice.objects.filter(kind=upkeep.DRIFT)
    assert {n.principal for n in told} == {"steward", "steward2", "operator", "operator2"}
    assert told.all().count() == 4
    assert not any(version.dataset.slug in n.text + n.path for n in told)
    DriftCheck.objects.create(version=version, at=timezone.now(), outcome="same", principal="pipeline")
    upkeep.tell_drifted(timezone.now())
    assert told.all().count() == 4
    check(version)
    upkeep.tell_drifted(timezone.now())
    assert told.all().count() == 8


def test_receipts_of_the_checks_are_no_producing_runs(version, check):
    before = RunReceipt.objects.count()
    check(version)
    assert RunReceipt.objects.count() == before
    assert DatasetVersion.objects.get(pk=version.pk).version_id == version.version_id


def test_every_webhook_is_told_once_by_number_alone(world, version, check):
    from promotions.models import Delivery, WebhookEndpoint

    admin = world.person("admin")
    WebhookEndpoint.objects.create(
        name="pager", url="https://hooks.example.org/x", recorded_by=admin.principal, recorded_at=timezone.now()
    )
    spoil_byte(part(version, "dcat"))
    found = check(version)
    for _ in range(2):
        upkeep.tell_drifted(timezone.now())
    owed = Delivery.objects.get(channel="webhook")
    said = json.loads(owed.body)
    assert said["type"] == "catalog.drifted"
    assert said["data"]["check"] == found.pk
    assert version.dataset.slug not in owed.body
