"""Writer and reader: the outside addresses that a dataset's catalogs name, and what each answered, over time.

Decides when a link is asked next, and which hosts may be asked at all (ADR 0033). Never asks one itself, and never
decides a gate: a page that is gone is told, no release hangs on it. Addresses may hold a secret of the upstream's: the
ledger and the log have a link's number, never its address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import Dataset, ExternalLink, LinkCheck, LinkOutcome, Source
from datasets.people import Person
from datasets.policy.roles import RUNS

#: When one that answers, or may not be asked, is looked at again; and one that fails, by its failures in a row.
SETTLED = timedelta(days=7)
BACK_OFF = tuple(timedelta(days=days) for days in (1, 2, 4, 8, 16, 30))
#: An answer that another dataset's catalogs got for the same address counts for so long.
SHARED = timedelta(days=1)
MOST_LINKS = 500
FAILING = (LinkOutcome.GONE, LinkOutcome.FAILS)
#: How many failures in a row people are told of: one slip is none, "gone" is said by the server itself.
TOLD_AFTER: dict[str, int] = {LinkOutcome.GONE: 1, LinkOutcome.FAILS: 2}


@dataclass(frozen=True, slots=True)
class Answered:
    """How asking a link ended. ``status``: HTTP's; ``wait``: seconds we were asked to wait; ``detail``: in words."""

    outcome: LinkOutcome
    status: int | None = None
    detail: str = ""
    wait: float | None = None


def hosts_for(dataset: Dataset) -> frozenset[str]:
    """Hosts whose links may be asked: those that the dataset's sources name, and those of KFM_LINK_HOSTS."""
    named = Source.objects.filter(dataset=dataset).values_list("allowed_hosts", flat=True)
    return frozenset(host for hosts in named for host in hosts) | frozenset(settings.KFM_LINK_HOSTS)


def name_links(*, dataset: Dataset, found: Mapping[str, str], by: Person, at: datetime) -> tuple[int, int]:
    """Files what catalogs name now (address to words): how many are new, and how many nothing names any more.

    The first ``MOST_LINKS`` addresses count. One that is named again is asked again at once.
    """
    wanted = {str(digest_bytes(url.encode())): (url, found[url]) for url in sorted(found)[:MOST_LINKS]}
    with transaction.atomic():
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        held = {link.url_digest: link for link in ExternalLink.objects.filter(dataset=dataset)}
        new = [digest for digest in wanted if digest not in held]
        back = [held[d].pk for d in wanted if d in held and held[d].next_check_at is None]
        dropped = [link.pk for digest, link in held.items() if digest not in wanted and link.next_check_at is not None]
        if not (new or back or dropped):
            return 0, 0
        ExternalLink.objects.bulk_create(
            ExternalLink(
                dataset=dataset,
                url=wanted[digest][0],
                url_digest=digest,
                named_as=wanted[digest][1],
                first_seen_at=at,
                next_check_at=at,
            )
            for digest in new
        )
        rows = ExternalLink.objects.filter(dataset=dataset)
        named = rows.filter(pk__in=back, next_check_at__isnull=True).update(next_check_at=at, failures=0)
        unnamed = rows.filter(pk__in=dropped, next_check_at__isnull=False).update(next_check_at=None)
        if (named, unnamed) != (len(back), len(dropped)):
            raise Refused("changed_meanwhile", "The dataset's links were named anew just now. Look at them again.")
        counts = {"new": str(len(new) + len(back)), "no_longer_named": str(len(dropped))}
        _append(Event.LINKS_NAMED, dataset, counts, by, at)
    return len(new) + len(back), len(dropped)


def named_now(dataset: Dataset) -> dict[str, str]:
    """Address to words, as they are on file: what catalogs named when they were read last."""
    rows = ExternalLink.objects.filter(dataset=dataset, next_check_at__isnull=False)
    return dict(rows.values_list("url", "named_as"))


def owed(dataset: Dataset, now: datetime, *, everything: bool) -> QuerySet[ExternalLink]:
    """The links to ask now, longest owed first; with *everything* also those whose day has not come."""
    named = ExternalLink.objects.filter(dataset=dataset, next_check_at__isnull=False).order_by("next_check_at", "pk")
    return named if everything else named.filter(next_check_at__lte=now)


