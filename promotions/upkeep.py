"""Upkeep on schedule: catalogs are compared with their facts, outside links are owed a look, and people are told once.

Every version that is served or about to be signed is looked at at least once a day, in slices that end in time: those
looked at longest ago, in turn with others, so that checks that can't be kept hold nobody up. Decides no gate, and mends
nothing: people do, by RB-DATA-050.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.urls import reverse

from datasets import enforcement, links
from datasets.errors import Refused
from datasets.models import Dataset, DatasetVersion, DriftCheck, DriftOutcome, LinkCheck, LinkOutcome
from datasets.people import PIPELINE, person_named
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.steps import drift
from datasets.steps.workspace import Workspace
from promotions import deliveries, jobs, notices
from promotions.models import Job, JobKind, Standing
from promotions.readers.people import holders
from promotions.recoverable import WATCHED
from promotions.recovery import proposer_of
from promotions.requests import LIVE

logger = logging.getLogger(__name__)

#: A version is due when its last check is older than this, so that slices that run late still keep to a day.
DUE = timedelta(hours=20)
SLICE = 200
#: A slice begins no further check after this, so that runs that people asked for don't wait; the next one goes on.
SLICE_TIME = timedelta(minutes=1)
MOST_DATASETS = 20
_GOLDEN = (5**0.5 - 1) / 2
DRIFT, LINK = "catalog.drifted", "link.failing"
_STATES = tuple(state.value for state in WATCHED)


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A listener for work that no job promises: nobody reads along."""

    def line(self, text: str) -> None:
        """Not kept: the check's row says how it ended."""

    def hold(self) -> None:
        """Nothing was claimed."""

    def progress(self, done: int, total: int | None) -> None:
        """Not shown."""


def due_checks(now: datetime) -> list[int]:
    """Versions whose catalogs are due a look, at most a slice of them; none that is being worked on."""
    worked_on = Exists(Job.objects.filter(version=OuterRef("pk"), state__in=LIVE))
    looked = DatasetVersion.objects.filter(~worked_on, standing__state__in=_STATES)
    due = looked.annotate(last=Max("drift_checks__at")).filter(Q(last=None) | Q(last__lt=now - DUE))
    return in_turn(list(due.order_by(F("last").asc(nulls_first=True), "pk").values_list("pk", flat=True)), now)


