"""What the page of a QA report shows: the state in one sentence, checks, rows set apart, map, distributions, drift.

Reads the stored report and says it; it judges nothing anew. Which copy and which rows a reader gets is decided by
``quality_runs`` and ``quality_rows``; a column whose values the label withholds from a row shows no distribution here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.enforcement import visible_versions
from datasets.models import VersionArtifact
from datasets.policy.requests import Action
from datasets.quality.kinds import GEOMETRY_CHECKS, OPERATORS
from datasets.quality.report import BLOCKING_SEVERITIES
from datasets.quality.samples import Sample
from promotions import library
from promotions.readers import quality_charts as charts
from promotions.readers import quality_columns as of_columns
from promotions.readers import quality_words as words
from promotions.readers.quality_rows import Mask, Rows, drawable, hidden_columns, mask_of, points_of, rows_of
from promotions.readers.quality_runs import Copy, Run, copy_for, runs_of
from promotions.readers.version_page import INSIDERS, Opened, extent_words
from promotions.shelf import Shelf

RUNBOOK = "RB-DATA-020"
#: Where the runbook says what to do about a verdict.
SECTIONS = {"fail": "Procedure", "warn": "Procedure", "error": "Escalation"}
MOST_ON_MAP_TABLE = 50
#: A page shows so many columns; the document has them all.
MOST_COLUMNS = 60
#: A longer value of a sample row may be broken into lines.
LONG_TEXT = 40
_SOMEWHERE = {"type": "Point", "coordinates": [-98.0, 38.0]}


@dataclass(frozen=True, slots=True)
class Look:
    """One reader's look at one run of a version. ``copy``: ``None`` when this run's report is not theirs to read."""

    opened: Opened
    shelf: Shelf
    runs: Sequence[Run]
    run: Run | None
    copy: Copy | None
    mask: Mask

    @property
    def report(self) -> Mapping[str, Any] | None:
        return None if self.copy is None else self.copy.told


def look(opened: Opened, number: str) -> Look | None:
    """The run that *number* names (none: the one that counts); ``None`` for a run that is not there, or not theirs."""
    shelf = Shelf.open(opened.version, fresh=False)
    runs = runs_of(opened.version, shelf)
    run = next((one for one in runs if (str(one.number) == number if number else one.counts)), None)
    copy = copy_for(opened, run) if run else None
    if number and copy is None:
        return None
    return Look(opened, shelf, runs, run, copy, mask_of(opened, shelf))


def report_context(seen: Look, *, map_src: str) -> dict[str, Any]:
    """The context of ``quality/page.html``, but for the preview and the runs; ``map_src``: where the map's data are."""
    report = seen.report
    if report is None or seen.run is None or seen.copy is None:
        return {"report": None, "unreadable": seen.copy is not None}
    rows = rows_of(seen.opened, seen.run, report if seen.copy.whole else None, seen.mask)
    hidden = hidden_columns(seen.mask, [column["name"] for column in report["columns"]])
    return {
        "report": report,
        "copy": seen.copy,
        "state": "pass" if report["status"] == "pass" else "block",
        "sentence": words.state_sentence(report),
        "checks": checks_of(seen, report, rows),
        "rows": rows,
        "apart": apart_of(seen, report),
        "geometries": geometries_of(report, rows, map_src),
        "distributions": of_columns.distributions_of(report, hidden)[:MOST_COLUMNS],
        "hidden_distributions": sorted(hidden & {one["name"] for one in report.get("distributions") or ()}),
        "columns": report["columns"][:MOST_COLUMNS],
        "more_columns": max(0, len(report["columns"]) - MOST_COLUMNS),
        "drift": drift_of(seen, report),
    }


