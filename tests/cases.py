"""Third-party cases live beside the checkout, never in it; tests that need them skip by name when absent."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def case_path(*parts: str) -> Path:
    """The path of a case below ``shared/cases``; skips the test, by name, when it is not here."""
    path = CASES.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"case {'/'.join(parts)} is not on this machine")
    return path


def manifest_rows(case_set: str) -> list[dict[str, str]]:
    """The rows of ``MANIFEST.csv`` for one set (``jcs/rfc8785``); empty when the cases are absent."""
    manifest = CASES / "MANIFEST.csv"
    if not manifest.exists():
        return []
    with manifest.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["set"] == case_set]