def datasets_owed(now: datetime, most: int) -> list[int]:
    """Datasets with links to ask, longest owed first."""
    due = ExternalLink.objects.filter(next_check_at__lte=now).order_by("next_check_at", "pk")
    return list(dict.fromkeys(due.values_list("dataset_id", flat=True)[: most * 20]))[:most]


def shared_answer(link: ExternalLink, now: datetime) -> Answered | None:
    """What the same address answered to another dataset's check lately, so that no host is asked for each."""
    checks = LinkCheck.objects.filter(link__url_digest=link.url_digest, at__gt=now - SHARED, at__lte=now)
    last = checks.exclude(link=link).exclude(outcome=LinkOutcome.REFUSED).order_by("-pk").first()
    if last is None:
        return None
    return Answered(
        LinkOutcome(last.outcome), last.status, f"As asked {last.at:%Y-%m-%d %H:%M} UTC for another dataset."
    )


def record_answer(*, link: ExternalLink, answered: Answered, by: Person, at: datetime) -> LinkCheck | None:
    """Keeps one answer and sets the next time; in the ledger where the outcome is another one than before.

    ``None``: the link was asked, or dropped, by someone else since *link* was read; nothing is kept then.
    """
    failures = link.failures + 1 if answered.outcome in FAILING else 0
    if answered.outcome is LinkOutcome.REFUSED:
        failures = link.failures
    with transaction.atomic():
        changed = ExternalLink.objects.filter(
            pk=link.pk, next_check_at=link.next_check_at, failures=link.failures, last_outcome=link.last_outcome
        ).update(
            next_check_at=next_check(link.pk, answered, failures, at),
            failures=failures,
            last_outcome=answered.outcome,
        )
        if changed != 1:
            return None
        check = LinkCheck.objects.create(
            link=link, at=at, outcome=answered.outcome, status=answered.status, detail=answered.detail[:300]
        )
        if answered.outcome != link.last_outcome:
            references = {
                "link": str(link.pk),
                "outcome": answered.outcome.value,
                "was": link.last_outcome or "unasked",
            }
            _append(Event.LINK_CHANGED, link.dataset, references, by, at)
    return check


def next_check(link_pk: int, answered: Answered, failures: int, at: datetime) -> datetime:
    """When to ask again: what the host asked for, but never sooner than the back-off; spread by the link's number."""
    failing = answered.outcome in FAILING
    wait = BACK_OFF[min(failures, len(BACK_OFF)) - 1] if failing and failures else SETTLED
    spread = int.from_bytes(hashlib.sha256(f"{link_pk}:{failures}".encode()).digest()[:4]) / 2**32
    wait *= 1 + spread / 10
    asked = min(timedelta(seconds=answered.wait or 0), BACK_OFF[-1])
    return at + max(wait, asked)


def failing(dataset_pks: Collection[int] | None = None) -> list[ExternalLink]:
    """Links that people should know of: gone, or silent more than once; of *dataset_pks*, or of all."""
    rows = ExternalLink.objects.filter(next_check_at__isnull=False, last_outcome__in=FAILING)
    if dataset_pks is not None:
        rows = rows.filter(dataset__in=dataset_pks)
    return [link for link in rows.select_related("dataset") if link.failures >= TOLD_AFTER[link.last_outcome]]


def since(links: Collection[ExternalLink]) -> dict[int, datetime]:
    """By link, since when it has answered as it does now: the first check after the last that ended otherwise."""
    found: dict[int, datetime] = {}
    turned: set[int] = set()
    outcomes = {link.pk: link.last_outcome for link in links}
    for pk, outcome, at in (
        LinkCheck.objects.filter(link__in=outcomes).order_by("-pk").values_list("link_id", "outcome", "at")
    ):
        if pk in turned or outcome != outcomes[pk]:
            turned.add(pk)
        else:
            found[pk] = at
    return found


def _append(event: Event, dataset: Dataset, references: dict[str, str], by: Person, at: datetime) -> None:
    ledger.append(
        event=event,
        actor=by.principal,
        role=by.role_told(dataset.pk, RUNS).value,
        subject=f"kfm://dataset/{dataset.slug}",
        references=references,
        at=at,
    )
