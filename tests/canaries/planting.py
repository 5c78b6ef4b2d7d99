"""A world with canaries: a restricted dataset of fifty exact places and owners, and its generalized derivative, public.

The same bytes also stand in quarantine once, and once failed, so that cases, samples and runs of them exist.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.utils import timezone

from datasets import service_accounts, tokens
from datasets.intake import DeclaredTerms
from datasets.models import DatasetVersion
from datasets.registry import register_dataset
from promotions.states import State
from promotions.webhooks import record_webhook
from tests.world import SPEC, World

COUNT = 50
#: No other text in the product has this word.
MARK = "quokka"
#: Places on a lattice that no round number hits; some cells of the derivative hold several.
PLACES = [(-99.713457 + 0.061113 * (n % 10), 37.912347 + 0.043327 * (n // 10)) for n in range(COUNT)]
PLACES = [(round(x, 6), round(y, 6)) for x, y in PLACES]
OWNERS = [f"Quokka {chr(65 + n % 26)}{n:02d} Vandersloot" for n in range(COUNT)]
TERMS = DeclaredTerms("CC-BY-4.0", "Test Survey", "Wells by the Test Survey", "https://example.invalid/t", "CC BY 4.0.")
CELL_M = 5000
EXACT, COARSE = "test_ks_canaries", "test_ks_canaries_public"


def spec(slug: str, label: str, *obligations: dict[str, Any]) -> dict[str, Any]:
    made = deepcopy(SPEC)
    made |= {"dataset_slug": slug, "title": f"Nests ({label})", "description": "Made up for a test."}
    made["sensitivity"] = {"policy_label_intent": label, "obligations": list(obligations)}
    made["normalization"]["canonical_fields"] |= {"owner": "upstream.owner"}
    made["outputs"][0]["path"] = f"data/processed/{slug}/<dataset_version_id>/nests.parquet"
    made["validation"]["checks"] += [
        {"name": "allowed_values", "operator": ">=", "threshold": 0.0, "field": "owner", "values": ["Nobody at all"]},
        {"name": "within_extent", "operator": ">=", "threshold": 0.0, "bbox": [-99.5, 38.0, -99.4, 38.1]},
    ]
    return made


def nests(*, spoiled: int = 0) -> dict[str, Any]:
    """The canaries; the first *spoiled* lack what the spec requires, so that they fail a check."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"well_id": None if n < spoiled else f"N{n:03d}", "depth_m": 10 + n, "owner": OWNERS[n]},
                "geometry": {"type": "Point", "coordinates": list(PLACES[n])},
            }
            for n in range(COUNT)
        ],
    }


class Planted(World):
    """``exact``, ``coarse``, ``apart``: the restricted version, its public derivative, and one in quarantine."""

    exact: DatasetVersion
    coarse: DatasetVersion
    apart: DatasetVersion
    secret: str


def plant() -> Planted:
    """Everything through the writers and the pipeline that people use."""
    world = Planted()
    built = World.build(spec=spec(EXACT, "restricted_sensitive_location"))
    world.users, world.dataset = built.users, built.dataset
    at = timezone.now()
    assert world.dataset is not None
    record_webhook(name="watcher", url="https://hooks.example.org/in", by=world.person("admin"), at=at)
    world.exact = world.version_in(State.PUBLISHED, content=nests(), terms=TERMS)
    world.apart = world.version_in(State.QUARANTINE, content=nests(spoiled=7), slice_="2025", terms=TERMS)
    account = service_accounts.open_account(
        name="Pipe", slug="pipe", datasets=[world.dataset], reason="A test.", by=world.person("admin"), at=at
    )
    until = at + timedelta(days=30)
    world.secret = tokens.issue(account=account, name="key", expires_at=until, by=world.person("admin"), at=at)[1]
    hide = [
        {"type": "generalize_geometry", "min_cell_size_m": CELL_M},
        {"type": "remove_attributes", "fields": ["owner"]},
    ]
    world.dataset = register_dataset(
        spec=spec(COARSE, "public_generalized", *hide), by=world.person("contributor"), at=timezone.now()
    )
    world.coarse = world.version_in(State.PUBLISHED, content=nests(), terms=TERMS)
    return world


def person_of_everyone() -> list[str | None]:
    """Usernames that crawl: one of each role who had no part in the making, a superuser without a role, and nobody."""
    return [None, *sorted(User.objects.exclude(username__in=["contributor"]).values_list("username", flat=True))]


def spread() -> float:
    """Degrees between the nearest two canaries; a cell is larger."""
    points = np.array(PLACES)
    away = np.abs(points[:, None] - points[None]).max(axis=2)
    return float(away[away > 0].min())
