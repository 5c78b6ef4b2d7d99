"""What each way of running again would do to a version's id, said before the click.

Predicts with the functions that make ids, and asks the checks that the writers ask, so that page and run agree. Reads
only. A backfill's bytes are not known beforehand: where they decide the id's third part, it is shown as ``…``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datasets import identity
from datasets.errors import Refused
from datasets.models import DatasetVersion, Source
from datasets.people import Person
from promotions import jobs, requests
from promotions.models import Job, JobState, Mode, Standing
from promotions.states import State

#: Standings from which the checks and catalogs are run again without a failed run.
GOES_ON = frozenset({State.RAW, State.WORK, State.PROCESSED, State.CATALOG, State.QUARANTINE})
UNKNOWN = "…"


@dataclass(frozen=True, slots=True)
class Consequence:
    """One mode. ``version_id``: what the run's version will be called; ``same_id``: it is this version's own."""

    mode: Mode
    possible: bool
    why_not: str
    same_id: bool
    version_id: str
    sentence: str


def consequences(
    *,
    version: DatasetVersion,
    person: Person,
    now: datetime,  # noqa: ARG001 - part of the agreed call; no mode depends on the hour yet
    source: Source | None = None,
    slice_: str = "",
) -> tuple[Consequence, ...]:
    """Retry, reprocess, backfill and rebuild of *version* for *person*; *source* and *slice_* are the backfill's."""
    return (
        _retry(version, person),
        _reprocess(version, person),
        _backfill(version, person, source or source_for(version), slice_ or version.slice),
        _rebuild(version, person),
    )


def retryable_job(version: DatasetVersion) -> Job | None:
    """The newest run about *version* that failed or was cancelled and was not tried again; ``jobs.retry`` takes it."""
    ended = Job.objects.filter(version=version, state__in=[JobState.FAILED, JobState.CANCELLED], retries__isnull=True)
    newest = Job.objects.filter(version=version).order_by("-pk").first()
    job = ended.order_by("-pk").first()
    return job if job is not None and newest is not None and job.pk == newest.pk else None


def source_for(version: DatasetVersion) -> Source | None:
    """The source that a backfill asks: the one its bytes came from, or else the dataset's only active one."""
    if version.acquisition.upstream is not None:
        return version.acquisition.upstream
    active = list(Source.objects.filter(dataset=version.dataset, active=True).select_related("dataset")[:2])
    return active[0] if len(active) == 1 else None


def predicted_id(version: DatasetVersion, slice_: str, spec_hash: str, inputs_digest: str | None) -> str:
    """The id that these facts will give; *inputs_digest* ``None``: bytes that are not known yet."""
    taken = dict(DatasetVersion.objects.filter(dataset=version.dataset).values_list("version_id", "inputs_digest"))
    if inputs_digest is not None:
        return identity.version_id(slice_, spec_hash, inputs_digest, taken)
    short, _ = identity.candidate_ids(slice_, spec_hash, version.inputs_digest)
    return f"{short}.{UNKNOWN}" if short in taken else short


def _retry(version: DatasetVersion, person: Person) -> Consequence:
    job = retryable_job(version)
    if job is not None:
        why_not = _why_not(lambda: jobs.check_own(job, person, "tries it again"))
    else:
        why_not = _why_not(lambda: requests.check_may_ask(person, requests.PROMOTES, version))
        if not why_not and State(Standing.objects.get(version=version).state) not in GOES_ON:
            why_not = "No run of this version failed, and its steps are behind it."
    why_not = why_not or _under_way(Job.objects.filter(version=version, state__in=requests.LIVE).first())
    sentence = (
        "The same bytes under the same spec: the version keeps its id. Steps already recorded are not made again."
    )
    return Consequence(Mode.RETRY, not why_not, why_not, True, version.version_id, sentence)


def _reprocess(version: DatasetVersion, person: Person) -> Consequence:
    spec = version.dataset.current_spec
    why_not = _why_not(lambda: requests.check_may_ask(person, requests.PROMOTES, version))
    why_not = why_not or _why_not(lambda: requests.check_reprocess(version, spec))
    running = Job.objects.filter(acquisition=version.acquisition, spec=spec, state__in=requests.LIVE).first()
    why_not = why_not or (_under_way(running) if spec is not None else "")
    found = version.version_id
    if spec is not None and spec.dataset_id == version.dataset_id:
        try:
            found = predicted_id(version, version.slice, spec.spec_hash, version.inputs_digest)
        except identity.IdentityError as refusal:
            why_not = why_not or str(refusal)
    sentence = f"The same bytes under the dataset's current spec: a new version, {found}; this one stays as it is."
    if found == version.version_id:
        sentence = "The same bytes under the dataset's current spec, which is the one this version was made under."
    return Consequence(Mode.REPROCESS, not why_not, why_not, found == version.version_id, found, sentence)


def _backfill(version: DatasetVersion, person: Person, source: Source | None, slice_: str) -> Consequence:
    spec = version.dataset.current_spec
    faults = identity.check_slice(slice_)
    if source is None or spec is None or faults:
        why_not = faults[0].message if faults else "Name the source to fetch from: the dataset has none, or several."
        return Consequence(Mode.BACKFILL, False, why_not, False, "", "New bytes for a slice, fetched from a source.")
    why_not = _why_not(lambda: requests.check_may_fetch(person, source))
    if not why_not and not source.active:
        why_not = f"The source {source.name} is switched off. Switch it on first."
    why_not = why_not or _under_way(requests.open_fetch(source))
    found = predicted_id(version, slice_, spec.spec_hash, None)
    sentence = f"New bytes for {slice_} from {source.name} under the current spec: version {found}."
    if found.endswith(UNKNOWN):
        sentence = (
            f"New bytes for {slice_} from {source.name}: version {found} (for … stand the first 8 digits of "
            "what comes). If the very same bytes come, nothing new is made."
        )
    return Consequence(Mode.BACKFILL, not why_not, why_not, False, found, sentence)


def _rebuild(version: DatasetVersion, person: Person) -> Consequence:
    why_not = _why_not(lambda: requests.check_may_ask(person, requests.REBUILDS, version))
    why_not = why_not or _why_not(lambda: requests.check_rebuild(version))
    why_not = why_not or _under_way(Job.objects.filter(version=version, state__in=requests.LIVE).first())
    sentence = "Only the projections are made again and compared, byte by byte: the version, its id and files stay."
    return Consequence(Mode.REBUILD, not why_not, why_not, True, version.version_id, sentence)


def _why_not(check: Callable[[], None]) -> str:
    """The sentence of the refusal, ``""`` when there is none."""
    try:
        check()
    except Refused as refusal:
        return refusal.message
    return ""


def _under_way(job: Job | None) -> str:
    return "" if job is None else f"Already asked for by {job.requested_by}; that run is under way."