def checks_of(seen: Look, report: Mapping[str, Any], rows: Rows) -> list[dict[str, Any]]:
    """Each check with its bullet, its words, its failing rows and where the runbook says how to mend it."""
    anchors = _anchors() if seen.opened.works else {}
    columns = {column["name"] for column in report["columns"]}
    found = []
    for place, check in enumerate(report["checks"]):
        share, value, threshold = words.is_share(check), check["value"], check["threshold"]
        shape, verdict = words.VERDICTS.get(check["verdict"], words.VERDICTS["error"])
        samples = [rows.rows[row] for row in check["sample_rows"] if row in rows.rows]
        section = SECTIONS.get(check["verdict"])
        found.append(
            {
                "place": place,
                "check": check,
                "name": words.PLAIN.get(check["name"], check["name"].replace("_", " ")),
                "fields": words.fields_of(_declared(seen, place, check), columns),
                "value": words.figure(value, share=share),
                "asked": words.asked_for(check["operator"], threshold, share=share),
                "bullet": charts.bullet(value, check["operator"], threshold, share=share),
                "shape": shape,
                "verdict": verdict,
                "severity": words.severity_words(check["severity"]),
                "samples": [_sample(row) for row in samples],
                "sample_columns": list(samples[0]["values"]) if samples else [],
                "unseen": check["sample_rows"] and not samples,
                "mend": (section, anchors.get(section)) if section in anchors else None,
            }
        )
    return found


def _sample(row: Mapping[str, Any]) -> dict[str, Any]:
    """A masked row as cells, so that no column's name is taken for something else in a template."""
    cells = [{"name": n, "value": v, "short": len(str(v)) < LONG_TEXT} for n, v in row["values"].items()]
    return {"row": row["row"], "cells": cells, "geometry": row["geometry"], "withheld": row["withheld"]}


