"""Writer: what one request asked of the policies, and the one decision that is kept of it. Keeps clause C1's record.

A request may ask often: for one version by several actions, for lists, for the frame of its page. What governed its
answer is stored once: the last question about a single version, or else the first about a list. Every question of a
request carries the same reference, so that a page can show it before it is stored. ``enforcement`` asks, the middleware
opens and settles; nothing is answered when storing fails. Decides nothing about versions.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from datasets import decisions
from datasets.models import PolicyDecision
from datasets.policy.engine import DECISION_PREFIX
from datasets.policy.labels import LabelFacts

Labels = Mapping[str, LabelFacts]
Make = Callable[[str], PolicyDecision]


def _nowhere() -> Mapping[str, str]:
    return {}


def new_reference() -> str:
    """A reference that no decision has yet."""
    return f"{DECISION_PREFIX}{uuid.uuid4().hex}"


@dataclass(slots=True)
class Questions:
    """The questions of one request. ``only_reads``: it changes nothing, so what was asked may be remembered.

    ``scope``: route and ids that the request names. A request that acts stores its first question at once, before it
    acts; one that reads stores the one that governed, before its answer is sent.
    """

    only_reads: bool
    scope: Callable[[], Mapping[str, str]] = _nowhere
    reference: str = field(default_factory=new_reference)
    remembered: dict[Any, Any] = field(default_factory=dict)
    refusal: str = ""
    _single: tuple[PolicyDecision, Labels] | None = None
    _listed: tuple[Make, Labels] | None = None
    _stored: bool = False

    @property
    def asked(self) -> bool:
        """Whether anything was asked."""
        return self._single is not None or self._listed is not None

    def single(self, row: PolicyDecision, labels: Labels) -> None:
        """A question about one version; the last one governs, but of several denials in a row the first."""
        if self._single is None or "allow" in {self._single[0].decision, row.decision}:
            self._single = (row, labels)
        self._store_before_the_act()

    def listed(self, make: Make, labels: Labels) -> None:
        """A question about a list, its row made when it is needed; the first one governs, and only without a single."""
        if self._listed is None:
            self._listed = (make, labels)
            self._store_before_the_act()

    def denied_because(self) -> tuple[str, ...]:
        """The reason codes of the denial that governs; none when nothing was denied."""
        if self._single is None or self._single[0].decision == "allow":
            return ()
        return tuple(decisions.document_of(self._single[0])["reason_codes"])

    def of_several(self) -> None:
        """The answer is about several versions: the list that they were found by governs it."""
        if self._listed is not None:
            self._single = None

    def remember(self, key: Any, ask: Callable[[], Any]) -> Any:
        """The answer of *ask*, asked once a request that only reads."""
        if not self.only_reads:
            return ask()
        if key not in self.remembered:
            self.remembered[key] = ask()
        return self.remembered[key]

    def settle(self) -> None:
        """Stores the decision that governed, once; nothing when nothing was asked. Raises the database's errors."""
        if self._stored or not self.asked:
            return
        if self._single is not None:
            row, labels = self._single
        else:
            assert self._listed is not None
            make, labels = self._listed
            row = make(self.reference)
        decisions.keep(row, labels)
        self._stored = True

    def _store_before_the_act(self) -> None:
        # inside a transaction the act has begun already, and may be undone: then the end of the request stores it
        if not self.only_reads and not connection.in_atomic_block:
            self.settle()


_current: ContextVar[Questions | None] = ContextVar("questions", default=None)


def current() -> Questions | None:
    """The questions of the request that is being answered; ``None`` outside one."""
    return _current.get()


@contextmanager
def asking(*, only_reads: bool = True, scope: Callable[[], Mapping[str, str]] = _nowhere) -> Iterator[Questions]:
    """One request, or one question of a task. Whoever opens it settles it; ``one_question`` is a task's."""
    opened = Questions(only_reads=only_reads, scope=scope)
    token = _current.set(opened)
    try:
        yield opened
    finally:
        _current.reset(token)


@contextmanager
def one_question(task: str) -> Iterator[Questions]:
    """What background work asks: one stored decision for the block, under the task's name."""
    with asking(scope=lambda: {"task": task}) as opened:
        yield opened
        opened.settle()


def audit_ref() -> str:
    """The reference of the attempt that this request was refused, or else of what it asked; ``""``: neither."""
    opened = current()
    if opened is None:
        return ""
    return opened.refusal or (opened.reference if opened.asked else "")


def refused(reference: str) -> None:
    """Tells the request that is being answered under which reference its attempt was refused."""
    opened = current()
    if opened is not None:
        opened.refusal = reference


def remember(key: Any, ask: Callable[[], Any]) -> Any:
    """As ``Questions.remember``; outside a request, asked each time."""
    opened = current()
    return ask() if opened is None else opened.remember(key, ask)
