"""Made-up wells of six years: enough runs for a threshold to be tried on, and cases that ended in different ways."""

from __future__ import annotations

from django.utils import timezone

from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from promotions import cases, derivatives, jobs, transitions
from promotions.demo.bringing import bring, dataset_of, made_by, run, sign_and_publish
from promotions.demo.made_up import Year, wells, written
from promotions.demo.specs import AIRPORTS, SYNTHETIC_TERMS, TERMS_FIRST, WELLS
from promotions.models import QuarantineCase
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
    _take_up(people)
    return [
        f"{made[0]} is published.",
        f"{made[2]} was released from quarantine.",
        f"{made[3]} had telephone numbers in it; {derived} has none.",
        f"{made[4]} is in quarantine.",
    ]


def _doubt(version: DatasetVersion, reason_code: ReasonCode, reason: str, by: Person) -> QuarantineCase:
    transitions.quarantine(
        version_pk=version.pk, by=by, reason_code=reason_code, reason=reason, findings=[], at=timezone.now()
    )
    return QuarantineCase.objects.get(version=version, resolution="")


def _release(version: DatasetVersion, people: dict[str, Person]) -> None:
    """A doubt that proved unfounded: the reviewer releases, and the steps are run again up to CATALOG."""
    ruth = people["ruth"]
    case = _doubt(version, ReasonCode.UPSTREAM_UNSTABLE, "Two wells look as if they were counted twice.", ruth)
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
    case = _doubt(version, ReasonCode.REDACTION_REQUIRED, reason, people["ruth"])
    job = derivatives.open_derivative(
        case_pk=case.pk,
        obligations=[{"type": "remove_attributes", "fields": ["remarks"]}],
        label="",
        reason="Nothing else in the table says who the owners are.",
        by=people["sam"],
        at=timezone.now(),
    )
    return made_by(run(job))


def _take_up(people: dict[str, Person]) -> None:
    """A reviewer is at work on the airports, and has asked who brought them in."""
    case = QuarantineCase.objects.get(version__dataset__slug=AIRPORTS["dataset_slug"], resolution="")
    cases.claim(case_pk=case.pk, by=people["ruth"], at=timezone.now())
    cases.comment(
        case_pk=case.pk,
        text="Most airstrips have no IATA code, and never will. Should the spec ask for it at all?",
        by=people["ruth"],
        at=timezone.now(),
    )
    cases.comment(
        case_pk=case.pk,
        text="It was asked for by mistake, I think. The dataset's steward decides.",
        by=people["sam"],
        at=timezone.now(),
    )
