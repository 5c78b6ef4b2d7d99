"""How the demo brings data in, signs and publishes: by the writers that people use, each run to its end at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from audit import ledger
from datasets.intake import DeclaredTerms, record_acquisition
from datasets.models import Dataset, DatasetVersion, Source
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.registry import register_dataset
from promotions import dossier, jobs, pipeline, signoffs, transitions
from promotions.demo.people import PASSWORD
from promotions.models import Job, Standing

FILES = Path(__file__).parent.parent / "demo_files"
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
) -> Job:
    """Records an acquisition, owes its run, and runs it here and now."""
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
    job = jobs.request_intake(acquisition=acquisition, propose=True, note="Please review.", by=by, at=at)
    return run(job)


def bring(  # noqa: PLR0913 - an upload's parts
    dataset: Dataset, file: Path, slice_: str, terms: Terms, terms_text: str, by: Person
) -> DatasetVersion:
    """The version that an upload of *file* makes. Raises ``RuntimeError`` when its run made none."""
    at = timezone.now()
    return made_by(upload(dataset=dataset, file=file, slice_=slice_, terms=terms, terms_text=terms_text, by=by, at=at))


def fetch(source: Source, by: Person) -> Job:
    """Asks *source* for what it has, here and now."""
    return run(jobs.request_fetch(source=source, by=by, at=timezone.now()))


def run(job: Job) -> Job:
    """Runs an owed job to its end, good or bad."""
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
    ledger.checkpoint(timezone.now())
    for username, role in (("sam", Role.STEWARD), ("ruth", Role.REVIEWER)):
        at = timezone.now()
        proof = signoffs.reauthenticate(user=User.objects.get(username=username), password=PASSWORD, at=at)
        signoffs.sign(version_pk=version.pk, by=people[username], role=role, seen=_digest(version), proof=proof, at=at)
    transitions.publish(version_pk=version.pk, by=people["omar"], seen=_digest(version), at=timezone.now())


def _digest(version: DatasetVersion) -> str:
    standing = Standing.objects.select_related(
        "version__dataset", "version__spec", "version__acquisition", "version__policy_label"
    ).get(version=version)
    return dossier.gather(standing).digest
