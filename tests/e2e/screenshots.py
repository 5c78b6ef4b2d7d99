# ruff: noqa: T201 (a script that reports)
"""Takes the pictures of ``docs/screenshots`` from a freshly loaded demo, on a server and a ``var/`` of their own.

Run: ``python -m tests.e2e.screenshots [folder]``. Never collected by pytest; it fails when a page reports a fault.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 1440
MOST_BYTES = 300_000
MOST_HEIGHT = {"ledger-light": 1000}
USUAL_HEIGHT = 1800
READY_SECONDS = 60


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kfm-screenshots-") as var, _served(Path(var)) as base:
        _take_all(base, folder)


@contextmanager
def _served(var: Path) -> Iterator[str]:
    """A console with the demo on a free port, without a debugger, as ``make up`` serves it."""
    environment = {**os.environ, "KFM_VAR_DIR": str(var), "DATABASE_URL": "", "REDIS_URL": "", "KFM_DEMO": "1"}
    for step in (["migrate", "-v0"], ["collectstatic", "-v0", "--noinput"], ["load_demo"]):
        subprocess.run([sys.executable, "manage.py", *step], cwd=ROOT, env=environment, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    granian = ["-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "1", "--blocking-threads", "4"]
    server = subprocess.Popen(
        [sys.executable, *granian, "--log-level", "error", "kfm_console.wsgi:application"], cwd=ROOT, env=environment
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str) -> None:
    pause = Event()
    for _ in range(READY_SECONDS * 5):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:  # refused, or not answering yet
            pause.wait(0.2)
    raise SystemExit(f"{address} did not answer within {READY_SECONDS} s.")


def _take_all(base: str, folder: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kfm_console.settings")
    import django

    django.setup()
    from promotions.demo import DEMO_ACCOUNTS
    from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
    from tests.e2e.visitors import Town

    by_role = {account.role.value: account for account in DEMO_ACCOUNTS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS))
        town = Town(browser, base, lambda page, name: _shoot(page, folder / f"{name}.png"))
        sam = town.enter(by_role["steward"])
        sam.draws = True
        sam.go("/")
        waiting = sam.page.locator("a[href$='/review/']").first.get_attribute("href")
        assert waiting is not None
        town.picture(sam, "home-light")
        sam.go(waiting)
        town.picture(sam, "board-light")
        sam.go(waiting.removesuffix("review/"))
        town.picture(sam, "version-light")
        sam.go("/quarantine/")
        sam.page.get_by_role("main").locator(
            "a[href^='/quarantine/'][href$='/']:not([href='/quarantine/'])"
        ).first.click()
        sam.page.wait_for_url("**/quarantine/*/")
        town.picture(sam, "quarantine-light")
        sam.go("/ledger/")
        town.picture(sam, "ledger-light")
        dark = town.enter(by_role["steward"], dark=True)
        dark.draws = True
        dark.go(waiting)
        town.picture(dark, "board-dark")
        public = town.enter()
        public.go("/")
        town.picture(public, "public-light")
        town.close()
        browser.close()


def _shoot(page: Page, path: Path) -> Path:
    """The page from its top, as far as ``MOST_HEIGHT`` or ``USUAL_HEIGHT``; too many bytes for a README fail."""
    most = MOST_HEIGHT.get(path.stem, USUAL_HEIGHT)
    height = min(most, page.evaluate("() => document.documentElement.scrollHeight"))
    page.screenshot(path=str(path), full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    size = path.stat().st_size
    print(f"{path}: {WIDTH} by {height}, {size / 1000:.0f} kB")
    if size >= MOST_BYTES:
        raise SystemExit(f"{path} has {size} bytes; a picture of the docs has fewer than {MOST_BYTES}.")
    return path


if __name__ == "__main__":
    main()
