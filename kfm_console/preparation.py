"""What must be made ready before the console can serve, and what is still ready from the last start.

A step is skipped only on the embedded database, whose file can be recognized; on any other, ``migrate`` and
``load_demo`` are asked every time (both do nothing when there is nothing to do). Deletes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_Stamps = dict[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """*database_file*: None when the database is not an SQLite file. *demo*: whether the demo is wanted."""

    base: Path
    static_root: Path
    static_sources: tuple[Path, ...]
    database_file: Path | None
    stamp_file: Path
    demo: bool


def _fingerprint(files: Iterable[Path], *facts: str) -> str:
    digest = hashlib.sha256("\0".join(facts).encode("utf-8"))
    for file in sorted(files):
        stat = file.stat()
        digest.update(f"\0{file}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def _files_below(roots: Iterable[Path]) -> list[Path]:
    return [file for root in roots if root.is_dir() for file in root.rglob("*") if file.is_file()]


def wanted(layout: Layout) -> _Stamps:
    """Step name → fingerprint of everything its result depends on; a step without one is always run."""
    requirements = layout.base / "requirements" / "console.txt"
    found: _Stamps = {}
    if (layout.static_root / "staticfiles.json").is_file():
        found["collectstatic"] = _fingerprint([requirements, *_files_below(layout.static_sources)])
    file = layout.database_file
    if file is not None and file.is_file():
        identity = f"{file}:{file.stat().st_ino}"
        migrations = layout.base.glob("*/migrations/*.py")
        found["migrate"] = _fingerprint([requirements, *migrations], identity)
        found["load_demo"] = _fingerprint([], identity)
    return found


def steps_due(layout: Layout) -> list[str]:
    """Names of the management commands to run, in an order that is safe: ``load_demo`` needs the other two."""
    steps = ["migrate", "collectstatic", *(["load_demo"] if layout.demo else [])]
    done = _read(layout.stamp_file)
    now = wanted(layout)
    return [step for step in steps if step not in now or done.get(step) != now[step]]


def record(layout: Layout, steps: Iterable[str]) -> None:
    """Remember that *steps* were just run with success."""
    now = wanted(layout)
    stamps = _read(layout.stamp_file) | {step: now[step] for step in steps if step in now}
    draft = layout.stamp_file.with_suffix(".draft")
    draft.write_text(json.dumps(stamps, indent=1, sort_keys=True), encoding="utf-8")
    draft.replace(layout.stamp_file)


def _read(path: Path) -> _Stamps:
    if not path.is_file():
        return {}
    try:
        stamps = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}  # an unreadable stamp only means that every step is run again
    return stamps if isinstance(stamps, dict) else {}
