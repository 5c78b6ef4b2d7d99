"""Design §6, §8: counts, facets, hits, headers, texts and queries don't tell what is hidden from what is absent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import DatasetVersion
from promotions.states import State

#: What differs from request to request, whatever is asked: references, the CSRF token, times.
PASSING = re.compile(
    r'kfm(?:://|%3A%2F%2F)policy_decision(?:/|%2F)[0-9a-f]{32}|<code title="[^"]*">[^<]*</code>|'
    r'(?:X-CSRFToken": |csrfmiddlewaretoken" value=)"\w+"|data-copy="[^"]*"|aria-label="Copy [^"]*"|<time.*?</time>'
)
HEADERS = ("Date", "Set-Cookie", "KFM-Audit-Ref", "Content-Length")


def told(answer: Any) -> tuple[int, str, dict[str, str]]:
    """Everything that an answer tells, but for what passes."""
    raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = {name: value for name, value in answer.headers.items() if name not in HEADERS}
    return answer.status_code, PASSING.sub("", raw.decode()), headers


@contextmanager
def away(version: DatasetVersion) -> Iterator[None]:
    """For a while the version is not there at all: its name stands for nothing."""
    was = version.version_id
    DatasetVersion.objects.filter(pk=version.pk).update(version_id="1999.0123abcd")
    try:
        yield
    finally:
        DatasetVersion.objects.filter(pk=version.pk).update(version_id=was)


def names(version: DatasetVersion) -> list[str]:
    own = f"datasets/{version.dataset.slug}/versions/{version.version_id}"
    return [
        f"/{own}/",
        f"/{own}/?tab=files",
        f"/{own}/preview.geojson",
        f"/{own}/files/processed/x.parquet",
        f"/{own}/qa/",
        f"/{own}/review/",
        f"/evidence/{version.dataset.slug}/{version.version_id}/sha256:{'0' * 64}/",
        f"/api/v1/{own}",
        f"/api/v1/{own}/manifest",
        f"/api/v1/{own}/artifacts/data",
        f"/api/v1/{own}/catalog/dcat.jsonld",
        f"/api/v1/stac/collections/{version.dataset.slug}/items/{version.version_id}",
        f"/api/v1/stac/search?ids={version.version_id}",
        f"/api/v1/stac/search?collections={version.dataset.slug}&ids={version.version_id}",
    ]


@pytest.mark.parametrize("who", [None, "nobody", "contributor2", "superuser"])
def test_by_name_hidden_and_absent_tell_the_same(api, who):
    """The very same address, while the version is there and hidden, and while nothing of that name is there."""
    client = api.client(who)
    for version in (api.hidden[State.RAW], api.hidden[State.QUARANTINE]):
        for address in names(version):
            for method in ("get", "head", "options"):
                hidden = told(getattr(client, method)(address))
                with away(version):
                    absent = told(getattr(client, method)(address))
                assert hidden == absent, (method, address)


@pytest.mark.parametrize("who", [None, "nobody"])
def test_by_name_hidden_and_absent_take_the_same_queries(api, who):
    client = api.client(who)
    version = api.hidden[State.RAW]
    for address in names(version)[:8]:
        client.get(address)
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                told(client.get(address))
            counts.append([re.split(r" WHERE | VALUES ", query["sql"])[0] for query in queries])
            with away(version), CaptureQueriesContext(connection) as queries:
                told(client.get(address))
            # the two updates that took the name away are ours
            kept = [query["sql"] for query in queries if "UPDATE" not in query["sql"]]
            counts.append([re.split(r" WHERE | VALUES ", sql)[0] for sql in kept])
        assert counts[0] == counts[1] == counts[2], address


@pytest.mark.parametrize("who", [None, "nobody", "superuser"])
def test_lists_counts_and_facets_tell_nothing_of_what_is_hidden(api, who):
    """Every list, with and without the hidden versions: the same bytes, the same links, the same counts."""
    client = api.client(who)
    lists = (
        "/", "/datasets/", "/datasets/?q=test", "/datasets/?label=quarantine", "/datasets/?standing=RAW",
        f"/datasets/{api.public.dataset.slug}/", "/api/v1/datasets/", "/api/v1/datasets/?limit=1",
        f"/api/v1/datasets/{api.public.dataset.slug}/versions/", "/api/v1/stac/collections", "/api/v1/stac/search",
        "/api/v1/stac/search?limit=1", "/api/v1/dcat/catalog.jsonld",
    )  # fmt: skip
    for address in lists:
        before = told(client.get(address))
        hidden = [version.pk for version in api.hidden.values()]
        labels = dict(DatasetVersion.objects.filter(pk__in=hidden).values_list("pk", "policy_label_id"))
        # ten more of what is hidden would show in any count: a tighter label and another owner change nothing either
        DatasetVersion.objects.filter(pk__in=hidden).update(policy_label_id="restricted", created_by="someone else")
        assert told(client.get(address)) == before, address
        for pk, label in labels.items():
            DatasetVersion.objects.filter(pk=pk).update(policy_label_id=label, created_by="contributor")


def test_a_superuser_reads_what_the_public_reads(api):
    for address in ("/api/v1/datasets/", "/api/v1/stac/search", "/api/v1/dcat/catalog.ttl"):
        assert told(api.client("superuser").get(address))[:2] == told(api.client().get(address))[:2], address
