"""A world with a service account that may send to one dataset, its token, and a client that speaks the API by it."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from datasets import service_accounts, tokens
from datasets.people import assign_role, take_grant
from datasets.policy.roles import Role
from tests.world import TERMS, World, wells

DATA = json.dumps(wells()).encode()
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
ENVIRONMENT = {"container_digest": "sha256:" + "c" * 64, "git_commit": "0123abcd"}
ZERO = "sha256:" + "0" * 64


@dataclass
class Sender:
    """``secret``: its service token; ``account``: the one behind it."""

    world: World
    account: User
    secret: str
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        """One request; a body that is no bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = headers.pop(
            "content_type", "application/octet-stream" if isinstance(body, bytes) else "application/json"
        )
        given = {"authorization": f"Bearer {self.secret}"} | headers
        return self.client.generic(method, f"/api/v1{path}", raw, content_type=kind, headers=given)

    def open(self, run_uuid: str | None = None, **changes: Any) -> Any:
        return self.call("POST", "/runs/", opening(run_uuid or str(uuid.uuid4())) | changes)

    def opened(self) -> str:
        """The UUID of a new open run."""
        answer = self.open()
        assert answer.status_code == 201, answer.content
        return answer.json()["run_uuid"]

    def send(self, run: str, path: str = "wells.geojson", data: bytes = DATA, **headers: Any) -> Any:
        return self.call("PUT", f"/runs/{run}/files/{path}", data, **headers)

    def close(self, run: str, document: Any = None) -> Any:
        return self.call("POST", f"/runs/{run}/receipt", receipt() if document is None else document)

    def status(self, run: str) -> Any:
        return self.call("GET", f"/runs/{run}")

    def lineage(self, event: Any, **headers: Any) -> Any:
        return self.call("POST", "/lineage", event, **headers)


def opening(run_uuid: str) -> dict[str, Any]:
    return {
        "run_uuid": run_uuid,
        "dataset_slug": "test_ks_wells",
        "slice": "2026",
        "terms": asdict(TERMS),
        "propose": False,
    }


def receipt(*outputs: str, **changes: Any) -> dict[str, Any]:
    """A pipeline's own run receipt; by default for the one file."""
    named = outputs or (DIGEST,)
    return {
        "kfm_run_receipt_version": "v1",
        "run_id": "kfm://run/2026-02-20T12:00:00Z.airflow1",
        "operation": "ingest",
        "dataset_version_id": "2026.0123abcd",
        "inputs": [{"uri": "https://example.invalid/wells", "digest": ZERO}],
        "outputs": [{"uri": f"out/{n}", "digest": digest} for n, digest in enumerate(named)],
        "environment": ENVIRONMENT,
        "validation": {"status": "pass", "report_digest": ZERO},
        "policy": {"decision_id": "kfm://policy_decision/outside"},
        "created_at": "2026-02-20T12:05:00Z",
    } | changes


def event(kind: str, run_uuid: str, *, digests: tuple[str, ...] = (DIGEST,), minute: int = 0, **run_facets: Any) -> Any:
    """An OpenLineage run event about the world's dataset."""
    facets = {"kfm_submission": submission()} if kind == "START" else {}
    outputs: list[dict[str, Any]] = [{"namespace": "kfm", "name": "test_ks_wells"}]
    if kind == "COMPLETE":
        outputs = [
            {"namespace": "kfm", "name": "test_ks_wells", "outputFacets": {"kfm_artifact": {"digest": digest}}}
            for digest in digests
        ]
    return {
        "eventType": kind,
        "eventTime": f"2026-02-20T12:{minute:02}:00.123Z",
        "producer": "https://example.invalid/pipeline",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_uuid, "facets": facets | run_facets},
        "job": {"namespace": "airflow", "name": "wells.publish"},
        "inputs": [],
        "outputs": outputs,
    }


def submission() -> dict[str, Any]:
    return {"slice": "2026", "terms": asdict(TERMS), "propose": False, "environment": ENVIRONMENT}


def token_for(world: World, account: User, **changes: Any) -> str:
    now = timezone.now()
    facts = {"account": account, "name": "airflow-prod", "expires_at": now + timedelta(days=30)} | changes
    return tokens.issue(**facts, by=world.person("admin"), at=now)[1]


def service_account(world: World, name: str, *, role: Role | None = None, grant: str = "") -> User:
    """A service account for the world's dataset; with *role* in place of its grant."""
    admin, now = world.person("admin"), timezone.now()
    facts = {"name": name.capitalize(), "slug": name.removeprefix("svc-"), "reason": "A test.", "by": admin, "at": now}
    account = service_accounts.open_account(datasets=[world.dataset], **facts)
    changed = {"user": account, "by": admin, "reason": "A test.", "at": now}
    if not grant:
        take_grant(dataset=world.dataset, grant=service_accounts.GRANT, **changed)
    if role:
        assign_role(role=role, confirmed_by=world.person("council"), **changed)
    return account


def build() -> Sender:
    cache.clear()  # the throttles' counts
    world = World.build()
    account = service_account(world, "svc-airflow", grant="contribute_dataset")
    return Sender(world, account, token_for(world, account))


@pytest.fixture
def sender(db: None) -> Sender:
    return build()


@pytest.fixture
def world(sender: Sender) -> World:
    return sender.world