def in_turn(due: Sequence[int], now: datetime) -> list[int]:
    """A slice of *due*, which has the longest waiting first: one of these, then one from another place each minute.

    A check that is never kept stays the longest waiting for good. If these were all that a slice took, enough of them
    would keep every other version from being looked at. The places are the multiples of the golden ratio, which leave
    no gap for long.
    """
    start = int(len(due) * (now.timestamp() // 60 * _GOLDEN % 1))
    elsewhere = [*due[start:], *due[:start]]
    alternating = (pk for pair in zip(due, elsewhere, strict=True) for pk in pair)
    return list(dict.fromkeys(alternating))[:SLICE]


def check_due(clock: Callable[[], datetime]) -> int:
    """Checks a slice of what is due and tells of what drifted; how many checks were kept."""
    began, kept = clock(), 0
    for version_pk in due_checks(began):
        if clock() - began > SLICE_TIME:
            break
        try:
            kept += check_catalogs(version_pk, clock()) is not None
        except Exception:  # its check is not kept, so it stays due and is shown as late; the others have their turn
            logger.exception("the check of version %s could not be kept", version_pk)
    tell_drifted(clock())
    return kept


def check_catalogs(version_pk: int, at: datetime) -> DriftCheck | None:
    """One check; ``None`` when there are no catalogs, they are being worked on, or someone else was faster."""
    version = DatasetVersion.objects.select_related(
        "dataset", "spec", "acquisition__terms", "policy_label", "standing"
    ).get(pk=version_pk)
    if Job.objects.filter(version=version, state__in=LIVE).exists():
        return None
    with tempfile.TemporaryDirectory(prefix="kfm-drift-", dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
        work = Workspace(Path(directory), at, _Quiet())
        try:
            compared = drift.compare(version, proposer=proposer_of(version), work=work, preview=False)
        except Refused:
            return None  # no catalogs (any more): there is nothing to look at
        except Exception as crash:
            logger.exception("the catalogs of version %s could not be compared", version_pk)
            stopped = drift.stopped(version, crash)
            if stopped is None:
                return None
            compared = stopped
    return drift.record_check(version, compared, by=PIPELINE, at=at)


def tell_drifted(now: datetime) -> int:
    """Tells stewards and operators who may know of the version, once for each time it drifted; how many have."""
    found = list(troubled())
    for check in found:
        held = holders(check.version.dataset_id)
        told = [p for p in {*held[Role.STEWARD], *held[Role.OPERATOR]} if _knows(p, check.version)]
        began = _streak(check)
        drifted = check.outcome == DriftOutcome.DRIFTED
        text = f"Catalogs {'drifted from their facts' if drifted else 'could not be checked'} (check {began})."
        path, key = reverse("promotions:drift_check", args=[began]), f"{DRIFT}:{began}"
        with transaction.atomic():
            notices.tell(principals=told, kind=DRIFT, text=text, path=path, key=key, at=now)
            if drifted:
                deliveries.owe_webhooks_of_check(kind=DRIFT, check=began, path=path, key=key, at=now)
    return len(found)


def troubled() -> QuerySet[DriftCheck]:
    """The latest check of every version under watch whose catalogs drifted or could not be checked."""
    later = DriftCheck.objects.filter(version=OuterRef("version"), pk__gt=OuterRef("pk"))
    bad = DriftCheck.objects.filter(version__standing__state__in=_STATES).exclude(outcome=DriftOutcome.SAME)
    return bad.filter(~Exists(later)).select_related("version__dataset")


def _streak(check: DriftCheck) -> int:
    """The first check since the version's outcome is what it is now."""
    earlier = DriftCheck.objects.filter(version=check.version_id, pk__lt=check.pk)
    other = earlier.exclude(outcome=check.outcome).aggregate(last=Max("pk"))["last"] or 0
    first = earlier.filter(pk__gt=other).order_by("pk").values_list("pk", flat=True).first()
    return first or check.pk


def _knows(principal: str, version: DatasetVersion) -> bool:
    return enforcement.visible_versions(person_named(principal), Action.DISCOVER).filter(pk=version.pk).exists()


def request_links_due(now: datetime) -> int:
    """Owes a run for datasets with links to ask, and for those whose catalogs changed since; how many."""
    wanted = links.datasets_owed(now, MOST_DATASETS)
    wanted += [pk for pk in _unread(now) if pk not in wanted]
    asked = 0
    for dataset in Dataset.objects.filter(pk__in=wanted[:MOST_DATASETS]):
        if not Job.objects.filter(dataset=dataset, kind=JobKind.LINKS, state__in=LIVE).exists():
            jobs.request_links(dataset=dataset, by=PIPELINE, at=now)
            asked += 1
    return asked


def _unread(now: datetime) -> list[int]:
    """Datasets whose catalogs changed since their addresses were read last, or that were never read."""
    serving = Standing.objects.filter(state__in=_STATES)
    read = (
        Job.objects.filter(kind=JobKind.LINKS, requested_at__lte=now).values("dataset").annotate(at=Max("requested_at"))
    )
    last = {row["dataset"]: row["at"] for row in read}
    newest = serving.values("dataset").annotate(newest=Max("since")).order_by("newest")
    return [r["dataset"] for r in newest if r["dataset"] not in last or r["newest"] > last[r["dataset"]]]


def tell_failing(now: datetime) -> int:
    """Tells stewards of links that fail, once for each time a link ceased to answer; how many fail."""
    found = links.failing()
    for link in found:
        good = LinkCheck.objects.filter(link=link, outcome=LinkOutcome.ANSWERS).aggregate(last=Max("pk"))["last"] or 0
        text = f"An outside link that catalogs name does not answer any more (link {link.pk})."
        with transaction.atomic():
            notices.tell(
                principals=list(holders(link.dataset_id)[Role.STEWARD]),
                kind=LINK,
                text=text,
                path=reverse("promotions:link", args=[link.pk]),
                key=f"{LINK}:{link.pk}:{good}",
                at=now,
            )
    return len(found)
