"""Made-up groundwater levels under an embargo that ends in sixty days, and a year whose upstream changed its mind."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from datasets.embargoes import set_embargo
from datasets.models import Dataset
from datasets.people import Person
from promotions.demo.bringing import bring_made_up, dataset_of, hold_back, sign_and_publish
from promotions.demo.made_up import levels
from promotions.demo.specs import LEVELS
from promotions.states import ReasonCode

EMBARGO = timedelta(days=60)


def is_there() -> bool:
    return Dataset.objects.filter(slug=LEVELS["dataset_slug"]).exists()


def load(people: dict[str, Person]) -> list[str]:
    dataset = dataset_of(LEVELS, people["carla"])
    held = bring_made_up(dataset, 2024, levels, people["carla"])
    sign_and_publish(held, people)
    at = timezone.now()
    until = (at + EMBARGO).date()
    set_embargo(
        dataset=dataset,
        until=until,
        reason="The survey's own report comes out first. (Demo: made up.)",
        by=people["sam"],
        at=at,
    )
    unsure = bring_made_up(dataset, 2025, levels, people["carla"], propose=False)
    reason = "The upstream gave two different files for 2025 on one day. Wait until it says which one counts."
    hold_back(unsure, ReasonCode.UPSTREAM_UNSTABLE, reason, people["ruth"])
    return [f"{held} is under an embargo until {until:%d %B %Y}.", f"{unsure} waits until its upstream is settled."]
