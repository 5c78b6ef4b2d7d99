"""The threshold preview: which past runs another threshold would have stopped. Pure; rests on the stored reports.

Decides nothing: a threshold changes only with a new spec. A run whose report has no value for the check is listed as
not judged, never as passing. Helps clause E2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datasets.quality.kinds import OPERATORS
from datasets.quality.report import WARNING_SEVERITIES

PreviewVerdict = Literal["pass", "fail", "warn", "not judged"]


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run's report, parsed as stored."""

    version_id: str
    run_id: str
    report: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Preview:
    """One run under another threshold. ``then``: the verdict it got; ``now``: the one it would get."""

    version_id: str
    run_id: str
    value: float | None
    then: PreviewVerdict
    now: PreviewVerdict

    @property
    def stopped(self) -> bool:
        """Whether the other threshold would have stopped a run that its own let through."""
        return self.now == "fail" and self.then != "fail"

    @property
    def let_through(self) -> bool:
        """Whether the other threshold would have let through a run that its own stopped."""
        return self.then == "fail" and self.now in {"pass", "warn"}


def preview(
    runs: Sequence[PastRun], check_name: str, index: int, operator: str, threshold: float
) -> tuple[Preview, ...]:
    """Each run, in order, under ``operator`` and ``threshold`` for the check ``check_name``.

    ``index``: the check's place in the spec, from 0, which tells two checks of one name apart; in a report whose spec
    had it elsewhere, the only check of that name is taken. Raises ``ValueError`` for an unknown operator.
    """
    if operator not in OPERATORS:
        raise ValueError(f"The operator is none of {', '.join(OPERATORS)}.")
    return tuple(_under(run, _find(run.report, check_name, index), operator, threshold) for run in runs)


def _find(report: Mapping[str, Any] | None, name: str, index: int) -> Mapping[str, Any] | None:
    checks = list((report or {}).get("checks") or ())
    if 0 <= index < len(checks) and checks[index].get("name") == name:
        return checks[index]  # type: ignore[no-any-return]  # a parsed document
    same = [check for check in checks if check.get("name") == name]
    return same[0] if len(same) == 1 else None


def _under(run: PastRun, check: Mapping[str, Any] | None, operator: str, threshold: float) -> Preview:
    value = check.get("value") if check else None
    if check is None or value is None:
        return Preview(run.version_id, run.run_id, None, _then(check), "not judged")
    missed: PreviewVerdict = "warn" if check.get("severity") in WARNING_SEVERITIES else "fail"
    now = "pass" if OPERATORS[operator](value, threshold) else missed
    return Preview(run.version_id, run.run_id, value, _then(check), now)


def _then(check: Mapping[str, Any] | None) -> PreviewVerdict:
    """A check that could not be made stopped its run as well."""
    verdict = (check or {}).get("verdict")
    if verdict == "error":
        return "fail"
    return verdict if verdict in {"pass", "fail", "warn"} else "not judged"
