"""A second start repeats nothing, and a changed input is never taken for prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kfm_console.preparation import Layout, record, steps_due

ALL = ["migrate", "collectstatic", "load_demo"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name in ("requirements/console.txt", "app/migrations/0001_initial.py", "static/console.css"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first\n")
    return Layout(
        base=tmp_path,
        static_root=tmp_path / "collected",
        static_sources=(tmp_path / "static",),
        database_file=tmp_path / "console.sqlite3",
        stamp_file=tmp_path / "prepared.json",
        demo=True,
    )


@pytest.fixture
def prepared(layout: Layout) -> Layout:
    layout.static_root.mkdir()
    (layout.static_root / "staticfiles.json").write_text("{}")
    assert layout.database_file is not None
    layout.database_file.write_text("rows")
    record(layout, ALL)
    assert steps_due(layout) == []
    return layout


def test_the_first_start_runs_everything(layout: Layout) -> None:
    assert steps_due(layout) == ALL
    assert steps_due(replace(layout, demo=False)) == ["migrate", "collectstatic"]


def test_a_changed_stylesheet_is_collected_again(prepared: Layout) -> None:
    (prepared.base / "static/console.css").write_text("changed\n")
    assert steps_due(prepared) == ["collectstatic"]


def test_a_new_migration_is_applied(prepared: Layout) -> None:
    (prepared.base / "app/migrations/0002_next.py").write_text("next\n")
    assert steps_due(prepared) == ["migrate"]


def test_a_replaced_database_is_prepared_anew(prepared: Layout) -> None:
    assert prepared.database_file is not None
    prepared.database_file.replace(prepared.base / "moved-away.sqlite3")
    prepared.database_file.write_text("other rows")
    assert steps_due(prepared) == ["migrate", "load_demo"]


def test_a_server_database_is_asked_every_time(prepared: Layout) -> None:
    assert steps_due(replace(prepared, database_file=None)) == ["migrate", "load_demo"]


def test_an_unreadable_stamp_repeats_every_step(prepared: Layout) -> None:
    prepared.stamp_file.write_text("{")
    assert steps_due(prepared) == ALL


def test_what_collectstatic_writes_is_not_among_what_it_collects(settings):
    """Otherwise every start would collect again: the collected files would be newer than the stamp."""
    from kfm_console.management.commands import up

    settings.STATIC_ROOT = settings.BASE_DIR / "static"
    settings.STATICFILES_DIRS = []
    assert settings.STATIC_ROOT not in up.layout().static_sources
