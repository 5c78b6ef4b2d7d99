"""How the demo brings data in, signs and publishes: by the writers that people use, each run to its end at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from audit import ledger
from datasets.intake import DeclaredTerms, record_acquisition
from datasets.models import Dataset, DatasetVersion, Source
from datasets.people import Person, person_named
from datasets.policy.roles import Role
from datasets.registry import register_dataset
from promotions import dossier, jobs, pipeline, signoffs, transitions
from promotions.demo.made_up import written
from promotions.demo.people import PASSWORD
from promotions.demo.specs import SYNTHETIC_TERMS, TERMS_FIRST
from promotions.models import Job, QuarantineCase, Standing
from promotions.states import ReasonCode

FILES = Path(__file__).parent.parent / "demo_files"
#: A busy machine may take longer over a file than a file may take.
RETRIES = 2
MEDIA_TYPES = {".geojson": "application/geo+json", ".csv": "text/csv"}

Terms = tuple[str, str, str, str]


def dataset_of(spec: dict[str, Any], by: Person) -> Dataset:
    """The dataset of *spec*, registered if it is not."""
    existing = Dataset.objects.filter(slug=spec["dataset_slug"]).first()
    if existing is None:
        return register_dataset(spec=spec, by=by, at=timezone.now())
    return existing


def upload(  # noqa: PLR0913 - an upload's parts
    *,
    dataset: Dataset,
    file: Path,
    slice_: str,
    terms: Terms,
    terms_text: str,
    by: Person,
    at: datetime,
    propose: bool = True,
) -> Job:
    """Records an acquisition, owes its run, and runs it here and now; without *propose* it ends in RAW."""
    license_, holder, attribution, uri = terms
    acquisition = record_acquisition(
        dataset=dataset,
        file=file,
        file_name=file.name,
        media_type=MEDIA_TYPES[file.suffix],
        slice_=slice_,
        terms=DeclaredTerms(license_, holder, attribution, uri, terms_text),
        by=by,
        at=at,
    )
    job = jobs.request_intake(acquisition=acquisition, propose=propose, note="Please review.", by=by, at=at)
    return run(job)


def bring(  # noqa: PLR0913 - an upload's parts
    dataset: Dataset, file: Path, slice_: str, terms: Terms, terms_text: str, by: Person, *, propose: bool = True
) -> DatasetVersion:
    """The version that an upload of *file* makes. Raises ``RuntimeError`` when its run made none."""
    facts: dict[str, Any] = {"dataset": dataset, "file": file, "slice_": slice_, "terms": terms, "by": by}
    return made_by(upload(**facts, terms_text=terms_text, propose=propose, at=timezone.now()))


def bring_made_up(
    dataset: Dataset, year: int, table: Callable[[int], str], by: Person, *, propose: bool = True
) -> DatasetVersion:
    """The version that a made-up *table* of that year makes, under the terms of what is made up."""
    with written(f"{dataset.slug.rsplit('_', 1)[-1]}_{year}.csv", table(year)) as file:
        return bring(dataset, file, str(year), SYNTHETIC_TERMS, TERMS_FIRST, by, propose=propose)


def fetch(source: Source, by: Person) -> Job:
    """Asks *source* for what it has, here and now."""
    return run(jobs.request_fetch(source=source, by=by, at=timezone.now()))


def run(job: Job) -> Job:
    """Runs an owed job to its end, good or bad; one that only was too slow is tried again, as an operator would."""
    ended = _run_once(job)
    for _ in range(RETRIES):
        if ended.failure_code != "too_slow":
            break
        ended = _run_once(jobs.retry(job=ended, by=person_named("omar"), at=timezone.now()))
    return ended


def _run_once(job: Job) -> Job:
    claimed = jobs.claim(job.pk, timezone.now())
    if claimed is not None:
        pipeline.run(claimed)
    return Job.objects.select_related("version__dataset").get(pk=job.pk)


def made_by(job: Job) -> DatasetVersion:
    """The version that a run made. Raises ``RuntimeError`` when it made none."""
    if job.version is None:
        raise RuntimeError(f"The demo's run {job.pk} made no version: {job.failure}")
    return job.version


def sign_and_publish(version: DatasetVersion, people: dict[str, Person]) -> None:
    seen = _signed(version, people)
    transitions.publish(version_pk=version.pk, by=people["omar"], seen=seen, at=timezone.now())


def sign_and_restore(version: DatasetVersion, reason: str, people: dict[str, Person]) -> None:
    seen = _signed(version, people)
    transitions.restore(version_pk=version.pk, by=people["omar"], seen=seen, reason=reason, at=timezone.now())


def hold_back(version: DatasetVersion, reason_code: ReasonCode, reason: str, by: Person) -> QuarantineCase:
    """A reviewer's doubt: the version goes to quarantine, and its case is open."""
    at = timezone.now()
    transitions.quarantine(version_pk=version.pk, by=by, reason_code=reason_code, reason=reason, findings=[], at=at)
    return QuarantineCase.objects.get(version=version, resolution="")


def _signed(version: DatasetVersion, people: dict[str, Person]) -> str:
    """The steward and the reviewer sign the dossier as it is now; its digest."""
    ledger.checkpoint(timezone.now())
    seen = _digest(version)
    for username, role in (("sam", Role.STEWARD), ("ruth", Role.REVIEWER)):
        at = timezone.now()
        proof = signoffs.reauthenticate(user=User.objects.get(username=username), password=PASSWORD, at=at)
        signoffs.sign(version_pk=version.pk, by=people[username], role=role, seen=seen, proof=proof, at=at)
    return seen


def _digest(version: DatasetVersion) -> str:
    standing = Standing.objects.select_related(
        "version__dataset", "version__spec", "version__acquisition", "version__policy_label"
    ).get(version=version)
    return dossier.gather(standing).digest
