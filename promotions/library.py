"""The shelf of runbooks: reads ``docs/runbooks/data`` and renders Markdown, with no HTML of its own let through.

Decides nothing about a runbook's layout (``runbooks`` does), and runs no step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from audit.findings import Finding
from promotions.runbooks import check_runbook, parse_runbook

FOLDER = Path("docs/runbooks/data")
RUNBOOK_ID = re.compile(r"RB-DATA-[0-9]{3}")
KINDS = {"templates": "Templates", "onboarding": "Onboarding", "operations": "Operations", "incidents": "Incidents"}
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True)
class Entry:
    """One runbook on the shelf. ``findings``: what its layout lacks."""

    runbook_id: str
    title: str
    kind: str
    purpose: str
    owners: str
    updated: str
    path: Path
    findings: tuple[Finding, ...]


def shelf() -> list[Entry]:
    """Every runbook, by id; templates last."""
    folder = Path(settings.BASE_DIR) / FOLDER
    found = [_entry(path) for path in sorted(folder.rglob("RB-DATA-*.md"))] if folder.is_dir() else []
    return sorted(found, key=lambda entry: (entry.kind == KINDS["templates"], entry.runbook_id))


def by_id(runbook_id: str) -> Entry | None:
    """The runbook with that id, or ``None``."""
    return next((entry for entry in shelf() if entry.runbook_id == runbook_id), None)


def rendered(entry: Entry) -> list[tuple[str, str, SafeString]]:
    """Its sections: an anchor, the title, the text as HTML."""
    sections = parse_runbook(entry.path.read_text()).sections
    return [(f"s{number}", s.title, _html(s.body)) for number, s in enumerate(sections, start=1)]


def _html(body: str) -> SafeString:
    # markdown-it escapes every HTML the text holds (html=False), so what it returns is its own.
    html: SafeString = mark_safe(_markdown.render(_COMMENT.sub("", body)))  # noqa: S308
    return html


def _entry(path: Path) -> Entry:
    text = path.read_text()
    runbook = parse_runbook(text)
    meta = runbook.meta or {}
    purpose = runbook.section("Purpose")
    match = RUNBOOK_ID.match(path.name)
    return Entry(
        runbook_id=match[0] if match else path.stem,
        title=meta.get("title") or path.stem,
        kind=KINDS.get(path.parent.name, "Other"),
        purpose=_COMMENT.sub("", purpose.body).strip().split("\n\n")[0].replace("\n", " ") if purpose else "",
        owners=meta.get("owners", ""),
        updated=meta.get("updated", ""),
        path=path,
        findings=tuple(check_runbook(text, path.name)),
    )
