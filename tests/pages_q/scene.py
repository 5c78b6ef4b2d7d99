"""A dataset whose runs differ: what the tests of the QA page and its pictures look at."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from datasets.models import DatasetVersion
from promotions.models import Job
from tests.world import SPEC, World, wells

OUTLIER = 987654
USES = ("irrigation", "household", "stock")
SHALLOW = {"name": "value_range", "operator": ">=", "threshold": 0.5, "field": "depth_m", "max": 1000}
INSIDE = {"name": "within_extent", "operator": ">=", "threshold": 0.5, "bbox": [-102.05, 36.99, -94.60, 40.00]}
MANY = {"name": "row_count", "operator": ">=", "threshold": 5, "severity": "warn"}
GROWTH = {"name": "row_growth", "operator": "<=", "threshold": 0.9}
LARGEST = {
    "name": "custom_sql",
    "operator": "<=",
    "threshold": 2_000_000,
    "parameters": {"sql": "SELECT max(depth_m) FROM data", "returns": "number"},
}
CHECKS = (SHALLOW, INSIDE, MANY, GROWTH, LARGEST)


def a_spec(*checks: dict[str, Any], obligations: Any = (), label: str = "public") -> dict[str, Any]:
    """The test spec with more checks."""
    spec = deepcopy(SPEC)
    spec["sensitivity"] = {"policy_label_intent": label, "obligations": list(obligations)}
    spec["normalization"]["canonical_fields"] |= {"use": "upstream.use", "drilled": "upstream.drilled"}
    spec["validation"]["checks"] += deepcopy(list(checks))
    return spec


def content(rows: int = 8, *, outliers: int = 1, astray: int = 1, start: int = 0) -> dict[str, Any]:
    """Wells, the first of which are too deep, the last of which lie outside Kansas."""
    made = wells(rows, start=start)
    for number, feature in enumerate(made["features"]):
        feature["properties"] |= {"use": USES[number % 5 % 3], "drilled": f"{1990 + number % 30}-0{1 + number % 9}-12"}
    for feature in made["features"][:outliers]:
        feature["properties"]["depth_m"] = OUTLIER
    for number, feature in enumerate(made["features"][rows - astray :]):
        feature["geometry"]["coordinates"] = [-90.123456 + 0.5 * number, 38.654321]
    return made


def build(*checks: dict[str, Any], **spec: Any) -> World:
    return World.build(spec=a_spec(*(checks or CHECKS), **spec))


def run(world: World, raw: Any = None, **upload: Any) -> DatasetVersion:
    """One version, as its run left it."""
    job: Job = world.run(world.acquire(content() if raw is None else raw, **upload))
    assert job.version is not None, job.failure
    return job.version


def published(world: World, raw: Any = None, **upload: Any) -> DatasetVersion:
    version = run(world, raw, **upload)
    world.sign_all(version)
    world.publish(version)
    return version
