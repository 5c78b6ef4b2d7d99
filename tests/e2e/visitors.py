"""People at browsers: each has a browser of their own, signs in by the form, and does what the pages let them do.

A visitor knows words and buttons, never rows: whatever a visitor achieves, a person could.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.sideways import sideways

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import APIResponse, Browser, BrowserContext, ConsoleMessage, Route

    from promotions.demo import Account

#: Facts of a page that a screen reader depends on, as far as they can be told from the page alone.
_FAULTS = """() => {
  const shown = (node) => node.getClientRects().length > 0 && !node.closest("[hidden], [aria-hidden=true]");
  const name = (node) => (node.getAttribute("aria-label") || node.textContent || "").trim()
    || (node.getAttribute("aria-labelledby") || "").split(/\\s+/).some((id) => id && document.getElementById(id));
  const found = [];
  const h1 = [...document.querySelectorAll("h1")].filter(shown);
  if (h1.length !== 1) { found.push(`${h1.length} h1`); }
  let level = 1;
  for (const heading of [...document.querySelectorAll("main h1, main h2, main h3, main h4")].filter(shown)) {
    const its = Number(heading.tagName[1]);
    if (its > level + 1) { found.push(`heading jumps from h${level}: ${heading.textContent.trim()}`); }
    level = its;
  }
  for (const input of [...document.querySelectorAll("input:not([type=hidden]), select, textarea")].filter(shown)) {
    if (!input.labels.length && !input.getAttribute("aria-label")) { found.push(`no label: ${input.name}`); }
  }
  for (const control of [...document.querySelectorAll("a[href], button, summary")].filter(shown)) {
    if (!name(control)) { found.push(`no name: ${control.outerHTML.slice(0, 120)}`); }
  }
  const silent = "img:not([alt]), svg:not([aria-hidden]):not([role]):not(svg svg)";
  for (const image of document.querySelectorAll(silent)) {
    if (shown(image)) { found.push(`no text: ${image.outerHTML.slice(0, 120)}`); }
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) { found.push(`id twice: ${id}`); }
  if (!document.documentElement.lang) { found.push("no language"); }
  return found;
}"""


@dataclass
class Visitor:
    """One person's browser. ``account``: ``None`` for the public. ``faults``: what the browser reported against us.

    ``draws``: whether maps are drawn; else their script comes empty, and the page says so. A map costs seconds of
    processor time where there is no graphics card, so only those who look at one draw it.
    """

    base: str
    context: BrowserContext
    account: Account | None = None
    draws: bool = False
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(15_000)
        self.context.route(re.compile(r"/maplibre-gl(\.[0-9a-f]+)?\.js$"), self._map_script)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: script error: {error}"))
        self.page.on("console", self._heard)
        if self.account is not None:
            self._sign_in(self.account)

    def _map_script(self, route: Route) -> None:
        if self.draws:
            route.continue_()
        else:
            route.fulfill(body="", content_type="text/javascript")

    def _heard(self, line: ConsoleMessage) -> None:
        # A page that answers 404, 409 or 410 on purpose is reported by the browser as a failed resource; it is not one.
        if line.type == "error" and not re.search(r"status of (404|409|410)", line.text):
            self.faults.append(f"{self.page.url}: {line.text}")

    def _sign_in(self, account: Account) -> None:
        self.go("/login/")
        self.page.get_by_label("Username").fill(account.username)
        self.page.get_by_label("Password").fill(account.password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(self.page.locator(".user-name")).to_have_text(f"{account.first_name} {account.last_name}")

    def go(self, path: str) -> Page:
        """Opens an address of the console."""
        self.page.goto(f"{self.base}{path}")
        return self.page

    def choose(self, action: str) -> None:
        """Follows an offer of the decision box to its form."""
        self.page.locator(".decision-actions").get_by_role("link", name=action, exact=True).click()

    def press(self, button: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=button, exact=True).click()

    def sign(self, board: str, role: str, *, first_try: str = "") -> None:
        """Signs in *role*, the password given again (after a wrong *first_try*), and sees it on the board."""
        assert self.account is not None
        self.go(board)
        self.choose(f"Sign as {role}")
        if first_try:
            self.page.get_by_label("Your password, again").fill(first_try)
            self.press("Sign")
            expect(self.page.get_by_text("The password is not right, so nothing was signed.").first).to_be_visible()
        expect(self.page.locator(".seen-digest code").last).to_contain_text("sha256:")
        self.page.get_by_label("Your password, again").fill(self.account.password)
        self.press("Sign")
        expect(self.page.locator(".message")).to_have_text(f"Signed as {role}.")
        mine = self.page.locator(".signature", has_text=f"{self.account.first_name} {self.account.last_name}")
        expect(mine.first).to_contain_text("valid")

    def ask(self, path: str, body: object = None) -> APIResponse:
        """Asks the governed API, with a body by POST."""
        address = f"{self.base}/api/v1/{path}"
        return self.context.request.get(address) if body is None else self.context.request.post(address, data=body)

    def accessible(self) -> None:
        """Fails on what a screen reader would trip over, and on a page wider than its window."""
        faults = self.page.evaluate(_FAULTS)
        assert not faults, f"{self.page.url}: {faults}"
        assert sideways(self.page) <= 0, f"{self.page.url} is wider than its window"


class Town:
    """Everyone who visits in one test; ``close`` fails the test when any browser reported a fault."""

    def __init__(self, browser: Browser, base: str, take: Callable[[Page, str], Path]) -> None:
        self.browser, self.base, self._take = browser, base, take
        self.visitors: list[Visitor] = []

    def enter(self, account: Account | None = None, *, phone: bool = False, dark: bool = False) -> Visitor:
        """A browser of their own, signed in as *account*; at 390 px and in the dark when so asked."""
        context = self.browser.new_context(
            viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 1000},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        visitor = Visitor(self.base, context, account)
        self.visitors.append(visitor)
        return visitor

    def picture(self, visitor: Visitor, name: str) -> None:
        """Keeps a screenshot of what *visitor* sees; a map is waited for."""
        if visitor.draws:
            maps_drawn(visitor.page)
        visitor.page.evaluate("() => window.scrollTo(0, 0)")  # or the header is drawn across the middle of a tall page
        self._take(visitor.page, name)

    def close(self) -> None:
        for visitor in self.visitors:
            visitor.context.close()
        assert [fault for visitor in self.visitors for fault in visitor.faults] == []


def maps_drawn(page: Page) -> None:
    """Waits until every map of the page is drawn."""
    for index in range(page.locator(".map").count()):
        expect(page.locator(".map").nth(index)).to_have_attribute("data-drawn", "yes", timeout=20_000)
