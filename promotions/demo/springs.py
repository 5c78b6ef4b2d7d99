"""Made-up springs: one slice that a reviewer holds back, and one that came under other terms than the first."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from promotions import cases, overdue
from promotions.demo.bringing import bring, dataset_of, hold_back
from promotions.demo.made_up import springs, written
from promotions.demo.specs import SPRINGS, SYNTHETIC_TERMS, TERMS_CHANGED, TERMS_FIRST
from promotions.states import ReasonCode

PLAN = (
    "Ask the land owners first; else coarsen the places. (Demo: the day was put into the past, so that the inbox has a "
    "case that is overdue.)"
)


def is_there() -> bool:
    return Dataset.objects.filter(slug=SPRINGS["dataset_slug"]).exists()


def load(people: dict[str, Person]) -> list[str]:
    dataset = dataset_of(SPRINGS, people["carla"])
    with written("springs_2024.csv", springs(2024)) as file:
        first = bring(dataset, file, "2024", SYNTHETIC_TERMS, TERMS_FIRST, people["carla"])
    _hold_back(first, people)
    with written("springs_2025.csv", springs(2025)) as file:
        second = bring(dataset, file, "2025", SYNTHETIC_TERMS, TERMS_CHANGED, people["carla"])
    return [f"{first} is held back and overdue.", f"{second} waits until a steward has read its terms."]


def _hold_back(version: DatasetVersion, people: dict[str, Person]) -> None:
    reason = "The springs lie on private land, and their places are exact to a few metres."
    case = hold_back(version, ReasonCode.REDACTION_REQUIRED, reason, people["ruth"])
    at = timezone.now()
    yesterday = at - timedelta(days=1)
    cases.update_case(case_pk=case.pk, owner="sam", due=yesterday.date(), plan=PLAN, by=people["ruth"], at=yesterday)
    overdue.tell_overdue(at)  # as the scheduler does each hour
