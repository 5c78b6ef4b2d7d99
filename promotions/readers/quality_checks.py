"""What the checks of a version ask for, in words, so that who signs sees which of them could not have stopped it.

Gate E is green where every threshold is met; a threshold that any data meet, and a check that only warns, are met too.
Judges nothing. Helps clause E2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.digests import digest_json
from datasets.quality.kinds import OPERATORS
from datasets.quality.report import BLOCKING_SEVERITIES
from promotions.readers import quality_words as words

_SHARES = (0.0, 0.5, 1.0)
_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Asked:
    """What one check asks for. ``stops``: missing it stops a version, and it can be missed; ``note``: what is weak."""

    words: str
    stops: bool
    note: str = ""


def asked_of(report: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Asked]:
    """Each check of *report* by its name and fields; of one name, by its number as well."""
    declared = (spec.get("validation") or {}).get("checks") or []
    columns = {str(column["name"]) for column in report.get("columns") or []}
    found: dict[str, Asked] = {}
    for place, check in enumerate(report.get("checks") or []):
        said = declared[place] if place < len(declared) and declared[place].get("name") == check["name"] else {}
        fields = ", ".join(words.fields_of(said, columns))
        name = f"{check['name']} ({fields})" if fields else str(check["name"])
        while name in found:
            name += " again"
        found[name] = _asked(check, said)
    return found


def _asked(check: Mapping[str, Any], said: Mapping[str, Any]) -> Asked:
    share, operator, threshold = words.is_share(check), check["operator"], check["threshold"]
    blocks = check["severity"] in BLOCKING_SEVERITIES
    told = f"{words.asked_for(operator, threshold, share=share)}, {words.severity_words(check['severity'])}"
    sql = {**(said.get("parameters") or {}), **said}.get("sql")
    if sql is not None:
        told += f", SQL {str(digest_json(sql))[:_SHOWN]}…"
    if share and _meets_all(operator, threshold):
        return Asked(told, stops=False, note="no data can miss it")
    if check["verdict"] == "warn":
        return Asked(told, stops=False, note="missed, and only warns")
    return Asked(told, stops=blocks, note="" if blocks else "can't stop it")


def _meets_all(operator: str, threshold: float | None) -> bool:
    """Whether every share there can be meets the threshold."""
    return threshold is not None and operator in OPERATORS and all(OPERATORS[operator](s, threshold) for s in _SHARES)
