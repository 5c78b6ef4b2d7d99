"""The Catalogs tab: DCAT, STAC and PROV aligned by field, each cross-link followed, and what gate D says of all of it.

Reads the current catalog documents as they lie in the store. Judges nothing: whether fields agree is ``alignment``'s,
whether links hold is gate D's, asked here as the board asks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from audit.findings import Finding
from datasets.catalogs.alignment import Cell, Row, align
from datasets.catalogs.cross_links import Known
from datasets.catalogs.evidence_index import evidence_refs, place_of
from datasets.catalogs.followed_links import Followed, follow, left_over
from datasets.catalogs.sayings import Column, Documents, Read, Said, read_partly
from datasets.models import VersionArtifact
from promotions import gates
from promotions.evidence import collect
from promotions.gates import ClauseFinding, d_catalogs
from promotions.readers.triplet_words import (
    STATES,
    VERDICTS,
    document_word,
    fields_sentence,
    last_name,
    shown,
)
from promotions.readers.version_page import PART_WORDS, Opened
from promotions.shelf import Shelf

NAMES: dict[Column, str] = {"dcat": "DCAT", "stac": "STAC", "prov": "PROV"}
#: Parts of the version that each column reads, and the other forms of the same.
COLUMN_PARTS: dict[Column, tuple[str, ...]] = {
    "dcat": ("dcat", "dcat_turtle"),
    "stac": ("stac_collection", "stac_item"),
    "prov": ("prov", "prov_turtle"),
}


def triplet(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``triplet/triplet.html``; ``documents`` is empty before the catalogs are built."""
    files = {file.part: file for file in shelf.files}
    filed = [(column, part) for column, parts in COLUMN_PARTS.items() for part in parts if part in files]
    if not filed:
        return {"columns": [], "rows": 0}
    return _Page(opened, shelf, files).context()


