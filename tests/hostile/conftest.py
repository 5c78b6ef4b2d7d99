"""A world in which one good version already stands, and a reader whose cost is measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from datasets.formats.isolated import Usage
from datasets.steps import normalize
from promotions import pipeline
from tests.promotions import point_at
from tests.world import SPEC, World


def spec_of(**fields: str) -> dict[str, Any]:
    """The test spec with these canonical fields: by default one column that every hostile file has or could have."""
    spec = deepcopy(SPEC)
    spec["normalization"]["canonical_fields"] = fields or {"well_id": "upstream.id"}
    return spec


@dataclass
class Cost:
    """What the last run cost: the reader's own account, and by how much this process grew at its highest, in bytes."""

    usages: list[Usage] = field(default_factory=list)

    @property
    def reader_peak(self) -> int:
        """0 when no reader was started: the file was refused by its first bytes."""
        return max([usage.peak_bytes or 0 for usage in self.usages], default=0)


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Listens to each reader that the step starts; the reader and the step are the real ones."""
    found, real = Cost(), normalize.normalize_isolated

    def measured(*args: Any, observe: Any, **options: Any) -> Any:
        def heard(usage: Usage) -> None:
            found.usages.append(usage)
            observe(usage)

        return real(*args, observe=heard, **options)

    monkeypatch.setattr(normalize, "normalize_isolated", measured)
    return found


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Built once a module in a transaction that is never committed, with one version in RAW."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), tmp_path_factory.mktemp("built"))
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = World.build(spec=spec_of())
            assert world.run(world.acquire(), propose=False).version is not None
            yield world
            transaction.set_rollback(True)


@pytest.fixture
def world(built: World, db: None, var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The module's world, with an empty store of this test's own.

    No lease is renewed: the renewing thread would wait on SQLite for this test's own transaction, 20 s long.
    """
    monkeypatch.setattr(pipeline.jobs, "Heartbeat", nullcontext)
    return built


@pytest.fixture
def committed(transactional_db: None) -> None:
    """Real transactions."""


def resident(*, reset: bool = False) -> int:
    """The most that this process had resident since the last reset, in bytes; skips where the kernel does not say."""
    if reset:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pytest.skip("this kernel does not measure a process's peak anew")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def children() -> list[str]:
    """Living processes that this one started."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return path.read_text().split() if path.exists() else []


@pytest.fixture(autouse=True)
def _as_the_product_reads(read_apart: None) -> None:
    """Here sources are read in a process of their own."""
