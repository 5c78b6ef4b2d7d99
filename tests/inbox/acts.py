"""Every act on a case, ready to be done by someone; the holder is ``reviewer`` once ``prepare`` was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from promotions import cases
from promotions.models import QuarantineCase

AT = timezone.now()
Act = Callable[..., Any]


def prepare(world: Any, case: QuarantineCase) -> None:
    """The reviewer holds the case, so that each act below is possible."""
    cases.claim(case_pk=case.pk, by=world.person("reviewer"), at=AT)


def claim(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.claim(case_pk=case.pk, by=world.person(by), at=AT)


def unclaim(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.unclaim(case_pk=case.pk, by=world.person(by), at=AT)


def assign(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.assign(case_pk=case.pk, owner="operator", by=world.person(by), at=AT)


def hand_over(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.hand_over(case_pk=case.pk, to="reviewer2", note="Yours.", by=world.person(by), at=AT)


def plan(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.update_case(case_pk=case.pk, owner="operator", due=AT.date(), plan="Ask.", by=world.person(by), at=AT)


def comment(world: Any, case: QuarantineCase, by: str = "reviewer") -> Any:
    return cases.comment(case_pk=case.pk, text="Looking.", by=world.person(by), at=AT)


ALL: dict[str, Act] = {
    "claim": claim,
    "unclaim": unclaim,
    "assign": assign,
    "hand_over": hand_over,
    "plan": plan,
    "comment": comment,
}
#: Those that an ended case refuses; a hand-over is asked for by a steward, who needs no claim for it.
ON_OPEN_CASES: dict[str, Act] = {name: act for name, act in ALL.items() if name not in {"comment", "hand_over"}} | {
    "hand_over": lambda world, case: hand_over(world, case, by="steward")
}
