"""What every test gets: its own store, ledger key and broker, never the ones in ``var/``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from django.conf import settings as django_settings

from tests.ledger_triggers import allow_flush

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# No clock decides a property, and no chance a run: what failed fails again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")

CHROMIUM = Path(os.environ.get("KFM_CHROMIUM", "/usr/bin/chromium"))
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file of this process: threads and IMMEDIATE transactions behave as in production."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _flush_past_the_ledgers_triggers() -> Iterator[None]:
    """A transactional test ends by flushing every table, which the append-only triggers refuse; only here they may."""
    with allow_flush():
        yield


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    """A ``var/`` of this test alone."""
    var = tmp_path / "var"
    (var / "incoming").mkdir(parents=True)
    settings.VAR_DIR = var
    settings.KFM_STORAGE_URL = (var / "store").as_uri()
    settings.KFM_LEDGER_KEY = ""
    settings.KFM_LEDGER_KEY_FILE = var / "ledger_ed25519.pem"
    settings.FILE_UPLOAD_TEMP_DIR = var / "incoming"
    return var


@pytest.fixture(autouse=True, scope="session")
def _sources_are_read_here() -> Iterator[None]:
    """Starting a reader process for each test version costs most of the suite's time, so sources are read in this one.

    ``tests/hostile``, ``tests/e2e`` and the tests of ``formats.isolated`` read in a process of its own, as the product
    does (fixture ``read_apart``).
    """
    from datasets.formats.isolated import Usage
    from datasets.formats.normalize import normalize as read
    from datasets.steps import normalize as step

    def read_here(source: Path, *, bounds: Any, observe: Callable[[Usage], None], **rest: Any) -> Any:
        result = read(source, **rest)
        observe(Usage(0.0, None))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "normalize_isolated", read_here)
        yield


@pytest.fixture
def read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources are read in a process of its own, as in the product."""
    from datasets.formats.isolated import normalize_isolated
    from datasets.steps import normalize as step

    monkeypatch.setattr(step, "normalize_isolated", normalize_isolated)


@pytest.fixture(autouse=True, scope="session")
def _quiet_broker() -> Iterator[None]:
    """Tests call tasks directly; a wake-up sent on commit goes to memory, not to the broker in ``var/``."""
    from kfm_console.celery import app

    if not django_settings.REDIS_URL:
        app.conf.broker_url = "memory://"
    yield
    app.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the session; the test is skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"No Chromium at {CHROMIUM} (set KFM_CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        # Playwright's loop lives in this thread; Django would take the test's own queries for asynchronous ones.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS))
        stack.callback(browser.close)
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in its own context; the test fails if the browser reported an error or a blocked resource."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("console", lambda line: faults.append(f"console: {line.text}") if "Content Security" in line.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], Path]:
    """``screenshot(page, "board-light")`` keeps a picture in ``build/screenshots`` (or ``$KFM_SCREENSHOTS``)."""
    folder = Path(os.environ.get("KFM_SCREENSHOTS", django_settings.BASE_DIR / "build" / "screenshots"))

    def take(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=str(path), full_page=True)
        return path

    return take
