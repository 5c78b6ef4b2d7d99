"""A1, A2: a slug is registered once, a faulty spec never, and a spec is the row of its hash."""

from __future__ import annotations

from copy import deepcopy

import pytest
from django.utils import timezone

from audit import ledger
from datasets import registry, specs
from datasets.errors import Refused
from datasets.models import Dataset, DatasetSpec
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.registry import record_spec, register_dataset
from tests.world import SPEC

pytestmark = pytest.mark.django_db
ANN = Person("ann", "Ann", frozenset({Role.CONTRIBUTOR}))


def register(spec=None, by=ANN):
    return register_dataset(spec=deepcopy(SPEC) if spec is None else spec, by=by, at=timezone.now())


def changed(**fields):
    return deepcopy(SPEC) | fields


def test_a2_the_stored_spec_hashes_to_its_recorded_hash():
    dataset = register()
    row = dataset.current_spec
    assert str(specs.spec_hash(specs.parse_spec(row.canonical.encode(), syntax="json"))) == row.spec_hash
    events = [entry.event for entry in ledger.entries_about("kfm://dataset/test_ks_wells").order_by("index")]
    assert events == ["dataset.registered", "spec.recorded"]


def test_a1_a_slug_is_never_registered_twice():
    register()
    size = ledger.size()
    with pytest.raises(Refused) as refused:
        register(changed(title="Another dataset"))
    assert (refused.value.code, ledger.size(), Dataset.objects.count()) == ("slug_taken", size, 1)
    assert Dataset.objects.get().title == SPEC["title"]


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset_slug": "Test-Wells"},
        {"dataset_slug": None},
        {"title": ""},
        {"title": "x" * 301},
        {"title": "two\nlines"},
        {"title": "null\0byte"},
        {"upstream": {}},
        {"spec_hash": "sha256:" + "0" * 64},
    ],
)
def test_a_faulty_spec_is_refused_with_findings_and_leaves_nothing(fields):
    with pytest.raises(Refused) as refused:
        register(changed(**fields))
    assert refused.value.code == "spec_faulty"
    assert all(finding.message and finding.code for finding in refused.value.findings)
    assert (Dataset.objects.count(), DatasetSpec.objects.count(), ledger.size()) == (0, 0, 0)


@pytest.mark.parametrize("spec", [{}, [], "spec", None, 7])
def test_what_is_no_spec_at_all_is_refused(spec):
    with pytest.raises(Refused):
        register_dataset(spec=spec, by=ANN, at=timezone.now())


def test_the_same_spec_twice_is_one_row_and_one_entry():
    dataset = register()
    size = ledger.size()
    again = record_spec(dataset=dataset, spec=deepcopy(SPEC), by=ANN, at=timezone.now())
    assert (again.pk, DatasetSpec.objects.count(), ledger.size()) == (dataset.current_spec_id, 1, size)


def test_an_earlier_spec_can_be_taken_up_again():
    dataset = register()
    first = dataset.current_spec
    second = record_spec(dataset=dataset, spec=changed(title="Wells, renamed"), by=ANN, at=timezone.now())
    dataset.refresh_from_db()
    assert (dataset.current_spec_id, dataset.title) == (second.pk, "Wells, renamed")
    record_spec(dataset=dataset, spec=deepcopy(SPEC), by=ANN, at=timezone.now())
    dataset.refresh_from_db()
    assert (dataset.current_spec_id, dataset.title, DatasetSpec.objects.count()) == (first.pk, SPEC["title"], 2)


def test_a_spec_of_another_dataset_is_refused():
    dataset = register()
    with pytest.raises(Refused) as refused:
        record_spec(dataset=dataset, spec=changed(dataset_slug="other"), by=ANN, at=timezone.now())
    assert refused.value.code == "spec_of_other_dataset"


@pytest.mark.parametrize("role", [None, Role.REVIEWER, Role.AUDITOR, Role.ADMIN, Role.COUNCIL, Role.PIPELINE])
def test_who_has_no_role_for_it_registers_and_records_nothing(role):
    outsider = Person("bob", "Bob", frozenset({role} if role else ()))
    with pytest.raises(Refused, match="Only a contributor"):
        register(by=outsider)
    dataset = register()
    with pytest.raises(Refused) as refused:
        record_spec(dataset=dataset, spec=changed(title="Mine"), by=outsider, at=timezone.now())
    assert refused.value.code == "may_not_edit"


def test_a_grant_on_the_dataset_lets_its_spec_be_recorded():
    dataset = register()
    granted = Person("bob", "Bob", frozenset(), {dataset.pk: frozenset({"contribute_dataset"})})
    record_spec(dataset=dataset, spec=changed(title="Granted"), by=granted, at=timezone.now())
    with pytest.raises(Refused):
        register(changed(dataset_slug="other"), by=granted)


def test_registration_rolls_back_when_the_ledger_refuses_it(monkeypatch):
    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(registry.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        register()
    assert Dataset.objects.count() == 0
