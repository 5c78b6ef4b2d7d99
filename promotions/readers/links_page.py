"""What the pages of outside links show: which addresses a dataset's catalogs name, and what each answered, over time.

A link is shown to those who work on the dataset and may read a catalog that names it now; links that nothing names any
more, only to those who may read every version of the dataset. Decides nothing about links; ``datasets.links`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.digests import digest_bytes
from datasets import links
from datasets.enforcement import visible_versions
from datasets.models import Dataset, DatasetVersion, ExternalLink, LinkCheck, LinkOutcome
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.steps.ask_links import addresses_of
from promotions import requests
from promotions.models import Job, JobKind
from promotions.readers.people import holders, who_can
from promotions.readers.run_list import visible_jobs
from promotions.recoverable import WATCHED

MOST_VERSIONS = 20
HISTORY = 50
#: Outcome to shape and words; "" is a link that was not asked yet.
WORDS: dict[str, tuple[str, str]] = {
    LinkOutcome.ANSWERS: ("pass", "answers"),
    LinkOutcome.GONE: ("block", "gone"),
    LinkOutcome.FAILS: ("quarantine", "does not answer"),
    LinkOutcome.REFUSED: ("not_run", "not asked"),
    "": ("not_run", "not asked yet"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One link as a line. ``since``: when it began to answer as it does; ``last``: its latest check."""

    link: ExternalLink
    shape: str
    word: str
    since: datetime | None
    last: LinkCheck | None


def may_watch(person: Person, dataset: Dataset) -> bool:
    """Whether *person* works on the dataset."""
    return bool(person.roles_on(dataset.pk))


def visible_links(person: Person, dataset: Dataset) -> list[ExternalLink]:
    """The dataset's links that *person* may know of: named ones first, by what they are named as."""
    if not may_watch(person, dataset):
        return []
    readable = visible_versions(person, Action.READ).filter(dataset=dataset)
    serving = readable.filter(standing__state__in=[state.value for state in WATCHED]).order_by("-pk")
    named = {str(digest_bytes(url.encode())) for version in serving[:MOST_VERSIONS] for url in addresses_of(version)}
    everything = readable.count() == DatasetVersion.objects.filter(dataset=dataset).count()
    rows = ExternalLink.objects.filter(dataset=dataset).order_by("named_as", "pk")
    found = [link for link in rows if everything or (link.url_digest in named and link.next_check_at is not None)]
    return sorted(found, key=lambda link: link.next_check_at is None)


def lines(found: list[ExternalLink]) -> list[Line]:
    """Each of *found* with its latest check; two queries."""
    since = links.since(found)
    latest: dict[int, LinkCheck] = {}
    for check in LinkCheck.objects.filter(link__in=[link.pk for link in found]).order_by("pk"):
        latest[check.link_id] = check
    return [Line(link, *WORDS[link.last_outcome], since.get(link.pk), latest.get(link.pk)) for link in found]


def dataset_page(person: Person, dataset: Dataset) -> dict[str, Any]:
    """The values of ``links/dataset.html``."""
    found = lines(visible_links(person, dataset))
    running = Job.objects.filter(dataset=dataset, kind=JobKind.LINKS, state__in=requests.LIVE).first()
    may = bool(person.roles_on(dataset.pk) & requests.REBUILDS)
    return {
        "dataset": dataset,
        "named": [line for line in found if line.link.next_check_at is not None],
        "dropped": [line for line in found if line.link.next_check_at is None],
        "has_refused": any(line.link.last_outcome == LinkOutcome.REFUSED for line in found),
        "may_check": may,
        "who_can": "" if may else who_can(holders(dataset.pk), requests.REBUILDS),
        "running": running,
        "running_seen": running is not None and visible_jobs(person).filter(pk=running.pk).exists(),
    }


def find_link(person: Person, link_pk: int) -> ExternalLink | None:
    """The link, when it exists and *person* may know of it; ``None`` otherwise, whichever of the two it was."""
    link = ExternalLink.objects.select_related("dataset").filter(pk=link_pk).first()
    if link is None or link.pk not in {seen.pk for seen in visible_links(person, link.dataset)}:
        return None
    return link


def history(link: ExternalLink) -> list[dict[str, Any]]:
    """The latest checks of one link, newest first."""
    checks = LinkCheck.objects.filter(link=link).order_by("-pk")[:HISTORY]
    return [{"check": check, "shape": WORDS[check.outcome][0], "word": WORDS[check.outcome][1]} for check in checks]
