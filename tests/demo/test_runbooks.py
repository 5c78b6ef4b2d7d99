"""The runbooks that the app links to are whole, and what they tell people to press is on a page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from promotions import library
from promotions.openings import RUNBOOKS
from promotions.runbooks import SECTIONS

BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
IDS = ("RB-DATA-001", "RB-DATA-010", "RB-DATA-020", "RB-DATA-050")


@cache
def _pages() -> str:
    root = Path(settings.BASE_DIR)
    files = [*(root / "templates").rglob("*.html")]
    files += [path for app in ("promotions", "datasets", "kfm_console") for path in (root / app).rglob("*.py")]
    return re.sub(r"\s+", " ", " ".join(path.read_text() for path in files)).casefold()


@pytest.mark.parametrize("runbook_id", IDS)
def test_what_a_runbook_says_to_press_is_on_a_page(runbook_id: str) -> None:
    entry = library.by_id(runbook_id)
    assert entry is not None
    named = {re.sub(r"\s+", " ", bold).rstrip("….") for bold in BOLD.findall(entry.path.read_text())}
    assert len(named) > 10
    assert {words for words in named if words.casefold() not in _pages()} == set()


@pytest.mark.parametrize("runbook_id", sorted({*IDS, *RUNBOOKS.values()}))
def test_each_linked_runbook_has_its_sections_and_their_anchors(runbook_id: str) -> None:
    entry = library.by_id(runbook_id)
    assert entry is not None
    assert entry.findings == ()
    shown = library.rendered(entry)
    assert tuple(title for _, title, _ in shown) == SECTIONS
    assert len({anchor for anchor, _, _ in shown}) == len(SECTIONS)


@pytest.mark.parametrize("runbook_id", IDS)
def test_each_row_of_verification_is_of_one_clause_and_each_clause_has_one_row(runbook_id: str) -> None:
    entry = library.by_id(runbook_id)
    assert entry is not None
    section = entry.path.read_text().split("## Verification (fail-closed checks)")[1].split("\n## ")[0]
    clauses = [row.split("|")[2].strip() for row in section.splitlines() if row.startswith("| ")][1:]
    assert all(re.fullmatch(r"[A-G][1-3]", clause) for clause in clauses)
    assert len(clauses) == len(set(clauses))
