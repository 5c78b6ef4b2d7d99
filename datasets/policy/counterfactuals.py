"""What would have allowed a denied request: the policies asked again, with one or two facts changed (C1).

Every answer is the engine's own; nothing is inferred from rules. The smallest sets of changes come first, and no set is
named of which a part would do. Decides nothing, writes nothing and knows no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from datasets.policy.bundle import Evaluator
from datasets.policy.engine import check_answered, decide
from datasets.policy.labels import LabelFacts
from datasets.policy.requests import READING_ACTIONS, PolicyRequest, ResourceFacts
from datasets.policy.roles import READ_RESTRICTED, Role

MOST_TOGETHER = 2
_NOT_GIVEN = frozenset({Role.PUBLIC, Role.PIPELINE})
_GONE = ("SUPERSEDED", "WITHDRAWN")


@dataclass(frozen=True, slots=True)
class Change:
    """One fact changed. ``kind``: what sort of fact; ``value``: to what."""

    kind: str
    value: str
    apply: Callable[[PolicyRequest], PolicyRequest]

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.value


def what_would_allow(
    request: PolicyRequest, *, labels: Mapping[str, LabelFacts], evaluated_at: str, evaluator: Evaluator | None = None
) -> list[tuple[Change, ...]]:
    """The sets of changes under which the policies would allow *request*, smallest first; ``[]``: none was found.

    Raises ``NotAnswered`` when the engine fails on the way: then it is not known whether there is one.
    """
    candidates = list(_changes(request, labels))
    found: list[tuple[Change, ...]] = []
    for size in range(1, MOST_TOGETHER + 1):
        for together in combinations(candidates, size):
            if len({_place(change) for change in together}) < size or _has_part(together, found):
                continue
            if _allows(request, together, labels, evaluated_at, evaluator):
                found.append(together)
    return found


def _allows(
    request: PolicyRequest,
    together: tuple[Change, ...],
    labels: Mapping[str, LabelFacts],
    evaluated_at: str,
    evaluator: Evaluator | None,
) -> bool:
    for change in together:
        request = change.apply(request)
    answer = decide(
        request, labels=labels, decision_id="counterfactual", evaluated_at=evaluated_at, evaluator=evaluator
    )
    check_answered(answer)
    return answer.allowed


def _has_part(together: tuple[Change, ...], found: list[tuple[Change, ...]]) -> bool:
    keys = {change.key for change in together}
    return any({change.key for change in smaller} < keys for smaller in found)


def _place(change: Change) -> str:
    """Changes in the same place are alternatives; two roles at once are not asked for."""
    return change.kind


def _changes(request: PolicyRequest, labels: Mapping[str, LabelFacts]) -> Iterator[Change]:
    resource = request.resource
    for role in Role:
        if role.value not in request.roles and role not in _NOT_GIVEN:
            yield Change("role", role.value, _with_role(role))
    if READ_RESTRICTED not in resource.grants:
        yield Change("grant", READ_RESTRICTED, _with(lambda r: replace(r, grants=r.grants | {READ_RESTRICTED})))
    for standing in _standings(request):
        yield Change("standing", standing, _with(lambda r, to=standing: replace(r, standing=to)))  # type: ignore[misc]  # mypy infers no default
    if resource.embargo_until is not None:
        yield Change("embargo", "lifted", _with(lambda r: replace(r, embargo_until=None)))
    if any(item.get("type") == "metadata_only" for item in resource.obligations):
        bound = tuple(item for item in resource.obligations if item.get("type") != "metadata_only")
        yield Change("obligation", "metadata_only", _with(lambda r: replace(r, obligations=bound)))
    if request.action in {"publish", "assess"}:
        yield Change("applied", "all", _with(lambda r: _all_applied(r, labels)))
    for name, facts in labels.items():
        if name != resource.policy_label and resource.policy_label is not None and facts.releasable:
            yield Change("label", name, _with(lambda r, to=name: replace(r, policy_label=to)))  # type: ignore[misc]  # as above


def _standings(request: PolicyRequest) -> tuple[str, ...]:
    now = request.resource.standing
    if now is None or request.action not in {*READING_ACTIONS, "publish"}:
        return ()
    wanted = {"read_tombstone": _GONE, "publish": ("CATALOG",)}.get(request.action, ("PUBLISHED",))
    return tuple(standing for standing in wanted if standing != now)


def _all_applied(resource: ResourceFacts, labels: Mapping[str, LabelFacts]) -> ResourceFacts:
    facts = labels.get(resource.policy_label or "")
    of_label = tuple(item.as_json() for item in facts.default_obligations) if facts else ()
    return replace(resource, applied_obligations=(*resource.applied_obligations, *of_label, *resource.obligations))


def _with(alter: Callable[[ResourceFacts], ResourceFacts]) -> Callable[[PolicyRequest], PolicyRequest]:
    return lambda request: replace(request, resource=alter(request.resource))


def _with_role(role: Role) -> Callable[[PolicyRequest], PolicyRequest]:
    """Held beside the others; the role acted in too, where the request was made in one."""

    def apply(request: PolicyRequest) -> PolicyRequest:
        roles = (request.roles - {Role.PUBLIC.value}) | {role.value}
        acts = request.action not in READING_ACTIONS
        return replace(request, roles=roles, role=role.value if acts else min(roles))

    return apply
