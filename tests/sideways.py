"""How far a page runs over its side, asked of a page that stands: a click may just have led to it."""

from __future__ import annotations

from playwright.sync_api import Page


def sideways(page: Page) -> int:
    """In px: 0 where nothing has to be scrolled from side to side."""
    return page.locator("html").evaluate("root => root.scrollWidth - root.clientWidth")
