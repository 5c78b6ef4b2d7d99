"""Writer: asks for runs: first ones, and the ways of running again (``Mode``). Each is a job row and a ledger entry.

Decides who may ask and whether one like it is under way; the worker does the rest. A retry of a failed job is
``jobs.retry``. Separation of duties is untouched: who asks for a new version is its ``created_by``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from audit import ledger
from audit.events import Event
from datasets import identity, sources
from datasets.errors import Refused
from datasets.models import Acquisition, Dataset, DatasetSpec, DatasetVersion, Source
from datasets.people import PIPELINE, Person
from datasets.policy.roles import BRINGS_IN, RUNS, Role
from datasets.runs import current_receipts
from datasets.steps.ingest import existing_version
from promotions import permissions, roles
from promotions.models import Job, JobKind, JobState, Mode, Standing
from promotions.recoverable import check_recoverable
from promotions.refusals import attempt
from promotions.states import State

LIVE = (JobState.QUEUED, JobState.RUNNING)
#: Who asks for what: a fetch takes bytes in; a reprocess may be a reviewer's or steward's safer derivative.
FETCHES = BRINGS_IN
PROMOTES = roles.REQUESTS_RUNS | {Role.REVIEWER, Role.STEWARD, Role.PIPELINE}
REBUILDS = RUNS
#: By kind of job, the roles in which it is asked for.
ASKS: dict[JobKind, frozenset[Role]] = {
    JobKind.INTAKE: BRINGS_IN | PROMOTES,
    JobKind.PROMOTION: PROMOTES,
    JobKind.FETCH: FETCHES,
    JobKind.REBUILD: REBUILDS,
    JobKind.RECOVERY: REBUILDS,
    JobKind.LINKS: REBUILDS,
}
LINKS_REST = timedelta(minutes=10)


def request_intake(*, acquisition: Acquisition, propose: bool, note: str, by: Person, at: datetime) -> Job:
    """Owes the ingest of *acquisition*; with *propose*, the whole way to CATALOG."""
    with transaction.atomic():
        job = Job.objects.create(
            kind=JobKind.INTAKE,
            dataset=acquisition.dataset,
            acquisition=acquisition,
            propose=propose,
            note=note.strip(),
            requested_by=by.principal,
            requested_at=at,
        )
        record_job(Event.RUN_REQUESTED, by, job, at)
    return job


def request_promotion(*, version: DatasetVersion, by: Person, at: datetime) -> Job:
    """Owes the steps from where *version* stands to CATALOG; one such job at a time."""
    with attempt(by=by, verb="run", subject=version.reference, at=at) as made:
        made.about(version, PROMOTES)
        check_may_ask(by, PROMOTES, version)
        _check_none_under_way(version)
        job = Job.objects.create(
            kind=JobKind.PROMOTION,
            dataset=version.dataset,
            acquisition=version.acquisition,
            version=version,
            propose=True,
            requested_by=by.principal,
            requested_at=at,
        )
        record_job(Event.RUN_REQUESTED, by, job, at)
        return job


def request_fetch(*, source: Source, by: Person, at: datetime, slice_: str = "") -> Job:
    """Owes a fetch of *source* and the ingest of what comes; with *slice_* a backfill of that slice. One at a time."""
    subject, dataset_pk = f"kfm://dataset/{source.dataset.slug}", source.dataset_id
    with attempt(by=by, verb="fetch", subject=subject, at=at, allowed=FETCHES, dataset_pk=dataset_pk):
        check_may_fetch(by, source)
        held = Source.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=source.pk)
        if not held.active:
            raise Refused("source_inactive", f"The source {held.name} is switched off. Switch it on first.")
        faults = identity.check_slice(slice_) if slice_ else []
        if faults:
            raise Refused(faults[0].code, f"{faults[0].message} {faults[0].fix}".strip(), faults)
        open_ = open_fetch(held)
        if open_ is not None:
            raise Refused("fetch_already", f"A fetch asked for by {open_.requested_by} is under way already.")
        return _owe_fetch(held, by, at, slice_)


def request_due(*, source_pk: int, at: datetime) -> Job | None:
    """Owes the fetch of a source whose time has come and sets its next time; ``None``: not due, or one is under way.

    What was missed is not made up for, and a fetch still under way is not joined by a second one.
    """
    with transaction.atomic():
        source = Source.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=source_pk)
        due = source.next_due_at
        if not source.active or due is None or due > at or not sources.advance_due(source, at):
            return None
        return None if open_fetch(source) is not None else _owe_fetch(source, PIPELINE, at, "")


def check_may_fetch(by: Person, source: Source) -> None:
    """Operators, contributors and the pipeline fetch."""
    if not by.roles_on(source.dataset_id) & FETCHES:
        message = f"Only an operator or contributor of {source.dataset.slug} fetches from its sources."
        raise Refused("role_missing", message)


def open_fetch(source: Source) -> Job | None:
    """The fetch of *source* that waits or runs, if any."""
    return Job.objects.filter(source=source, kind=JobKind.FETCH, state__in=LIVE).first()


def _owe_fetch(source: Source, by: Person, at: datetime, slice_: str) -> Job:
    job = Job.objects.create(
        kind=JobKind.FETCH,
        mode=Mode.BACKFILL if slice_ else Mode.FIRST,
        dataset=source.dataset,
        source=source,
        slice=slice_,
        propose=source.propose,
        requested_by=by.principal,
        requested_at=at,
    )
    record_job(Event.RUN_REQUESTED, by, job, at, {"source": source.name})
    return job


def request_reprocess(*, version: DatasetVersion, by: Person, at: datetime, spec: DatasetSpec | None = None) -> Job:
    """Owes a version of the same bytes under *spec* (the dataset's current one)."""
    with attempt(by=by, verb="reprocess", subject=version.reference, at=at) as made:
        made.about(version, PROMOTES)
        check_may_ask(by, PROMOTES, version)
        return owe_reprocess(version=version, by=by, at=at, spec=spec)


def owe_reprocess(*, version: DatasetVersion, by: Person, at: datetime, spec: DatasetSpec | None = None) -> Job:
    """As ``request_reprocess``, inside the transaction of a caller who has checked that *by* may."""
    DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    under = spec or version.dataset.current_spec
    check_reprocess(version, under)
    running = Job.objects.filter(acquisition=version.acquisition, spec=under, state__in=LIVE).first()
    if running is not None:
        raise Refused(
            "run_already", f"That reprocess was asked for by {running.requested_by} and is under way already."
        )
    job = Job.objects.create(
        kind=JobKind.INTAKE,
        mode=Mode.REPROCESS,
        dataset=version.dataset,
        acquisition=version.acquisition,
        spec=under,
        propose=True,
        requested_by=by.principal,
        requested_at=at,
    )
    record_job(Event.RUN_REQUESTED, by, job, at, {"from_version": version.reference, "mode": Mode.REPROCESS.value})
    return job


def check_reprocess(version: DatasetVersion, spec: DatasetSpec | None) -> None:
    """Whether there is anything to reprocess: another spec, under which these bytes are no version yet."""
    if spec is None or spec.dataset_id != version.dataset_id:
        raise Refused("spec_of_other_dataset", f"That is no spec of {version.dataset.slug}.")
    if spec.pk == version.spec_id:
        message = "The version was made under that very spec. Record a changed spec first; to try again, retry."
        raise Refused("spec_same", message)
    made = existing_version(version.acquisition, spec)
    if made is not None:
        raise Refused("made_already", f"These bytes are version {made.version_id} under that spec already.")


def request_rebuild(*, version: DatasetVersion, by: Person, at: datetime) -> Job:
    """Owes the comparison of the version's projections with what its recorded facts give. Changes nothing current."""
    with attempt(by=by, verb="rebuild", subject=version.reference, at=at) as made:
        made.about(version, REBUILDS)
        check_may_ask(by, REBUILDS, version)
        check_rebuild(version)
        _check_none_under_way(version)
        job = Job.objects.create(
            kind=JobKind.REBUILD,
            mode=Mode.REBUILD,
            dataset=version.dataset,
            acquisition=version.acquisition,
            version=version,
            requested_by=by.principal,
            requested_at=at,
        )
        record_job(Event.RUN_REQUESTED, by, job, at, {"mode": Mode.REBUILD.value})
        return job


def check_rebuild(version: DatasetVersion) -> None:
    """Whether there are projections to rebuild."""
    if "catalog" not in current_receipts(version):
        message = "This version has no catalogs yet, so there is nothing to rebuild. Run its checks and catalogs."
        raise Refused("nothing_to_rebuild", message)


def request_recovery(*, version: DatasetVersion, by: Person, at: datetime) -> Job:
    """Owes the recovery of the version's catalogs (RB-DATA-050). Touches no data and moves no version."""
    with attempt(by=by, verb="recover", subject=version.reference, at=at) as made:
        made.about(version, REBUILDS)
        check_may_ask(by, REBUILDS, version)
        _check_none_under_way(version)
        check_recoverable(State(Standing.objects.get(version=version).state))
        check_rebuild(version)
        job = Job.objects.create(
            kind=JobKind.RECOVERY,
            mode=Mode.REBUILD,
            dataset=version.dataset,
            acquisition=version.acquisition,
            version=version,
            requested_by=by.principal,
            requested_at=at,
        )
        record_job(Event.RUN_REQUESTED, by, job, at, {"mode": "recovery"})
        return job


def request_links(*, dataset: Dataset, by: Person, at: datetime) -> Job:
    """Owes a look at the outside addresses that the dataset's catalogs name. One at a time, and none twice at once."""
    subject = f"kfm://dataset/{dataset.slug}"
    with attempt(by=by, verb="check_links", subject=subject, at=at, allowed=REBUILDS, dataset_pk=dataset.pk):
        if not by.roles_on(dataset.pk) & REBUILDS:
            raise Refused("role_missing", f"Only an operator of {dataset.slug} has its outside links checked.")
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        last = Job.objects.filter(dataset=dataset, kind=JobKind.LINKS).order_by("-pk").first()
        if last is not None and last.state in LIVE:
            raise Refused("run_already", f"A check asked for by {last.requested_by} is under way already.")
        if by is not PIPELINE and last is not None and last.finished_at and last.finished_at > at - LINKS_REST:
            minutes = int(LINKS_REST.total_seconds() // 60)
            raise Refused(
                "asked_just_now", f"They were asked less than {minutes} minutes ago. Hosts are left in peace."
            )
        job = Job.objects.create(kind=JobKind.LINKS, dataset=dataset, requested_by=by.principal, requested_at=at)
        record_job(Event.RUN_REQUESTED, by, job, at, {"links": "all" if by is not PIPELINE else "owed"})
        return job


def check_may_ask(by: Person, allowed: frozenset[Role], version: DatasetVersion) -> None:
    """Whether *by* holds one of *allowed* on the version's dataset."""
    if permissions.role_for(by, allowed, version) is None:
        raise Refused("role_missing", f"You have no role on {version.dataset.slug} that asks for such runs.")


def _check_none_under_way(version: DatasetVersion) -> None:
    DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    running = Job.objects.filter(version=version, state__in=LIVE).first()
    if running is not None:
        raise Refused("run_already", f"A run asked for by {running.requested_by} is under way already.")


def record_job(event: Event, by: Person, job: Job, at: datetime, references: dict[str, str] | None = None) -> None:
    """Enters in the ledger what happened to *job*; inside the transaction in which it happens."""
    ledger.append(
        event=event,
        actor=by.principal,
        role=by.role_told(job.dataset_id, ASKS[JobKind(job.kind)]).value,
        subject=subject_of(job),
        references={"job": str(job.pk)}
        | ({"acquisition": job.acquisition.acquisition_id} if job.acquisition else {})
        | (references or {}),
        at=at,
    )


def subject_of(job: Job) -> str:
    """What the ledger calls the thing that *job* is about."""
    return job.version.reference if job.version else f"kfm://dataset/{job.dataset.slug}"
