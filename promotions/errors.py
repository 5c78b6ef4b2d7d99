"""What the promotion rules refuse. One exception; the code is stable, the message says what, why and what next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from datasets.errors import Refused

if TYPE_CHECKING:
    from promotions.dossier import Gathered
    from promotions.gates import GateResult

__all__ = ["GatesFailed", "Refused"]


class GatesFailed(Refused):
    """A transition's gates did not pass; carries the dossier and the results so that they can be kept and shown."""

    def __init__(self, dossier: Gathered, results: Mapping[str, GateResult]) -> None:
        self.dossier = dossier
        self.results = dict(results)
        failed = [result for result in results.values() if not result.passed]
        more = sum(len(result.findings) for result in failed) - 1
        letters = ", ".join(result.gate for result in failed)
        names, verb = ("Gate", "does") if len(failed) == 1 else ("Gates", "do")
        rest = "" if more == 0 else " There is one more finding." if more == 1 else f" There are {more} more findings."
        super().__init__("gates_failed", f"{names} {letters} {verb} not pass. {failed[0].findings[0].message}{rest}")

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(letter for letter, result in self.results.items() if not result.passed)
