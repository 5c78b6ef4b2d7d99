"""Runbooks: KFM's layout for the files that operators follow.

Decides whether a runbook has its ``KFM_META_BLOCK_V2`` comment and the ten sections in their order (design §9), and
whether its Verification names gates that exist. Never runs a step, never reads a file. Keeps the sentence "operators
run ingest, rebuilds and releases by runbook" checkable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.findings import Finding

SECTIONS = (
    "Purpose",
    "Triggers / Symptoms",
    "Prerequisites & access",
    "Inputs",
    "Procedure",
    "Verification (fail-closed checks)",
    "Outputs to attach",
    "Rollback plan",
    "Audit notes",
    "Escalation",
)
CLAUSES = frozenset({"A1", "A2", "B1", "B2", "C1", "C2", "D1", "D2", "D3", "E1", "E2", "F1", "F2", "G1"})
META_REQUIRED = ("doc_id", "title", "type", "version", "status", "owners", "created", "updated", "policy_label")

NAME = re.compile(r"RB-DATA-[0-9]{3}-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
META_BLOCK = re.compile(r"<!--\s*\[?KFM_META_BLOCK_V2\]?[ \t]*\r?\n(.*?)(?:\[/KFM_META_BLOCK_V2\]\s*)?-->", re.DOTALL)
META_LINE = re.compile(r"([a-z_]+):[ \t]*(.*)")
DOC_ID = re.compile(r"kfm://doc/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
HEADING = re.compile(r"##[ \t]+(?:[0-9]+[.)][ \t]+)?(.+?)[ \t#]*$")
FENCE = re.compile(r" {0,3}(```|~~~)")
GATE_WORD = re.compile(r"\b([A-G][0-9])\b|\b[Gg]ates?[ \t]+([A-G])\b")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """A level-2 heading, the line it stands on (from 1), and the Markdown below it."""

    title: str
    line: int
    body: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook's text taken apart: ``meta`` is ``None`` when there is no meta block."""

    meta: Mapping[str, str] | None
    sections: tuple[Section, ...]

    def section(self, title: str) -> Section | None:
        """The first section of that title, compared without regard to case and brackets."""
        return next((section for section in self.sections if _plain(section.title) == _plain(title)), None)


def parse_runbook(text: str) -> Runbook:
    """The meta block (``key: value`` lines) and the level-2 sections; headings inside code fences are text."""
    block = META_BLOCK.search(text)
    meta = None
    if block is not None:
        lines = (META_LINE.fullmatch(line.rstrip()) for line in block[1].splitlines())
        meta = {match[1]: match[2].strip() for match in lines if match is not None}
    return Runbook(meta, tuple(_sections(text)))


def check_runbook(text: str, name: str | None = None) -> list[Finding]:
    """The findings against a runbook; ``name`` is its file name, judged when given. Empty when it has KFM's layout."""
    runbook = parse_runbook(text)
    findings = [] if name is None else _check_name(name)
    findings += _check_meta(runbook.meta)
    findings += _check_sections(runbook)
    verification = runbook.section(SECTIONS[5])
    return findings + ([] if verification is None else _check_verification(verification))


def _sections(text: str) -> Iterator[Section]:
    title, start, body = "", 0, list[str]()
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        mark = FENCE.match(line)
        if mark is not None and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence else HEADING.fullmatch(line)
        if heading is None:
            body.append(line)
            continue
        if title:
            yield Section(title, start, "\n".join(body))
        title, start, body = heading[1], number, []
    if title:
        yield Section(title, start, "\n".join(body))


def _check_name(name: str) -> list[Finding]:
    if NAME.fullmatch(name):
        return []
    return [Finding("runbook_name", "name", "A runbook's file is named RB-DATA-NNN-slug.md.")]


def _check_meta(meta: Mapping[str, str] | None) -> list[Finding]:
    if meta is None:
        message = "The KFM_META_BLOCK_V2 comment is missing."
        return [Finding("meta_block_missing", "meta", message, "Copy it from the template.", "missing")]
    findings = [
        Finding("meta_field_missing", f"meta/{key}", f"The meta block states no {key}.", kind="missing")
        for key in META_REQUIRED
        if not meta.get(key)
    ]
    if meta.get("doc_id") and DOC_ID.fullmatch(meta["doc_id"]) is None:
        findings.append(Finding("meta_doc_id", "meta/doc_id", "A doc_id is kfm://doc/<uuid>, in lower case."))
    return findings + [
        Finding("meta_day", f"meta/{key}", f"{key} is a day: YYYY-MM-DD.")
        for key in ("created", "updated")
        if meta.get(key) and DAY.fullmatch(meta[key]) is None
    ]


def _check_sections(runbook: Runbook) -> list[Finding]:
    findings = []
    reached = 0
    for title in SECTIONS:
        held = [section for section in runbook.sections if _plain(section.title) == _plain(title)]
        if not held:
            message = f"The section “{title}” is missing."
            findings.append(Finding("section_missing", title, message, f"Add “## {title}”.", "missing"))
            continue
        if len(held) > 1:
            findings.append(Finding("section_repeated", f"line {held[1].line}", f"“{title}” stands twice."))
        if held[0].line < reached:
            message = f"“{title}” stands before a section that it should follow."
            findings.append(Finding("section_out_of_order", f"line {held[0].line}", message))
        reached = max(reached, held[0].line)
        if not COMMENT.sub("", held[0].body).strip():
            where = f"line {held[0].line}"
            findings.append(Finding("section_empty", where, f"“{title}” says nothing.", kind="missing"))
    return findings


def _check_verification(section: Section) -> list[Finding]:
    where = f"line {section.line}"
    named = list(GATE_WORD.finditer(section.body))
    if not named:
        message = "Verification names no gate or clause, such as A1; it maps 1:1 to the gates it touches."
        return [Finding("verification_names_no_gate", where, message)]
    unknown = sorted({match[1] for match in named if match[1]} - CLAUSES)
    return [Finding("clause_unknown", where, f"There is no clause {clause}.") for clause in unknown]


def _plain(title: str) -> str:
    """A title without its bracketed remark, case and emphasis: “Verification (fail-closed checks)” is Verification."""
    return re.sub(r"\(.*?\)|[*_`]", "", title).strip().casefold()
