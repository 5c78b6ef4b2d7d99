"""A small crawler for the containment tests: follows every link of the console and the API as one reader."""

from __future__ import annotations

import html
import re
from collections import deque
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from django.http import HttpResponse
from django.test import Client

#: Where it begins: pages, the API's landing, its lists, its catalogues.
ROOTS = (
    "/",
    "/datasets/",
    "/datasets/?q=wells",
    "/queue/",
    "/runs/",
    "/api/v1/",
    "/api/v1/datasets/",
    "/api/v1/datasets/?q=wells",
    "/api/v1/stac/",
    "/api/v1/stac/collections",
    "/api/v1/stac/search",
    "/api/v1/stac/search?bbox=-100,37,-98,39",
    "/api/v1/dcat/catalog.jsonld",
    "/api/v1/dcat/catalog.ttl",
)
_LINK = re.compile(r"""(?:href|src)=["']([^"'#]+)|["<](https?://[^">\s]+|/[a-z][^"<>\s]*)[">]""")
_TEXT = ("text/", "json", "xml", "turtle", "geo+json", "html")
MOST = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What one address answered."""

    status: int
    body: bytes
    cache_control: str
    etag: str

    def tells(self, *needles: str) -> bool:
        return any(needle.encode() in self.body for needle in needles)


def get(client: Client, address: str, **headers: str) -> Answer:
    response: HttpResponse = client.get(address, headers=headers)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return Answer(response.status_code, body, response.get("Cache-Control", ""), response.get("ETag", ""))


def crawl(client: Client, *more: str) -> dict[str, Answer]:
    """Every address reached from ``ROOTS`` and *more*, with its answer."""
    waiting, found = deque([*ROOTS, *more]), {}
    while waiting and len(found) < MOST:
        address = waiting.popleft()
        if address in found:
            continue
        found[address] = answer = get(client, address)
        if answer.status < 300:
            waiting.extend(link for link in links(answer, address) if link not in found)
    assert len(found) < MOST, "the crawl found no end"
    return found


def links(answer: Answer, address: str) -> list[str]:
    """The addresses of this console that the answer names."""
    text = answer.body.decode("utf-8", "ignore")
    found = []
    for one, other in _LINK.findall(text):
        there = urlsplit(urljoin(f"http://testserver{address}", html.unescape(one or other)))
        if there.netloc in {"testserver", "127.0.0.1:8000", "localhost:8000"} and not there.path.startswith("/static/"):
            found.append(f"{there.path}?{there.query}" if there.query else there.path)
    return [link for link in found if not any(word in link for word in ("logout", "next=", "/admin/"))]
