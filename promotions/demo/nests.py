"""Made-up owl nests: one year published on a grid and without its finders, one whose sensitivity is unclear yet."""

from __future__ import annotations

from datasets.models import Dataset
from datasets.people import Person
from promotions.demo.bringing import bring_made_up, dataset_of, hold_back, sign_and_publish
from promotions.demo.made_up import nests
from promotions.demo.specs import NESTS
from promotions.states import ReasonCode


def is_there() -> bool:
    return Dataset.objects.filter(slug=NESTS["dataset_slug"]).exists()


def load(people: dict[str, Person]) -> list[str]:
    dataset = dataset_of(NESTS, people["carla"])
    shown = bring_made_up(dataset, 2024, nests, people["carla"])
    sign_and_publish(shown, people)
    doubted = bring_made_up(dataset, 2025, nests, people["carla"], propose=False)
    hold_back(
        doubted,
        ReasonCode.SENSITIVITY_UNCLEAR,
        "Nests of a rarer owl may be among them; whoever knows the species must say whether 10 km are enough.",
        people["ruth"],
    )
    return [
        f"{shown} is published on a grid, without its finders.",
        f"{doubted} is in quarantine until its sensitivity is known.",
    ]
