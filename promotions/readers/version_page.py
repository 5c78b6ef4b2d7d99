"""What a version's page shows, tab by tab, and to whom each tab is open.

Reads through ``enforcement`` only: hidden and absent are the same ``None``. Decides which facts of the workflow
(people, gates, history) are shown: to those who hold a role on the dataset, never to the public. Judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datasets.enforcement import declared_obligations, find_version, look_up, may, visible_versions
from datasets.models import DatasetVersion, VersionArtifact
from datasets.people import Person, names_of
from datasets.policy.obligation_words import sentence
from datasets.policy.obligations import ObligationError, parse_obligation
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions.models import Evaluation, Tombstone, Transition
from promotions.readers.as_owed import as_owed_now
from promotions.readers.dataset_page import strip_of
from promotions.shelf import CATALOG_PARTS, RECORD_PARTS, RELEASED_PARTS, Shelf
from promotions.states import RULES, STATIONS, State, Verb

OPEN_PARTS = frozenset({*RELEASED_PARTS, *CATALOG_PARTS})
#: Those who open what was uploaded, what was rejected, and what obligations have not been applied to.
INSIDERS = frozenset({Role.REVIEWER, Role.STEWARD, Role.OPERATOR})
TABS: dict[str, str] = {
    "overview": "Overview",
    "files": "Files",
    "qa": "QA",
    "policy": "Policy",
    "catalogs": "Catalogs",
    "provenance": "Provenance",
    "receipts": "Receipts",
    "history": "History",
}
PART_WORDS: dict[str, str] = {
    "source": "the source, as uploaded",
    "terms": "the terms snapshot",
    "acquisition_manifest": "the acquisition manifest",
    "intake_report": "the intake report",
    "normalized": "the data before obligations were applied",
    "measured": "the normalized data, before rows were set apart",
    "quarantined": "the rows set apart, with the reason for each",
    "raster": "what the reader found in the raster",
    "reference_system": "the coordinate system of the data",
    "rejects": "the rejected records",
    "data": "the data",
    "preview": "the small map",
    "qa_report": "the QA report",
    "qa_report_whole": "the QA report, whole, for those inside",
    "verification": "how the obligations were verified",
    "catalog_verification": "how the obligations were verified, with the catalogs",
    "leak_report": "the leak check of what goes out",
    "link_report": "the link-integrity report",
    "transform_log": "what the obligations changed",
    "dcat": "DCAT",
    "dcat_turtle": "DCAT, as Turtle",
    "stac_collection": "STAC collection",
    "stac_item": "STAC item",
    "prov": "PROV",
    "prov_turtle": "PROV, as Turtle",
    "receipt": "run receipt",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A version and what the reader may see of it. ``works``: has a role on the dataset; ``inside``: see INSIDERS.

    ``overtaken``: the label asks for more than the bytes were made under, so who is not inside gets none of them.
    """

    version: DatasetVersion
    person: Person
    read: bool
    read_qa: bool
    download: bool
    bytes_open: bool
    works: bool
    inside: bool
    overtaken: bool = False

    def tabs(self) -> list[str]:
        """The tabs open to this reader, in order."""
        found = [name for name in TABS if name not in {"qa", "history"}] if self.read else []
        if self.read_qa:
            found.insert(min(2, len(found)), "qa")
        return [*found, "history"] if self.works and self.read else found

    def may_open(self, file: VersionArtifact) -> bool:
        """Whether this reader may have the bytes of *file*."""
        held_back = action_for(file) is Action.DOWNLOAD and not self.bytes_open
        return self.download and not held_back and (file.part in OPEN_PARTS or self.inside)


def action_for(file: VersionArtifact) -> Action:
    """What opening *file* is: reading a record of the data, which stays open where the data are held back, or not."""
    return Action.READ if file.part in CATALOG_PARTS else RECORD_PARTS.get(file.part, Action.DOWNLOAD)


