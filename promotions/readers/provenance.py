"""The Provenance tab: source, runs, artifacts and release as a drawn graph and, word for word, as a list.

Pure but for reading receipts from the shelf: what a run used and made is what its receipt says. Judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promotions.evidence import Shelf
from promotions.readers.version_page import OPEN_PARTS, PART_WORDS, Opened
from promotions.releases import latest_release

RUN_X, RUN_WIDTH, ARTIFACT_X, ARTIFACT_WIDTH = 8, 190, 320, 560
ROW, BOX = 40, 30
VERBS = {
    "ingest": "Ingest",
    "validate": "Normalize and check",
    "redact": "Apply obligations",
    "catalog": "Build the catalogs",
}


@dataclass(slots=True)
class Node:
    """One box. ``kind``: source, run, artifact or release; ``y``: its middle, in pixels."""

    kind: str
    label: str
    note: str
    digest: str
    y: int = 0


def provenance(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``versions/provenance.html``: boxes, edges and the same told as sentences."""
    acquisition = opened.version.acquisition
    source = Node("source", "Source", acquisition.file_name if opened.works else "as acquired", acquisition.source_id)
    artifacts: dict[str, Node] = {acquisition.source_id: source}
    runs: list[Node] = []
    edges: list[tuple[Node, Node, str]] = []
    told: list[dict[str, Any]] = []
    order: list[Node] = [source]
    for receipt in sorted(shelf.receipts.values(), key=lambda r: r.ledger_index):
        document = shelf.json(receipt.document_id) or {}
        run = Node("run", VERBS.get(receipt.operation, receipt.operation), receipt.run_id, receipt.document_id)
        runs.append(run)
        order.append(run)
        used = [artifacts[d] for d in _digests(document, "inputs") if d in artifacts]
        made = _made(opened, shelf, receipt.run_id, artifacts)
        order += made
        edges += [(node, run, "used") for node in used] + [(run, node, "made") for node in made]
        told.append({"run": run, "at": receipt.created_at, "used": used, "made": made})
    _release(opened, artifacts, order, edges, told)
    height = _place(order)
    return {
        "nodes": order,
        "edges": [_edge(a, b, kind) for a, b, kind in edges],
        "told": told,
        "width": ARTIFACT_X + ARTIFACT_WIDTH + 8,
        "height": height,
        "shape": {
            "run_x": RUN_X,
            "run_width": RUN_WIDTH,
            "artifact_x": ARTIFACT_X,
            "artifact_width": ARTIFACT_WIDTH,
            "box": BOX,
        },
        "boxes": [_box(node) for node in order],
    }


def _digests(document: dict[str, Any], key: str) -> list[str]:
    return [str(row["digest"]) for row in document.get(key) or [] if isinstance(row, dict) and "digest" in row]


def _made(opened: Opened, shelf: Shelf, run_id: str, artifacts: dict[str, Node]) -> list[Node]:
    """The boxes of what a run made, those not drawn yet; what is not released is drawn for those who work here."""
    found = []
    for file in shelf.files:
        if file.receipt_id != run_id or file.artifact_id in artifacts or not (opened.works or file.part in OPEN_PARTS):
            continue
        words = PART_WORDS.get(file.part, file.part)
        node = Node("artifact", words[0].upper() + words[1:], file.path.rsplit("/", 1)[-1], file.artifact_id)
        artifacts[file.artifact_id] = node
        found.append(node)
    return found


def _release(
    opened: Opened,
    artifacts: dict[str, Node],
    order: list[Node],
    edges: list[tuple[Node, Node, str]],
    told: list[dict[str, Any]],
) -> None:
    release = latest_release(opened.version)
    if release is None:
        return
    run = Node("run", "Release", f"{release.released_at:%Y-%m-%d %H:%M} UTC", release.manifest_digest)
    node = Node("release", "Promotion manifest", "what was released, file by file", release.manifest_digest)
    used = [n for n in artifacts.values() if n.digest in release.manifest]
    order += [run, node]
    edges += [(n, run, "used") for n in used] + [(run, node, "made")]
    told.append({"run": run, "at": release.released_at, "used": used, "made": [node]})


def _place(order: list[Node]) -> int:
    """Gives every box its height on the page: artifacts below one another, a run beside the first it made."""
    y = ROW // 2
    waiting: Node | None = None
    for node in order:
        if node.kind == "run":
            if waiting is not None:
                y += ROW
            node.y, waiting = y, node
            continue
        node.y, waiting = y, None
        y += ROW
    return y + (ROW if waiting is not None else 0)


def _box(node: Node) -> dict[str, Any]:
    left, width = (RUN_X, RUN_WIDTH) if node.kind == "run" else (ARTIFACT_X, ARTIFACT_WIDTH)
    return {
        "node": node,
        "x": left,
        "y": node.y - BOX // 2,
        "width": width,
        "height": BOX,
        "text_x": left + 10,
        "text_y": node.y + 4,
    }


def _edge(start: Node, end: Node, kind: str) -> dict[str, str]:
    """A curve between the run's right side and the artifact's left side, whichever way it goes."""
    x1, x2 = (RUN_X + RUN_WIDTH, ARTIFACT_X) if kind == "made" else (ARTIFACT_X, RUN_X + RUN_WIDTH)
    middle = (x1 + x2) // 2
    return {"kind": kind, "d": f"M{x1} {start.y}C{middle} {start.y} {middle} {end.y} {x2} {end.y}"}
