"""Zone paths: where each file of a dataset stands in an export or a bundle (design §5).

Decides paths only; the store itself is content-addressed and knows none of them. Never touches a disk. A segment that
could climb out of its zone, or that another system reads differently, is refused.
"""

from __future__ import annotations

import re

SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}")
# Windows reads these as devices, whatever follows the dot.
DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


class LayoutError(ValueError):
    """A path cannot be formed; the message names the segment's rule."""


def raw(slug: str, acquisition_id: str, *rest: str) -> str:
    """``raw/<slug>/<acquisition_id>/…``"""
    return join("raw", slug, acquisition_id, *rest)


def work(slug: str, run: str, *rest: str) -> str:
    """``work/<slug>/<run>/…``; ``run``: the part of the run id after ``kfm://run/``, without colons."""
    return join("work", slug, run, *rest)


def artifact(slug: str, version: str, *rest: str) -> str:
    """``processed/<slug>/<version>/artifacts/…``"""
    return join("processed", slug, version, "artifacts", *rest)


def qa(slug: str, version: str, *rest: str) -> str:
    """``processed/<slug>/<version>/qa/…``"""
    return join("processed", slug, version, "qa", *rest)


def dcat(slug: str, version: str) -> str:
    """``catalog/<slug>/<version>/dcat.jsonld``"""
    return join("catalog", slug, version, "dcat.jsonld")


def stac_collection(slug: str, version: str) -> str:
    """``catalog/<slug>/<version>/stac/collection.json``"""
    return join("catalog", slug, version, "stac", "collection.json")


def stac_item(slug: str, version: str, item_id: str) -> str:
    """``catalog/<slug>/<version>/stac/items/<id>.json``"""
    return join("catalog", slug, version, "stac", "items", f"{item_id}.json")


def prov(slug: str, version: str) -> str:
    """``catalog/<slug>/<version>/prov/bundle.jsonld``"""
    return join("catalog", slug, version, "prov", "bundle.jsonld")


def receipt(slug: str, version: str, *rest: str) -> str:
    """``catalog/<slug>/<version>/receipts/…``"""
    return join("catalog", slug, version, "receipts", *rest)


def join(*segments: str) -> str:
    """The segments as one relative path, each checked; a segment never holds a slash."""
    return "/".join(segment(name) for name in segments)


def segment(name: str) -> str:
    """``name``, when it is a safe path segment on every system; raises ``LayoutError`` otherwise."""
    if SEGMENT.fullmatch(name) is None or name.endswith(".") or ".." in name or DEVICE.fullmatch(name):
        message = "A path segment is letters, digits, “_”, “-”, “=” and “.”, begins with a letter, digit or “_”,"
        raise LayoutError(f"{message} has no “..”, ends in no dot, is no device name and has at most 200 characters.")
    return name
