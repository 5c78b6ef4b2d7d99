"""Tags for pages of others: a dataset's sources, changed terms, and the run of a version that failed.

Decides nothing; the readers do the reading, and each tag says nothing to those who may not know.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from datasets import terms
from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from promotions.models import Job, JobState
from promotions.readers import sources_page
from promotions.readers.run_list import visible_jobs

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
