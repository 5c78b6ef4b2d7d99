"""The demo: real Kansas data at every stage, made through the same writers that people use. Nothing here is a shortcut.

Loaded once by ``make up`` outside production. The accounts are for trying the console; production refuses to load them.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from audit import ledger
from datasets.errors import Refused
from datasets.intake import DeclaredTerms, record_acquisition
from datasets.models import Dataset, DatasetVersion
from datasets.people import Person, appoint_first_admin, assign_role, person_for
from datasets.policy.roles import Role
from datasets.registry import record_spec, register_dataset
from promotions import dossier, jobs, pipeline, signoffs, transitions
from promotions.models import Job, Standing

FILES = Path(__file__).parent / "demo_files"
PASSWORD = "prairie-demo-2026"  # noqa: S105 - shown on the sign-in page of the demo, and only there


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account; ``role`` is the one it holds."""

    username: str
    first_name: str
    last_name: str
    role: Role

    @property
    def password(self) -> str:
        return PASSWORD

    @property
    def meaning(self) -> str:
        return self.role.meaning


DEMO_ACCOUNTS: tuple[Account, ...] = (
    Account("carla", "Carla", "Yoder", Role.CONTRIBUTOR),
    Account("omar", "Omar", "Haskell", Role.OPERATOR),
    Account("ruth", "Ruth", "Penner", Role.REVIEWER),
    Account("sam", "Sam", "Wichita", Role.STEWARD),
    Account("clara", "Clara", "Osage", Role.COUNCIL),
    Account("august", "August", "Reno", Role.AUDITOR),
    Account("ada", "Ada", "Geary", Role.ADMIN),
)

CENSUS_TERMS = (
    "LicenseRef-US-Government-Work",
    "US Census Bureau",
    "US Census Bureau cartographic boundaries",
    "https://www.census.gov/about/policies/open-gov/open-data.html",
)
AIRPORT_TERMS = (
    "MIT",
    "The airportsdata contributors",
    "airportsdata (MIT)",
    "https://github.com/mborsetti/airportsdata",
)


def spec_of(  # noqa: PLR0913 - a spec's parts
    slug: str,
    title: str,
    description: str,
    terms: tuple[str, str, str, str],
    checks: list[dict[str, Any]],
    fields: dict[str, str],
) -> dict[str, Any]:
    """A dataset spec of design §4."""
    license_, holder, attribution, uri = terms
    return {
        "kfm_spec_version": "v1",
        "dataset_slug": slug,
        "title": title,
        "description": description,
        "themes": ["boundaries" if "counties" in slug else "transportation"],
        "keywords": ["Kansas"],
        "upstream": {
            "authority": holder,
            "access_method": "file_upload",
            "endpoints": [{"name": "home", "url": uri}],
            "cadence": "irregular",
            "terms": {"license": license_, "rights_holder": holder, "attribution": attribution, "terms_uri": uri},
        },
        "sensitivity": {"policy_label_intent": "public", "obligations": []},
        "normalization": {"canonical_fields": fields, "units": {}, "crs": "EPSG:4326"},
        "validation": {"schema": f"contracts/schemas/{slug}.schema.json", "checks": checks},
        "outputs": [
            {"artifact_type": "geoparquet", "path": f"data/processed/{slug}/<dataset_version_id>/{slug}.parquet"}
        ],
        "extent": {"bbox": [-102.06, 36.98, -94.58, 40.01]},
    }


COUNTIES = spec_of(
    "us_census_ks_counties",
    "Kansas county boundaries",
    "The 105 counties of Kansas as polygons, from the US Census Bureau.",
    CENSUS_TERMS,
    [
        {"name": "row_count", "operator": "==", "threshold": 105},
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "required_fields_present", "operator": ">=", "threshold": 1.0, "fields": ["geoid", "name"]},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["geoid"]},
        {
            "name": "within_extent",
            "operator": ">=",
            "threshold": 1.0,
            "parameters": {"bbox": [-102.06, 36.98, -94.58, 40.01]},
        },
    ],
    {
        "geoid": "upstream.geoid",
        "name": "upstream.name",
        "state_fips": "upstream.state_fips",
        "geometry": "derived.geometry",
    },
)
COUNTIES_WITH_AREA = COUNTIES | {
    "normalization": COUNTIES["normalization"]
    | {"canonical_fields": COUNTIES["normalization"]["canonical_fields"] | {"area_km2": "upstream.area_km2"}}
}
AIRPORTS = spec_of(
    "airportsdata_ks_airports",
    "Kansas airports",
    "Airports and airstrips in Kansas from the airportsdata table.",
    AIRPORT_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "required_fields_present", "operator": ">=", "threshold": 0.99, "fields": ["icao", "iata"]},
    ],
    {
        "icao": "upstream.icao",
        "iata": "upstream.iata",
        "name": "upstream.name",
        "city": "upstream.city",
        "elevation_ft": "upstream.elevation_ft",
        "geometry": "derived.from_latlon",
    },
)


