"""The demo's first part: counties that are published, newer ones that wait, airports in quarantine, a failed run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from datasets.models import Dataset
from datasets.people import Person
from datasets.registry import record_spec
from promotions import cases, jobs
from promotions.demo.bringing import FILES, bring, dataset_of, run, sign_and_publish, upload
from promotions.demo.people import DEMO_ACCOUNTS
from promotions.demo.specs import AIRPORT_TERMS, AIRPORTS, CENSUS_TERMS, COUNTIES, COUNTIES_WITH_AREA
from promotions.models import Job, QuarantineCase

RUNS = 4


def is_there() -> bool:
    return User.objects.filter(username=DEMO_ACCOUNTS[0].username).exists() and Job.objects.count() >= RUNS


def load(people: dict[str, Person]) -> list[str]:
    carla, census = people["carla"], (FILES / "terms_census.txt").read_text()
    counties, airports = dataset_of(COUNTIES, carla), dataset_of(AIRPORTS, carla)
    first = bring(counties, FILES / "kansas_counties.geojson", "2010", CENSUS_TERMS, census, carla)
    sign_and_publish(first, people)
    record_spec(dataset=counties, spec=COUNTIES_WITH_AREA, by=carla, at=timezone.now())
    counties.refresh_from_db()
    second = bring(counties, FILES / "kansas_counties_reissue.geojson", "2010", CENSUS_TERMS, census, carla)
    words = (FILES / "terms_airports.txt").read_text()
    third = bring(airports, FILES / "kansas_airports.csv", "2026", AIRPORT_TERMS, words, carla)
    _broken_upload(counties, carla)
    _take_up(people)
    _ask_links(counties, people)
    return [
        f"{first} is published.",
        f"{second} waits for signatures.",
        f"{third} is in quarantine.",
        "A run on a broken file has failed.",
    ]


def _broken_upload(dataset: Dataset, by: Person) -> None:
    """The counties cut off in the middle: what a broken download looks like."""
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
        cut = Path(directory) / "kansas_counties_cut_off.geojson"
        shutil.copyfile(FILES / "kansas_counties.geojson", cut)
        with cut.open("r+b") as stream:
            stream.truncate(100_000)
        upload(
            dataset=dataset,
            file=cut,
            slice_="2020",
            terms=CENSUS_TERMS,
            terms_text=(FILES / "terms_census.txt").read_text(),
            by=by,
            at=timezone.now(),
        )


def _take_up(people: dict[str, Person]) -> None:
    """A reviewer is at work on the airports, and has asked who brought them in."""
    case = QuarantineCase.objects.get(version__dataset__slug=AIRPORTS["dataset_slug"], resolution="")
    cases.claim(case_pk=case.pk, by=people["ruth"], at=timezone.now())
    cases.comment(
        case_pk=case.pk,
        text="Most airstrips have no IATA code, and never will. Should the spec ask for it at all?",
        by=people["ruth"],
        at=timezone.now(),
    )
    cases.comment(
        case_pk=case.pk,
        text="It was asked for by mistake, I think. The dataset's steward decides.",
        by=people["sam"],
        at=timezone.now(),
    )


def _ask_links(dataset: Dataset, people: dict[str, Person]) -> None:
    """The outside addresses that the catalogs name are filed. No one gave leave to ask their hosts; that is kept."""
    run(jobs.request_links(dataset=dataset, by=people["omar"], at=timezone.now()))