class _Page:
    """One look at one version's triplet."""

    def __init__(self, opened: Opened, shelf: Shelf, files: Mapping[str, VersionArtifact]) -> None:
        self.version, self.shelf, self.files = opened.version, shelf, files
        evidence = collect(shelf, "D")["D"]
        assert isinstance(evidence, d_catalogs.Evidence)
        self.evidence = evidence
        self.result = gates.evaluate("D", evidence)
        self.read: Read = read_partly(
            Documents(evidence.dcat, evidence.stac_collection, evidence.stac_items, evidence.prov)
        )
        self.receipts = {receipt.run_id: receipt.document_id for receipt in shelf.receipts.values()}

    def context(self) -> dict[str, Any]:
        rows = align(self.read)
        followed = self._followed()
        said = Counter(row.verdict for row in rows)
        off = [row for row in rows if row.verdict in ("differ", "missing")]
        amiss = bool(off or said["unread"])
        states = Counter(one.state for one in followed)
        return {
            "columns": [self._column(column) for column in NAMES],
            "off": [self._row(row) for row in off],
            "groups": [
                {"name": name, "rows": [self._row(row) for row in of_group]}
                for name, of_group in groupby(rows, key=lambda row: row.group)
            ],
            "rows": len(rows),
            "fields_state": "block"
            if said["differ"]
            else VERDICTS["missing" if off else "unread"][0]
            if amiss
            else "pass",
            "fields_sentence": fields_sentence(said, len(rows)),
            "rules": self._by_rule(followed),
            "resolved": states["resolved"],
            "unresolved": states["unresolved"],
            "unchecked": states["unchecked"],
            "unchecked_reason": next((one.reason for one in followed if one.state == "unchecked"), ""),
            "others": [self._finding(f) for f in left_over(self._of_clause("D2"), followed)],
            "evidence_refs": self._refs(),
        }

    # --- what gate D said ---

    def _of_clause(self, clause: str) -> list[Finding]:
        found = [f for f in self.result.findings if f.clause == clause]
        return [Finding(f.code, f.where, f.message, f.fix, f.kind) for f in found]

    def _followed(self) -> list[Followed]:
        whole = self.shelf.triplet() is not None
        reason = " ".join(self.read.problems.values()) or "Gate D could not be asked."
        findings = self._of_clause("D2")
        crashed = any(finding.code == "check_crashed" for finding in findings)
        judged = findings if whole and not crashed else None
        known = Known.of(self.read.triplet, self.evidence.receipts, self.evidence.artifacts)
        return follow(known, judged, reason)

    def _refs(self) -> list[dict[str, Any]]:
        documents = self.shelf.triplet()
        refs = evidence_refs(documents) if documents else []
        found = self._of_clause("D3")
        unresolved = {finding.where for finding in found}
        crashed = any(finding.code == "check_crashed" for finding in found)
        words = {"error": "could not check", "block": "unresolved", "pass": "✓ resolved"}
        states = ["error" if crashed else "block" if place_of(ref) in unresolved else "pass" for ref in refs]
        address = reverse("promotions:evidence")
        return [
            {"ref": ref, "state": state, "word": words[state], "href": f"{address}?{urlencode({'ref': ref})}"}
            for ref, state in zip(refs, states, strict=True)
        ]

    # --- documents ---

    def _column(self, column: Column) -> dict[str, Any]:
        parts = COLUMN_PARTS[column]
        judged = parts[:1] if column != "stac" else parts
        found = [f for f in self.result.findings if f.clause == "D1" and f.where.partition("#")[0].startswith(judged)]
        problems = [text for name, text in self.read.problems.items() if name.partition("/")[0] == column]
        crashed = [f for f in self.result.findings if f.clause == "D1" and f.code == "check_crashed"]
        state = "error" if problems or crashed else "block" if found else "pass"
        words = {"error": "could not check", "pass": "valid under KFM's profile"}
        count = f"{len(found)} finding{'s' if len(found) != 1 else ''} under D1"
        return {
            "name": NAMES[column],
            "state": state,
            "word": words.get(state, count),
            "problems": problems,
            "findings": [self._finding(f) for f in found],
            "sources": [self._source(part) for part in parts if part in self.files],
        }

    def _source(self, part: str) -> dict[str, str]:
        digest = self.files[part].artifact_id
        return {"name": PART_WORDS[part], "digest": digest, "href": self._href(digest)}

    def _finding(self, finding: Finding | ClauseFinding) -> dict[str, Any]:
        name, _, place = finding.where.partition("#")
        digest = self._digest_of(name.replace("stac_item/0", "stac_item"))
        return {
            "code": finding.code,
            "message": finding.message,
            "where": finding.where,
            "fix": finding.fix,
            "kind": finding.kind,
            "source": self._href(digest, place or finding.where) if digest else "",
        }

    def _digest_of(self, document: str) -> str:
        """The digest of a document by the names that findings, sayings and links use; empty for anything else."""
        part = {"stac/collection": "stac_collection"}.get(document, document)
        if document.startswith("stac/items"):
            part = "stac_item"
        return self.files[part].artifact_id if part in self.files else ""

    def _href(self, digest: str, where: str = "") -> str:
        address = reverse(
            "promotions:evidence_document", args=[self.version.dataset.slug, self.version.version_id, digest]
        )
        return f"{address}?{urlencode({'where': where[:300]})}" if where else address

    # --- rows ---

    def _row(self, row: Row) -> dict[str, Any]:
        shape, word = VERDICTS[row.verdict]
        return {
            "name": row.name,
            "group": row.group,
            "state": shape,
            "word": word,
            "verdict": row.verdict,
            "cells": [self._cell(cell, row.name) for cell in row.cells],
        }

    def _cell(self, cell: Cell, name: str) -> dict[str, Any]:
        texts: dict[str, list[Said]] = {}
        for said in cell.said:
            texts.setdefault(shown(said, name), []).append(said)
        return {
            "label": NAMES[cell.column],
            "state": cell.state,
            "said": [self._said(text, same, split=len(texts) > 1) for text, same in texts.items()],
            "absent": [document_word(source) for source in cell.absent],
        }

    def _said(self, text: str, same: Sequence[Said], *, split: bool) -> dict[str, str]:
        digest = self._digest_of(same[0].source)
        return {
            "text": text,
            "whole": same[0].text,
            "source": ", ".join(dict.fromkeys(document_word(one.source) for one in same)) if split else "",
            "href": self._href(digest, same[0].where) if digest else "",
        }

    # --- links ---

    def _by_rule(self, followed: Sequence[Followed]) -> list[dict[str, Any]]:
        """The links of each rule, those amiss first; of a rule with many that all resolve, only their number shows."""
        found = []
        for rule in dict.fromkeys(one.link.rule for one in followed):
            same = sorted((one for one in followed if one.link.rule == rule), key=lambda one: one.state == "resolved")
            worst = next((s for s in ("unresolved", "unchecked") if any(one.state == s for one in same)), "resolved")
            found.append(
                {
                    "rule": rule,
                    "links": [self._link(one) for one in same],
                    "state": STATES[worst][0],
                    "resolved": sum(one.state == "resolved" for one in same),
                    "folded": worst == "resolved",
                }
            )
        return sorted(found, key=lambda one: one["folded"])

    def _link(self, one: Followed) -> dict[str, Any]:
        shape, word = STATES[one.state]
        link = one.link
        made_in = self.receipts.get(link.at, "") if link.document == "receipt" else self._digest_of(link.document)
        leads_to = self._target(link.target_document, link.target)
        return {
            "from": document_word(link.document),
            "at": last_name(link.at),
            "from_href": self._href(made_in, link.at) if made_in else "",
            "to": link.target.removeprefix("kfm://") or "nothing",
            "to_href": leads_to,
            "state": shape,
            "word": word,
            "findings": [f.message for f in one.findings] or ([one.reason] if one.state == "unresolved" else []),
        }

    def _target(self, document: str, target: str) -> str:
        """Where a link leads to: a document at its line; for stored bytes, the receipt of the run that made them."""
        if document == "receipt":
            return self._href(self.receipts[target]) if target in self.receipts else ""
        if document:
            digest = self._digest_of(document)
            return self._href(digest, target) if digest else ""
        digest = target.removeprefix("kfm://artifact/")
        maker = next((file.receipt for file in self.shelf.files if file.artifact_id == digest), None)
        return self._href(maker.document_id, digest) if maker else ""