def options_of(seen: Look, report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The checks to choose from in the preview, each with the fields it is about."""
    columns = {column["name"] for column in report["columns"]}
    found = []
    for place, check in enumerate(report["checks"]):
        fields = words.fields_of(_declared(seen, place, check), columns)
        name = words.PLAIN.get(check["name"], check["name"].replace("_", " "))
        found.append({"value": str(place), "label": f"{name}: {', '.join(fields)}" if fields else name})
    return found


def _declared(seen: Look, place: int, check: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec's declaration of a report's check, which stands at the same place; empty when it is another's."""
    declared = (seen.shelf.spec.get("validation") or {}).get("checks") or []
    own = declared[place] if place < len(declared) else None
    return own if isinstance(own, Mapping) and own.get("name") == check["name"] else {}


def _anchors() -> dict[str, str]:
    """The runbook's sections and the anchors its page gives them; empty where there is no such runbook."""
    entry = library.by_id(RUNBOOK)
    return {} if entry is None else {title: anchor for anchor, title, _body in library.rendered(entry)}


def apart_of(seen: Look, report: Mapping[str, Any]) -> dict[str, Any]:
    """The rows set apart, by the checks that refused them, and the files that hold them for those who may open them."""
    reasons = [check for check in report["checks"] if _refuses(check) and (check["counts"].get("failed") or 0)]
    names = Counter[str]()
    for check in reasons:
        names[check["name"]] += check["counts"]["failed"]
    most = max(names.values(), default=0)
    files = {} if seen.run is None or not seen.run.counts else seen.run.files
    return {
        "rows": report.get("rows_quarantined", 0),
        "rejected": report.get("rows_rejected", 0),
        "repaired": report.get("rows_repaired", 0),
        "reasons": [
            {"name": words.PLAIN.get(name, name), "code": name, "count": count, "width": charts.length(count, most)}
            for name, count in names.most_common()
        ]
        if report.get("rows_quarantined")
        else [],
        "file": _openable(seen.opened, files.get("quarantined")),
        "rejects": _openable(seen.opened, files.get("rejects")) if report.get("rows_rejected") else None,
    }


def _refuses(check: Mapping[str, Any]) -> bool:
    """Whether failing rows of this check are set apart, as ``datasets.quality.checks`` decides it."""
    judges = check.get("judges") == "rows" and check["severity"] in BLOCKING_SEVERITIES
    usable = check["threshold"] is not None and check["operator"] in OPERATORS
    return judges and usable and not OPERATORS[check["operator"]](0.0, check["threshold"])


def _openable(opened: Opened, file: VersionArtifact | None) -> VersionArtifact | None:
    return file if file is not None and opened.may_open(file) else None


def geometries_of(report: Mapping[str, Any], rows: Rows, map_src: str) -> dict[str, Any]:
    """The map of failing geometries and its twin."""
    failing = report.get("failing_geometry_rows") or []
    judging = [check for check in report["checks"] if check["name"] in GEOMETRY_CHECKS]
    judged = any(check.get("judges", "rows") == "rows" for check in judging)  # a raster has no geometries
    shown = rows.geometries["features"] if rows.geometries else []
    drawn = len(drawable(rows.geometries)["features"]) if rows.geometries else 0
    table = [
        [one["properties"]["row"], one["geometry"]["type"], _where(one["geometry"])]
        for one in shown[:MOST_ON_MAP_TABLE]
    ]
    notices = []
    if drawn < len(failing):
        notices.append(f"{len(failing) - drawn} of {len(failing)} can't be drawn: empty, off the globe, or withheld.")
    if len(shown) > len(table):
        notices.append(f"The table lists the first {len(table)}.")
    return {
        "failing": len(failing),
        "judged": judged,
        "drawn": drawn,
        "map": {
            "src": map_src,
            "title": "Geometries that fail a check",
            "count": drawn,
            "kinds": ", ".join(sorted({row[1] for row in table})),
            "notice": " ".join(notices),
            "table": {"columns": ["Row", "Kind", "Where"], "rows": table},
        },
    }


def _where(geometry: Mapping[str, Any]) -> str:
    points = points_of(geometry)
    if not points:
        return "nowhere: it is empty"
    across, up = [x for x, _ in points], [y for _, y in points]
    if len(points) == 1:
        return f"{up[0]:.5g}, {across[0]:.5g} (latitude, longitude)"
    return extent_words([min(across), min(up), max(across), max(up)])


def drift_of(seen: Look, report: Mapping[str, Any]) -> dict[str, Any] | None:
    """What moved since the version that was published then; ``withheld`` when that one is not the reader's to open."""
    drift = report.get("drift")
    if not drift:
        return None
    if seen.copy is not None and seen.copy.whole and not _may_know(seen, drift["before"]):
        return {"withheld": True}
    columns = [of_columns.moved(column) for column in drift["columns"]]
    columns.sort(key=lambda one: (-(one["distance"] or 0), one["distance"] is None, one["name"]))
    before, after = drift["rows"]["before"], drift["rows"]["after"]
    extent = drift.get("extent") if seen.mask(Sample(1, (), {}, _SOMEWHERE)).geometry == _SOMEWHERE else None
    return {
        "withheld": False,
        "before_digest": drift["before"],
        "rows": {"before": before, "after": after, "words": of_columns.growth(before, after)},
        "added": drift["columns_added"],
        "removed": drift["columns_removed"],
        "types": drift["type_changes"],
        "columns": columns[:MOST_COLUMNS],
        "still": sum(one["still"] for one in columns),
        "extent": {side: extent_words(box) if box else "none" for side, box in extent.items()} if extent else None,
    }


def _may_know(seen: Look, digest: str | None) -> bool:
    """Whether the reader opens the unreleased files of a version of this dataset whose rows had *digest*."""
    person, dataset_pk = seen.opened.person, seen.opened.version.dataset_id
    opens = visible_versions(person, Action.DOWNLOAD).filter(dataset_id=dataset_pk, files__artifact_id=digest)
    if not INSIDERS & person.roles_on(dataset_pk):
        opens = opens.filter(created_by=person.principal)
    return opens.exists()