def open_version(person: Person, slug: str, version_id: str, at: datetime) -> Opened | None:
    """The version, when *person* may read its record or at least its QA report."""
    found = look_up(person, slug, version_id, Action.READ, Action.READ_QA)
    if found is None:
        return None
    version, read = found.version, found.action is Action.READ
    roles = person.roles_on(version.dataset_id)
    declared = declared_obligations(version)
    inside = bool(INSIDERS & roles) or (bool(roles) and version.created_by == person.principal)
    allowed = may(person, version, Action.DOWNLOAD, at)
    overtaken = allowed and not inside and not as_owed_now(version)
    download = allowed and not overtaken
    return Opened(
        version=version,
        person=person,
        read=read,
        read_qa=may(person, version, Action.READ_QA, at),
        download=download,
        bytes_open=download and (not declared or may(person, version, Action.DOWNLOAD, at, obligations=declared)),
        works=bool(roles),
        inside=inside,
        overtaken=overtaken,
    )


def tombstone_of(person: Person, slug: str, version_id: str) -> Tombstone | None:
    """What stands where the version was served, when *person* may read that."""
    version = find_version(person, slug, version_id, Action.READ_TOMBSTONE)
    if version is None:
        return None
    return Tombstone.objects.filter(version=version).select_related("version__dataset", "successor__dataset").first()


def tombstone_context(person: Person, tombstone: Tombstone) -> dict[str, Any]:
    """The tombstone, and its successor only when the reader may know of that one."""
    successor = tombstone.successor
    known = successor is not None and visible_versions(person).filter(pk=successor.pk).exists()
    return {"tombstone": tombstone, "successor": successor if known else None}


def heading(opened: Opened) -> dict[str, Any]:
    """What stands above the tabs: rail, and for those who work here the strip."""
    version = opened.version
    moves = list(Transition.objects.filter(version=version))
    last = Evaluation.objects.filter(version=version).first() if opened.works else None
    names = names_of({move.actor for move in moves} | {version.created_by}) if opened.works else {}
    tombstone = Tombstone.objects.filter(version=version).select_related("successor__dataset").first()
    return {
        "version": version,
        "opened": opened,
        "standing": version.standing,
        "rail": rail_of(State(version.standing.state), moves, names),
        "strip": strip_of(last.results) if last else strip_of(None) if opened.works else None,
        "evaluated_at": last.at if last else None,
        "proposed_by": names.get(version.created_by),
        **(tombstone_context(opened.person, tombstone) if tombstone else {}),
    }


def rail_of(standing: State, moves: list[Transition], names: dict[str, str]) -> dict[str, Any]:
    """Where the version is and when it passed each station; by whom, where *names* has them."""
    arrived = {State(move.to_state): move for move in moves}
    struck = standing in {State.WITHDRAWN, State.SUPERSEDED}
    here = {State.DENIED: State.QUARANTINE}.get(standing, State.PUBLISHED if struck else standing)

    def station(state: State) -> dict[str, Any]:
        move = arrived.get(state)
        place = "here" if state is here else "passed" if move and _behind(state, here) else "ahead"
        if struck and state is State.PUBLISHED:
            place, move = "struck", arrived.get(standing, move)
        found: dict[str, Any] = {"name": state.value, "state": place}
        if move is not None and place != "ahead":
            verb = RULES[Verb(move.verb)].past if struck and state is State.PUBLISHED else ""
            found |= {
                "at": f"{move.at:%d %b, %H:%M}",
                "by": " by ".join(filter(None, [verb, names.get(move.actor, "")])),
            }
        return found

    siding = station(State.QUARANTINE) if State.QUARANTINE in arrived else None
    if siding and standing is State.DENIED:
        siding |= {"label": "DENIED", "state": "struck"}
    elif siding and here is not State.QUARANTINE:
        siding["state"] = "passed"
    return {"stations": [station(state) for state in STATIONS], "siding": siding}


def _behind(state: State, here: State) -> bool:
    at = STATIONS.index(State.WORK if here is State.QUARANTINE else here)
    return state in STATIONS and STATIONS.index(state) <= at


