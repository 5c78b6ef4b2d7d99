"""``record_run``: what a run hands on is filed as the version's, and listed among the run's inputs alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from audit import ledger
from datasets.models import PolicyDecision, RunReceipt, VersionArtifact
from datasets.people import PIPELINE
from datasets.runs import NewFile, new_run_id, record_run
from datasets.stores import keep, read_document
from promotions.states import State
from tests.world import World

pytestmark = pytest.mark.django_db


def record(version: Any, **other: Any) -> RunReceipt:
    at = timezone.now()
    given = {
        "version": version,
        "run_id": new_run_id(at),
        "operation": "validate",
        "inputs": [version.acquisition.source],
        "files": [],
        "passed": True,
        "report": version.acquisition.terms,
        "decision": PolicyDecision.objects.filter(version=version).first(),
        "params": {},
        "by": PIPELINE,
        "role": "pipeline",
        "at": at,
        "hold": lambda: None,
    }
    return record_run(**(given | other))


def test_f1_a_run_hands_on_what_it_took_in_and_nothing_else():
    version = World.build().version_in(State.RAW)
    taken = NewFile(version.acquisition.source, "processed", "data", "processed/x")
    made = NewFile(keep(b"made", media_type="text/plain", at=timezone.now()), "work", "made", "work/made")
    receipt = record(version, files=[made], handed_on=[taken])
    said = json.loads(read_document(receipt.document_id))
    assert [file["digest"] for file in said["inputs"]] == [taken.artifact.digest]
    assert [file["digest"] for file in said["outputs"]] == [made.artifact.digest]
    assert set(VersionArtifact.objects.filter(receipt=receipt).values_list("part", flat=True)) == {"data", "made"}
    before = (RunReceipt.objects.count(), VersionArtifact.objects.count(), ledger.size())
    with pytest.raises(ValueError, match="hands on only what it took in"):
        record(version, handed_on=[made])
    assert (RunReceipt.objects.count(), VersionArtifact.objects.count(), ledger.size()) == before
