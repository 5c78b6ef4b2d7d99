"""Writer: registers datasets and records their specs. Keeps clause A1 (slug never reused) and A2 (spec by its hash)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import specs
from datasets.errors import Refused
from datasets.models import Dataset, DatasetSpec
from datasets.one_row import change_row
from datasets.people import Person
from datasets.policy.roles import Role

LONGEST_TITLE = 300
REGISTERS = (Role.CONTRIBUTOR, Role.OPERATOR, Role.STEWARD)


def check_may_register(person: Person) -> Role:
    """The role *person* registers datasets in, or ``Refused``."""
    for role in REGISTERS:
        if role in person.roles:
            return role
    raise Refused(
        "may_not_register", "Only a contributor, operator or steward registers datasets. Ask an admin for a role."
    )


def check_may_edit(person: Person, dataset: Dataset) -> Role:
    """The role *person* records a new spec in for *dataset*, or ``Refused``."""
    for role in REGISTERS:
        if role in person.roles_on(dataset.pk):
            return role
    raise Refused("may_not_edit", f"You have no role on {dataset.slug} that records specs. Ask an admin for a grant.")


@transaction.atomic
def register_dataset(*, spec: Mapping[str, Any], by: Person, at: datetime) -> Dataset:
    """Registers the dataset that *spec* describes and records the spec as its first.

    Raises ``Refused`` with findings when the spec is faulty, or the slug is taken.
    """
    role = check_may_register(by)
    _check(spec)
    slug = spec["dataset_slug"]
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                slug=slug, title=spec["title"], registered_by=by.principal, registered_at=at
            )
    except IntegrityError as error:
        raise Refused(
            "slug_taken", f"A dataset {slug} is registered already. Record a new spec for it, or choose another slug."
        ) from error
    ledger.append(
        event=Event.DATASET_REGISTERED,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{slug}",
        references={},
        at=at,
    )
    _record_spec(dataset, spec, by, role, at)
    return dataset


@transaction.atomic
def record_spec(*, dataset: Dataset, spec: Mapping[str, Any], by: Person, at: datetime) -> DatasetSpec:
    """Records a further spec and makes it the current one. The same spec twice is one row."""
    role = check_may_edit(by, dataset)
    _check(spec)
    if spec["dataset_slug"] != dataset.slug:
        raise Refused(
            "spec_of_other_dataset", f"The spec names {spec['dataset_slug']}; this dataset is {dataset.slug}."
        )
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    return _record_spec(locked, spec, by, role, at)


def record_derived_spec(
    *, source: DatasetSpec, spec: Mapping[str, Any], by: Person, role: Role, at: datetime
) -> DatasetSpec:
    """Records *spec*, made from *source* for one version, beside the dataset's current spec, which stays.

    Inside the caller's transaction; the caller has checked that *by* may, in *role*. The same spec twice is one row.
    Raises ``Refused`` when it is faulty or the same as *source*.
    """
    _check(spec)
    dataset = source.dataset
    spec_hash = str(specs.spec_hash(spec))
    if spec["dataset_slug"] != dataset.slug:
        raise Refused("spec_of_other_dataset", f"The spec names another dataset than {dataset.slug}.")
    if spec_hash == source.spec_hash:
        raise Refused("spec_same", "The spec is the one that the version was made under already.")
    row, created = DatasetSpec.objects.get_or_create(
        dataset=dataset,
        spec_hash=spec_hash,
        defaults={"canonical": canonical_bytes(spec).decode(), "recorded_by": by.principal, "recorded_at": at},
    )
    ledger.append(
        event=Event.SPEC_RECORDED,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{dataset.slug}",
        references={"spec_hash": spec_hash, "new": "yes" if created else "no", "derived_from": source.spec_hash},
        at=at,
    )
    return row


def _check(spec: Mapping[str, Any]) -> None:
    findings = specs.check_spec(spec)
    title = spec.get("title") if isinstance(spec, Mapping) else None
    if isinstance(title, str) and (len(title) > LONGEST_TITLE or not title.isprintable()):
        message = f"A title is one line of at most {LONGEST_TITLE} characters."
        findings.append(Finding("title_unfit", "/title", message, "Shorten it; the description has room."))
    if findings:
        raise Refused("spec_faulty", f"The spec has {len(findings)} fault(s).", findings)


def _record_spec(dataset: Dataset, spec: Mapping[str, Any], by: Person, role: Role, at: datetime) -> DatasetSpec:
    spec_hash = str(specs.spec_hash(spec))
    row, created = DatasetSpec.objects.get_or_create(
        dataset=dataset,
        spec_hash=spec_hash,
        defaults={"canonical": canonical_bytes(spec).decode(), "recorded_by": by.principal, "recorded_at": at},
    )
    if dataset.current_spec_id == row.pk:
        return row
    was, changes = {"current_spec": dataset.current_spec_id}, {"current_spec": row, "title": spec["title"]}
    if not change_row(dataset, was=was, changes=changes, at=at, by=by.principal):
        raise Refused("spec_meanwhile", "Someone else recorded a spec just now. Look at theirs, then record yours.")
    ledger.append(
        event=Event.SPEC_RECORDED,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{dataset.slug}",
        references={"spec_hash": spec_hash, "new": "yes" if created else "no"},
        at=at,
    )
    return row