def load() -> list[str]:
    """Makes the demo once; returns a sentence for each thing made, none when it is there already."""
    if settings.PRODUCTION:
        raise Refused(
            "demo_in_production", "The demo accounts have published passwords; production does not load them."
        )
    if User.objects.filter(username=DEMO_ACCOUNTS[0].username).exists() and Job.objects.count() >= 4:  # noqa: PLR2004 - the four uploads below
        return []
    people = accounts()
    counties = _dataset(COUNTIES, people["carla"])
    airports = _dataset(AIRPORTS, people["carla"])
    first = _upload(counties, "kansas_counties.geojson", "2010", CENSUS_TERMS, "terms_census.txt", people["carla"])
    _sign_and_publish(first, people)
    record_spec(dataset=counties, spec=COUNTIES_WITH_AREA, by=people["carla"], at=timezone.now())
    counties.refresh_from_db()
    second = _upload(
        counties, "kansas_counties_reissue.geojson", "2010", CENSUS_TERMS, "terms_census.txt", people["carla"]
    )
    third = _upload(airports, "kansas_airports.csv", "2026", AIRPORT_TERMS, "terms_airports.txt", people["carla"])
    _broken_upload(counties, people["carla"])
    return [
        f"{first} is published.",
        f"{second} waits for signatures.",
        f"{third} is in quarantine.",
        "A run on a broken file has failed.",
    ]


def accounts() -> dict[str, Person]:
    """The demo accounts with their roles, by username."""
    at = timezone.now()
    admin_account = next(a for a in DEMO_ACCOUNTS if a.role is Role.ADMIN)
    admin_user = _user(admin_account)
    if Role.ADMIN not in person_for(admin_user).roles:
        appoint_first_admin(user=admin_user, reason="The demo's admin.", at=at)
    for account in DEMO_ACCOUNTS:
        user = _user(account)
        if account.role not in person_for(user).roles:
            assign_role(
                user=user, role=account.role, by=person_for(admin_user), reason=f"The demo's {account.role}.", at=at
            )
    return {a.username: person_for(User.objects.get(username=a.username)) for a in DEMO_ACCOUNTS}


def _user(account: Account) -> User:
    user, created = User.objects.get_or_create(
        username=account.username, defaults={"first_name": account.first_name, "last_name": account.last_name}
    )
    if created:
        user.set_password(account.password)
        user.save(update_fields=["password"])
    return user


def _dataset(spec: dict[str, Any], by: Person) -> Dataset:
    existing = Dataset.objects.filter(slug=spec["dataset_slug"]).first()
    if existing is None:
        return register_dataset(spec=spec, by=by, at=timezone.now())
    return existing


def _upload(  # noqa: PLR0913 - an upload's parts
    dataset: Dataset, name: str, slice_: str, terms: tuple[str, str, str, str], terms_file: str, by: Person
) -> DatasetVersion:
    job = upload(
        dataset=dataset,
        file=FILES / name,
        slice_=slice_,
        terms=terms,
        terms_text=(FILES / terms_file).read_text(),
        by=by,
        at=timezone.now(),
    )
    if job.version is None:
        raise RuntimeError(f"The demo's upload of {name} failed: {job.failure}")
    return job.version


def upload(  # noqa: PLR0913 - an upload's parts
    *,
    dataset: Dataset,
    file: Path,
    slice_: str,
    terms: tuple[str, str, str, str],
    terms_text: str,
    by: Person,
    at: datetime,
) -> Job:
    """Records an acquisition, owes its run, and runs it here and now."""
    license_, holder, attribution, uri = terms
    acquisition = record_acquisition(
        dataset=dataset,
        file=file,
        file_name=file.name,
        media_type="application/geo+json" if file.suffix == ".geojson" else "text/csv",
        slice_=slice_,
        terms=DeclaredTerms(license_, holder, attribution, uri, terms_text),
        by=by,
        at=at,
    )
    job = jobs.request_intake(acquisition=acquisition, propose=True, note="Please review.", by=by, at=at)
    claimed = jobs.claim(job.pk, timezone.now())
    if claimed is not None:
        pipeline.run(claimed)
    return Job.objects.select_related("version__dataset").get(pk=job.pk)


def _sign_and_publish(version: DatasetVersion, people: dict[str, Person]) -> None:
    ledger.checkpoint(timezone.now())
    for username, role in (("sam", Role.STEWARD), ("ruth", Role.REVIEWER)):
        at = timezone.now()
        proof = signoffs.reauthenticate(user=User.objects.get(username=username), password=PASSWORD, at=at)
        signoffs.sign(version_pk=version.pk, by=people[username], role=role, seen=_digest(version), proof=proof, at=at)
    transitions.publish(version_pk=version.pk, by=people["omar"], seen=_digest(version), at=timezone.now())


def _digest(version: DatasetVersion) -> str:
    standing = Standing.objects.select_related(
        "version__dataset", "version__spec", "version__acquisition", "version__policy_label"
    ).get(version=version)
    return dossier.gather(standing).digest


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
