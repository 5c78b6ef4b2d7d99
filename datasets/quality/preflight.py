"""Checks a file against a spec before it is sent: the verdicts that the pipeline would give, and what only it can know.

Decides nothing of its own. A plain CSV is measured where it lies (``plain_csv``); every other file is normalized into a
scratch directory first, exactly as the pipeline does, and so is a CSV whose plainness is not proved. Never sends, keeps
or records anything. A preflight is advice: gate E judges the normalized bytes alone (clause E1).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from datasets.quality.checks import check_raster, judge_by, measure_checks
from datasets.quality.measures import CustomSql, NotMeasurable, Probe, Repeats, RowTest, ShapeTest, Table
from datasets.quality.one_pass import Outcome, count_failing, outcome_of
from datasets.quality.plain_csv import NotPlain, PlainCsv
from datasets.quality.report import CheckResult

#: What a check needs that stands in no file: the reason is told in its verdict's place.
UNKNOWABLE: Mapping[str, str] = {
    "row_growth": "How many rows the published version has is known to the console alone.",
    "references": "The other dataset's published version is known to the console alone.",
}
_ALL_ROWS = RowTest("true", "false", "rows")


@dataclass(frozen=True, slots=True)
class Preflight:
    """``way``: ``direct``, or ``normalized`` because of ``why``; ``not_checked``: name and reason."""

    way: Literal["direct", "normalized"]
    why: str
    rows: int
    rejected_by_code: Mapping[str, int]
    checks: tuple[CheckResult, ...]
    not_checked: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> Literal["pass", "fail", "error"]:
        """Of what was checked: ``error`` when a check could not be measured, or none was declared."""
        found = {check.verdict for check in self.checks}
        return "error" if "error" in found or not found else "fail" if "fail" in found else "pass"

    def as_json(self) -> dict[str, Any]:
        """One document; no value of a cell is in it, and no row's number."""
        return {
            "verdict": self.verdict,
            "way": self.way,
            "why": self.why,
            "rows": self.rows,
            "rejected_by_code": dict(self.rejected_by_code),
            "checks": [replace(check, sample_rows=()).as_json() for check in self.checks],
            "not_checked": [{"name": name, "why": why} for name, why in self.not_checked],
        }


def preflight(source: Path, *, spec: Mapping[str, Any], as_of: dt.date) -> Preflight:
    """Judge *source* by the checks of a well-formed *spec*; ``as_of``: the day for ``no_future_dates``.

    Raises ``UnreadableSource`` for a file that the pipeline would refuse as a whole, and ``OSError``.
    """
    asked, left = _asked(spec)
    with TemporaryDirectory(prefix="kfm-preflight-") as folder:
        try:
            return _direct(source, asked, left, as_of, Path(folder))
        except NotPlain as reason:
            return _normalized(source, asked, left, as_of, Path(folder), str(reason))


def _asked(spec: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """The spec with the checks that can be made here, and those that can't."""
    validation = spec.get("validation") or {}
    names = [check["name"] for check in validation.get("checks", [])]
    checks = [check for check in validation.get("checks", []) if check["name"] not in UNKNOWABLE]
    left = tuple((name, UNKNOWABLE[name]) for name in names if name in UNKNOWABLE)
    return {**spec, "validation": {**validation, "checks": checks}}, left


def _direct(
    source: Path, spec: Mapping[str, Any], left: tuple[tuple[str, str], ...], as_of: dt.date, scratch: Path
) -> Preflight:
    table = PlainCsv(source, spec, scratch)
    try:
        checks = judge_by(_counted, table, spec=spec, as_of=as_of)
    finally:
        table.close()
    return Preflight("direct", "", table.rows, {}, checks, left)


def _counted(table: Table, probes: Sequence[Probe | NotMeasurable]) -> list[Outcome]:
    """One outcome for each probe: all are counted in one look, and which rows fail is not asked."""
    # One is asked besides, so that the table is proved even when no check reads it.
    asked: dict[int, RowTest | Repeats] = {len(probes): _ALL_ROWS}
    outcomes: dict[int, Outcome] = {}
    for place, probe in enumerate(probes):
        if isinstance(probe, CustomSql):
            raise NotPlain("The spec has SQL of its own.")
        if isinstance(probe, ShapeTest):
            bad = f"NOT ({probe.of_point})"
            asked[place] = RowTest("x IS NOT NULL", bad, "geometries", probe.parameters)
        elif isinstance(probe, RowTest | Repeats):
            asked[place] = probe
        else:
            outcomes[place] = probe
    counts = count_failing(table, asked)
    outcomes |= {place: outcome_of(asked[place], *found, None) for place, found in counts.items()}
    return [outcomes[place] for place in range(len(probes))]


def _normalized(  # noqa: PLR0913 - each is a separate fact
    source: Path,
    spec: Mapping[str, Any],
    left: tuple[tuple[str, str], ...],
    as_of: dt.date,
    scratch: Path,
    why: str,
) -> Preflight:
    from datasets.formats.isolated import normalize_isolated

    target = scratch / "normalized.parquet"
    result = normalize_isolated(
        source, spec=spec, target=target, rejects=scratch / "rejects.jsonl", progress=lambda _done, _total: None
    )
    if result.raster is not None:
        checks = check_raster(result.raster, spec=spec, artifact_digest="").checks
    else:
        measured = measure_checks(
            target, spec=spec, rows_rejected=result.rows_rejected, previous_rows=None, as_of=as_of
        )
        checks = measured.results
    return Preflight("normalized", why, result.rows_written, result.rejected_by_code, checks, left)
