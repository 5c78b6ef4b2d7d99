"""What the drawing of provenance shows stands below it in words: the whole, who did what, in the order of the steps."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(api) -> str:
    version = api.public
    page = reverse("promotions:version", args=[version.dataset.slug, version.version_id])
    text = api.client("steward").get(page, {"tab": "provenance"}).content.decode()
    return " ".join(re.sub("<[^>]+>", " ", text.partition("The same, step by step")[2]).split())


def test_the_whole_is_told_with_its_files_and_who_proposed_it(told):
    section = told.partition("What the files make up")[2].partition("Agents")[0]
    assert ".parquet" in section
    assert "Proposed by" in section


def test_an_agents_runs_are_told_once_and_in_their_order(told):
    agents = told.partition("Agents")[2]
    assert "ran Ingest, Normalize and check, Build the catalogs" in agents


def test_a_release_was_approved_and_need_not_be_any_more(told):
    release = told.partition(" Release ")[2].partition("What the files make up")[0]
    assert "steward" in release
    assert "must approve" not in release