def overview(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The map and its twin, the terms, the label and what it binds to."""
    report = shelf.json(shelf.digest_of("qa_report")) if opened.read_qa else None
    return {
        "map": _map(opened, shelf, report),
        "report": report,
        "spec": shelf.spec,
        "obligations": [obligation_words(o) for o in decision_of(shelf).get("obligations", ())],
        "acquisition": opened.version.acquisition,
    }


def _map(opened: Opened, shelf: Shelf, report: dict[str, Any] | None) -> dict[str, Any] | None:
    """The map, where the reader may have bytes and there are some; its twin comes from the very picture it draws."""
    preview = shelf.json(shelf.digest_of("preview")) if opened.download else None
    if preview is None:
        return None
    features = preview.get("features") or []
    kinds = sorted({f["geometry"]["type"] for f in features if f.get("geometry")})
    item = shelf.json(shelf.digest_of("stac_item")) or {}
    bbox = item.get("bbox") or _bbox(features)
    drawn = (
        f"The map draws {len(features)} of them, simplified."
        if report and len(features) < report.get("rows", 0)
        else None
    )
    return {
        "title": f"{opened.version.dataset.slug} @ {opened.version.version_id}",
        "count": report.get("rows") if report and shelf.part("normalized") is None else len(features),
        "kinds": ", ".join(kinds),
        "bbox": ",".join(f"{n:g}" for n in bbox) if bbox else None,
        "extent": extent_words(bbox) if bbox else None,
        "notice": drawn,
    }


def extent_words(bbox: Sequence[float]) -> str:
    """``102.05° W to 94.59° W, 36.99° N to 40.00° N``: a bounding box (west, south, east, north; degrees) in words."""
    west, south, east, north = bbox[0], bbox[1], bbox[len(bbox) // 2], bbox[len(bbox) // 2 + 1]
    return f"{_side(west, 'E', 'W')} to {_side(east, 'E', 'W')}, {_side(south, 'N', 'S')} to {_side(north, 'N', 'S')}"


def _side(degrees: float, above: str, below: str) -> str:
    return f"{abs(degrees):.2f}° {below if degrees < 0 else above}"


def _bbox(features: list[dict[str, Any]]) -> list[float] | None:
    points = [point for f in features if f.get("geometry") for point in _points(f["geometry"].get("coordinates"))]
    if not points:
        return None
    return [min(p[0] for p in points), min(p[1] for p in points), max(p[0] for p in points), max(p[1] for p in points)]


def _points(value: Any) -> list[list[float]]:
    if not isinstance(value, list) or not value:
        return []
    return [value] if isinstance(value[0], (int, float)) else [point for part in value for point in _points(part)]


def files(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The current files: what is released for everyone who reads; all of them for those who work here."""
    listed = [f for f in shelf.files if opened.works or f.part in OPEN_PARTS]
    return {
        "files": [{"file": f, "words": PART_WORDS.get(f.part, f.part), "open": opened.may_open(f)} for f in listed],
        "withheld": any(not opened.may_open(f) for f in listed),
    }


def receipts(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The receipts that count now, in the order of the ledger, each as stored."""
    found = sorted(shelf.receipts.values(), key=lambda r: r.ledger_index)
    names = names_of({r.principal for r in found}) if opened.works else {}
    return {
        "receipts": [
            {"receipt": r, "by": names.get(r.principal), "text": pretty(shelf.json(r.document_id))} for r in found
        ]
    }


def pretty(document: dict[str, Any] | None) -> str:
    """The document, indented for reading; ``""`` when it is not there or damaged."""
    return "" if document is None else json.dumps(document, indent=2, ensure_ascii=False)


def decision_of(shelf: Shelf) -> dict[str, Any]:
    """The release decision as recorded; empty when none was."""
    return json.loads(shelf.decision.canonical) if shelf.decision else {}


def obligation_words(obligation: dict[str, Any]) -> str:
    """What the obligation does, as one sentence; one that the console does not know is named as it is written."""
    try:
        return sentence(parse_obligation(obligation))
    except ObligationError:
        return f"Not known here: {json.dumps(obligation, sort_keys=True, ensure_ascii=False)}"


Tab = Callable[[Opened, Shelf], dict[str, Any]]
