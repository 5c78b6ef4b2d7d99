"""Two sources that are directories: one with a zipped shapefile, fetched twice and daily from then on, and one that is
gone, so that its fetches fail and it is stale.

They are below ``var/``. Where the console may not read there (``KFM_SOURCE_ROOTS``), this part says so and makes
nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from datasets.models import Dataset
from datasets.people import Person
from datasets.sources import UNSTABLE, SourceFields, check_source, record_source
from promotions.demo.bringing import FILES, dataset_of, fetch, made_by
from promotions.demo.specs import AIRPORT_TERMS, ELEVATIONS

FILE = "kansas_airport_elevations.zip"


def is_there() -> bool:
    return Dataset.objects.filter(slug=ELEVATIONS["dataset_slug"]).exists()


def load(people: dict[str, Person]) -> list[str]:
    folder = (Path(settings.VAR_DIR) / "demo_upstream" / "airports").resolve()
    kept = _fields("drop-folder", folder, cadence="daily", propose=True)
    if any(finding.code == "outside_roots" for finding in check_source(kept)):
        return [f"No source over a directory was made: KFM_SOURCE_ROOTS does not name {folder.parent}."]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(FILES / FILE, folder / FILE)
    dataset, omar = dataset_of(ELEVATIONS, people["carla"]), people["omar"]
    source = record_source(dataset=dataset, fields=kept, by=omar, at=timezone.now())
    version = made_by(fetch(source, omar))
    fetch(source, omar)
    gone = _fields("old-folder", folder.with_name("moved_away"), cadence="weekly", propose=False)
    stale = record_source(dataset=dataset, fields=gone, by=omar, at=timezone.now())
    for _ in range(UNSTABLE):
        fetch(stale, omar)
    return [
        f"{version} came from a directory; a second fetch found it unchanged.",
        f"The source {stale.name} failed {UNSTABLE} times, so it is stale.",
    ]


def _fields(name: str, folder: Path, *, cadence: str, propose: bool) -> SourceFields:
    license_, holder, attribution, _ = AIRPORT_TERMS
    return SourceFields(
        name=name,
        kind="files",
        location=str(folder),
        pattern="*.zip",
        allowed_hosts=(),
        credential="",
        license=license_,
        rights_holder=holder,
        attribution=attribution,
        terms_uri="",
        terms_text=(FILES / "terms_airports.txt").read_text(),
        cadence=cadence,
        slice_rule="year",
        propose=propose,
        active=True,
    )
