"""One world for the API's tests, made once: a public dataset with versions at every kind of standing, a restricted one.

It is made in one transaction that is never committed; each test runs in a savepoint of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client, override_settings
from django.test.client import ClientHandler
from django.utils import timezone

from datasets.models import DatasetVersion
from datasets.registry import register_dataset
from promotions.states import State
from tests.world import SPEC, World, wells

NOTICE = "Handle with care — señalado."


@dataclass
class Api:
    """``public``, ``restricted``: published; ``hidden``: unpublished ones by state; ``withdrawn``, ``superseded``."""

    world: World
    public: DatasetVersion
    restricted: DatasetVersion
    withdrawn: DatasetVersion
    superseded: DatasetVersion
    hidden: dict[State, DatasetVersion]
    handler: ClientHandler = field(default_factory=lambda: ClientHandler(enforce_csrf_checks=False))

    def client(self, name: str | None = None) -> Client:
        client = Client()
        client.handler = self.handler  # middleware is loaded once, not once a client
        if name:
            client.force_login(self.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        return client


def url(version: DatasetVersion, rest: str = "") -> str:
    return f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}{rest}"


def restricted_spec() -> dict[str, Any]:
    spec = deepcopy(SPEC)
    spec["dataset_slug"] = "test_ks_sites"
    spec["title"] = "Test sites"
    spec["sensitivity"] = {
        "policy_label_intent": "restricted",
        "obligations": [{"type": "show_notice", "message": NOTICE}],
    }
    spec["outputs"][0]["path"] = spec["outputs"][0]["path"].replace("test_ks_wells", "test_ks_sites")
    return spec


def build() -> Api:
    world = World.build()
    wells_dataset = world.dataset
    withdrawn = world.version_in(State.WITHDRAWN, content=wells(start=10), slice_="2023")
    superseded = world.version_in(State.SUPERSEDED, content=wells(start=20), slice_="2024")
    hidden = {
        State.CATALOG: world.version_in(State.CATALOG, content=wells(start=30), slice_="2025"),
        State.QUARANTINE: world.version_in(State.QUARANTINE, slice_="2022"),
        State.RAW: world.version_in(State.RAW, content=wells(start=40), slice_="2021"),
    }
    world.dataset = register_dataset(spec=restricted_spec(), by=world.person("contributor"), at=timezone.now())
    restricted = world.version_in(State.PUBLISHED, content=wells(start=50))
    public = DatasetVersion.objects.get(dataset=wells_dataset, standing__state=State.PUBLISHED.value)
    return Api(world, public, restricted, withdrawn, superseded, hidden)


@pytest.fixture(scope="package")
def api_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    var = tmp_path_factory.mktemp("api") / "var"
    (var / "incoming").mkdir(parents=True)
    return {
        "VAR_DIR": var,
        "KFM_STORAGE_URL": (var / "store").as_uri(),
        "KFM_LEDGER_KEY": "",
        "KFM_LEDGER_KEY_FILE": var / "ledger_ed25519.pem",
        "FILE_UPLOAD_TEMP_DIR": var / "incoming",
        "KFM_PUBLIC_URL": "http://testserver",
    }


@pytest.fixture(autouse=True)
def var_dir(settings: Any, api_settings: dict[str, Any]) -> Path:
    """The package's ``var/`` in place of one a test: the world's bytes are in it."""
    for name, value in api_settings.items():
        setattr(settings, name, value)
    cache.clear()  # the throttle's counts
    return api_settings["VAR_DIR"]


@pytest.fixture(scope="package")
def _api(django_db_setup: None, django_db_blocker: Any, api_settings: dict[str, Any]) -> Iterator[Api]:
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer._from_testcase = True  # as Django's TestCase: writers' durable transactions may nest in it
        with outer:
            fast = ["django.contrib.auth.hashers.MD5PasswordHasher"]
            with override_settings(PASSWORD_HASHERS=fast, **api_settings):
                api = build()
            yield api
            transaction.set_rollback(True)


@pytest.fixture
def api(_api: Api, db: None) -> Api:
    """The world, in a savepoint of this test."""
    return _api
