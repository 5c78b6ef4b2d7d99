"""C2: a document of an earlier run may tell what a tighter label hides today, so the drawer keeps it from readers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from datasets.runs import current_files
from promotions.readers import documents
from promotions.readers.version_page import open_version
from promotions.states import State
from tests.world import SPEC, World

pytestmark = pytest.mark.django_db


def test_c2_an_earlier_runs_documents_are_for_those_who_open_what_is_not_released():
    world = World.build()
    version = world.version_in(State.PUBLISHED)
    digest = next(file.artifact_id for file in current_files(version) if file.part == "stac_item")
    now = documents.find(version, digest)
    earlier = replace(now, run="kfm://run/2020-01-01T00:00:00Z.00000000")
    names = [version.dataset.slug, version.version_id]
    for name, sees_earlier in (("nobody", False), ("auditor", False), ("steward", True), ("operator", True)):
        opened = open_version(world.person(name), *names, timezone.now())
        assert documents.is_theirs(now, opened)
        assert documents.is_theirs(earlier, opened) is sees_earlier


def test_c2_the_drawer_answers_for_an_earlier_document_as_for_none(monkeypatch):
    world = World.build()
    version = world.version_in(State.PUBLISHED)
    digest = next(file.artifact_id for file in current_files(version) if file.part == "qa_report")
    address = reverse("promotions:evidence_document", args=[version.dataset.slug, version.version_id, digest])
    client = Client()
    client.force_login(User.objects.get(username="auditor"))
    assert client.get(address).status_code == 200
    found = documents.find
    monkeypatch.setattr(documents, "find", lambda *given: replace(found(*given), run="kfm://run/earlier"))
    assert client.get(address).status_code == 404


def test_c2_a_report_that_tells_values_is_not_read_with_less_than_the_data():
    spec = deepcopy(SPEC)
    spec["sensitivity"]["policy_label_intent"] = "restricted"
    world = World.build(spec=spec)
    version = world.version_in(State.PUBLISHED)
    address = f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}/artifacts/qa-report"
    for name, status in (("auditor", 404), ("steward2", 200)):
        client = Client()
        client.force_login(User.objects.get(username=name))
        assert client.get(address).status_code == status
