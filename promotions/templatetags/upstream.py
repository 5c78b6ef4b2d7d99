"""Tags for pages of others: a dataset's sources, changed terms, and the run of a version that failed.

Decides nothing; the readers do the reading, and each tag says nothing to those who may not know.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone

from datasets import terms
from datasets.models import Dataset, DatasetVersion, DriftOutcome
from datasets.people import Person
from promotions.models import Job, JobState
from promotions.readers import recovery_page, sources_page
from promotions.readers.run_list import visible_jobs
from promotions.recoverable import RECOVERABLE

register = template.Library()


@register.simple_tag
def sources_of(person: Person, dataset: Dataset) -> list[sources_page.Line] | None:
    """The dataset's sources as lines; ``None`` for those who may not know of them."""
    if not person.roles_on(dataset.pk):
        return None
    return sources_page.lines(person, sources_page.visible_sources(person).filter(dataset=dataset), timezone.now())


@register.simple_tag
def may_record_source(person: Person, dataset: Dataset) -> bool:
    """Whether *person* records sources of *dataset*."""
    return sources_page.may_record(person, dataset) == ""


@register.simple_tag
def stale_sources(person: Person) -> list[sources_page.Line]:
    """The stale sources that *person* may know of."""
    return sources_page.stale(person, timezone.now())


@register.inclusion_tag("recovery/notice.html")
def catalog_state(person: Person, version: DatasetVersion, tab: str) -> dict[str, Any]:
    """A banner when the version's catalogs drifted or could not be checked; on the catalogs' own tab always a line."""
    if not person.roles_on(version.dataset_id) or version.standing.state not in RECOVERABLE:
        return {"told": ""}
    last = recovery_page.state_of(version)
    told = last.outcome if last else "never"
    shown = tab == "catalogs" or told in {DriftOutcome.DRIFTED, DriftOutcome.NOT_CHECKED}
    href = reverse("promotions:version_recovery", args=[version.dataset.slug, version.version_id])
    return {"told": told if shown else "", "last": last, "href": href}


@register.simple_tag
def catalog_freshness(person: Person) -> dict[str, Any]:
    """How many catalogs that *person* may know of are as their facts make them."""
    return recovery_page.freshness(person, timezone.now())


@register.inclusion_tag("terms/notice.html")
def terms_notice(person: Person, dataset: Dataset) -> dict[str, Any]:
    """A banner when the upstream's terms changed and no one accepted them; nothing for those without a role."""
    told = bool(person.roles_on(dataset.pk)) and terms.standing_terms(dataset).changed
    return {"told": told, "dataset": dataset}


@register.inclusion_tag("jobs/notice.html")
def failed_run(person: Person, version: DatasetVersion) -> dict[str, Any]:
    """A banner when the version's last run failed; nothing for those who may not see that run."""
    last = Job.objects.filter(version=version).order_by("-pk").first()
    failed = last is not None and last.state == JobState.FAILED
    seen = failed and visible_jobs(person).filter(pk=last.pk).exists() if last else False
    return {"job": last if seen else None}
