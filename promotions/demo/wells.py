"""Made-up wells of six years: enough runs for a threshold to be tried on, and cases that ended in different ways."""

from __future__ import annotations

from django.utils import timezone

from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from promotions import cases, derivatives, jobs, labels, transitions, upkeep
from promotions.demo.bringing import (
    bring,
    dataset_of,
    hold_back,
    made_by,
    run,
    sign_and_publish,
    sign_and_restore,
)
from promotions.demo.made_up import Year, wells, written
from promotions.demo.specs import SYNTHETIC_TERMS, TERMS_FIRST, WELLS
from promotions.states import ReasonCode

#: What is wrong with each year; all of it is made up.
YEARS: tuple[Year, ...] = (
    Year(2020, rows=40),
    Year(2021, rows=42, without_depth=1),
    Year(2022, rows=44, without_depth=2, too_deep=1),
    Year(2023, rows=45, telephones=6),
    Year(2024, rows=48, in_feet=17),
)


def is_there() -> bool:
    return Dataset.objects.filter(slug=WELLS["dataset_slug"]).exists()


def load(people: dict[str, Person]) -> list[str]:
    dataset = dataset_of(WELLS, people["carla"])
    made = []
    for year in YEARS:
        with written(f"wells_{year.year}.csv", wells(year)) as file:
            made.append(bring(dataset, file, str(year.year), SYNTHETIC_TERMS, TERMS_FIRST, people["carla"]))
        if len(made) == 1:
            sign_and_publish(made[0], people)
    _release(made[2], people)
    derived = _derive(made[3], people)
    _come_back(made[0], made[1], people)
    sign_and_publish(made[2], people)
    _tighten(derived, people)
    return [
        f"{made[0]} was superseded, restored, and superseded again.",
        f"{made[1]} was published and withdrawn.",
        f"{made[2]} was released from quarantine, and is published.",
        f"{made[3]} had telephone numbers in it; {derived} has none, and its catalogs say another label than it has.",
        f"{made[4]} is in quarantine.",
    ]


def _release(version: DatasetVersion, people: dict[str, Person]) -> None:
    """A doubt that proved unfounded: the reviewer releases, and the steps are run again up to CATALOG."""
    ruth = people["ruth"]
    case = hold_back(version, ReasonCode.UPSTREAM_UNSTABLE, "Two wells look as if they were counted twice.", ruth)
    cases.comment(
        case_pk=case.pk,
        text="Compared with the year before: they are two wells on one farm, with numbers of their own.",
        by=ruth,
        at=timezone.now(),
    )
    transitions.release(
        version_pk=version.pk,
        by=ruth,
        reason="The two wells are different ones; the checks hold as they are.",
        at=timezone.now(),
    )
    run(jobs.request_promotion(version=version, by=people["omar"], at=timezone.now()))


def _derive(version: DatasetVersion, people: dict[str, Person]) -> DatasetVersion:
    """The way out that makes another version: the remarks are left out of it."""
    reason = "The remarks of six wells hold telephone numbers."
    case = hold_back(version, ReasonCode.REDACTION_REQUIRED, reason, people["ruth"])
    job = derivatives.open_derivative(
        case_pk=case.pk,
        obligations=[{"type": "remove_attributes", "fields": ["remarks"]}],
        label="",
        reason="Nothing else in the table says who the owners are.",
        by=people["sam"],
        at=timezone.now(),
    )
    return made_by(run(job))


def _come_back(first: DatasetVersion, second: DatasetVersion, people: dict[str, Person]) -> None:
    """A rollback: the bad version is withdrawn, and the last good one is released again."""
    sign_and_publish(second, people)
    transitions.withdraw(
        version_pk=second.pk,
        by=people["sam"],
        reason="The depths of 2021 were measured from the casing's top and not from the ground. (Demo: made up.)",
        incident="",
        at=timezone.now(),
    )
    sign_and_restore(first, "The last version whose depths are right, until the next one is out.", people)


def _tighten(version: DatasetVersion, people: dict[str, Person]) -> None:
    """A tighter label counts at once; the catalogs still say the old one until someone recovers them."""
    reason = "Two land owners asked that their wells stay inside the house until they have seen the map."
    labels.assign_label(version_pk=version.pk, label="internal", by=people["sam"], reason=reason, at=timezone.now())
    upkeep.check_catalogs(version.pk, timezone.now())  # as the scheduler does, and so is the next
    upkeep.tell_drifted(timezone.now())
