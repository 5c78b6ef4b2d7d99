"""Links lead to where the console was started first: catalogs hold that address, so a later port does not change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from kfm_console.management.commands.up import Command
from kfm_console.public_address import USUAL, difference, public_url, remember


@pytest.fixture
def fresh(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console that was never started, on the embedded database; its directory."""
    monkeypatch.delenv("KFM_PUBLIC_URL", raising=False)
    embedded = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "console.sqlite3")}
    monkeypatch.setitem(settings.DATABASES, "default", embedded)  # the same mapping is the open connection's
    settings.KFM_PUBLIC_URL_FILE = tmp_path / "public_url"
    settings.KFM_PUBLIC_URL = USUAL
    settings.PRODUCTION = False
    return tmp_path


def start(port: int, capsys: pytest.CaptureFixture[str]) -> str:
    Command()._settle_address(f"http://127.0.0.1:{port}")
    return capsys.readouterr().out


def test_the_first_start_chooses_the_address_and_later_ones_keep_it(fresh: Path, settings, capsys) -> None:
    assert start(8001, capsys) == ""
    (fresh / "console.sqlite3").touch()
    settings.KFM_PUBLIC_URL = public_url(None, settings.KFM_PUBLIC_URL_FILE)
    assert settings.KFM_PUBLIC_URL == "http://127.0.0.1:8001"
    said = start(8002, capsys)
    assert "http://127.0.0.1:8001" in said
    assert "not to http://127.0.0.1:8002" in said
    assert public_url(None, settings.KFM_PUBLIC_URL_FILE) == "http://127.0.0.1:8001"


def test_a_database_from_before_keeps_the_usual_address(fresh: Path, settings, capsys) -> None:
    (fresh / "console.sqlite3").touch()
    assert f"lead to {USUAL}" in start(8001, capsys)
    assert not settings.KFM_PUBLIC_URL_FILE.exists()


def test_an_address_that_was_named_is_never_overruled(fresh: Path, settings, capsys, monkeypatch) -> None:
    monkeypatch.setenv("KFM_PUBLIC_URL", "https://console.example.org")
    assert start(8001, capsys) == ""
    assert not settings.KFM_PUBLIC_URL_FILE.exists()
    assert public_url("https://console.example.org", fresh / "public_url") == "https://console.example.org"


def test_what_is_remembered_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "public_url"
    remember("http://127.0.0.1:8001", file)
    remember("http://127.0.0.1:8002", file)
    assert public_url(None, file) == "http://127.0.0.1:8001"
    assert difference("http://127.0.0.1:8001/", "http://127.0.0.1:8001") == ""
