"""A valid world to spoil: people, datasets and versions at any stage, made through the writers people use.

Needs the database and the per-test store that ``conftest.py`` sets up. Bytes are small, so a version takes a second.
"""

from __future__ import annotations

import itertools
import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from audit import ledger
from datasets import decisions
from datasets.intake import DeclaredTerms, record_acquisition
from datasets.models import Acquisition, Dataset, DatasetGrant, DatasetVersion
from datasets.people import Person, appoint, appoint_first_admin, assign_role, give_grant, person_for
from datasets.policy import bundle
from datasets.policy.roles import Role
from datasets.registry import register_dataset
from promotions import dossier, jobs, pipeline, signoffs, transitions
from promotions.models import Job, SignOff, Standing, Transition
from promotions.states import State

ACQUIRED = itertools.count()
PASSWORD = "correct-horse-battery"

SPEC: dict[str, Any] = {
    "kfm_spec_version": "v1",
    "dataset_slug": "test_ks_wells",
    "title": "Test wells",
    "description": "Synthetic wells for tests.",
    "themes": ["environment"],
    "keywords": ["synthetic"],
    "upstream": {
        "authority": "Test Survey",
        "access_method": "file_upload",
        "endpoints": [{"name": "home", "url": "https://example.invalid/wells"}],
        "cadence": "yearly",
        "terms": {
            "license": "CC-BY-4.0",
            "rights_holder": "Test Survey",
            "attribution": "Wells by the Test Survey",
            "terms_uri": "https://example.invalid/terms",
        },
    },
    "sensitivity": {"policy_label_intent": "public", "obligations": []},
    "normalization": {
        "canonical_fields": {
            "well_id": "upstream.well_id",
            "depth_m": "upstream.depth_m",
            "geometry": "derived.geometry",
        },
        "units": {},
        "crs": "EPSG:4326",
    },
    "validation": {
        "schema": "contracts/schemas/wells.schema.json",
        "checks": [
            {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
            {"name": "required_fields_present", "operator": ">=", "threshold": 1.0, "fields": ["well_id"]},
        ],
    },
    "outputs": [
        {"artifact_type": "geoparquet", "path": "data/processed/test_ks_wells/<dataset_version_id>/wells.parquet"}
    ],
}
TERMS = DeclaredTerms(
    "CC-BY-4.0", "Test Survey", "Wells by the Test Survey", "https://example.invalid/terms", "CC BY 4.0, as of today."
)


def wells(count: int = 6, *, without_id: int = 0, start: int = 0) -> dict[str, Any]:
    """A FeatureCollection of points in Kansas; the first *without_id* lack their ``well_id``."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"well_id": None if n < without_id else f"W{start + n:04d}", "depth_m": 10 + n},
                "geometry": {"type": "Point", "coordinates": [-99.0 + 0.05 * n, 38.0 + 0.03 * n]},
            }
            for n in range(count)
        ],
    }


@dataclass
class World:
    """``people``: one person a role, by role name, and ``contributor2``, ``reviewer2`` …; ``dataset``: registered."""

    users: dict[str, User] = field(default_factory=dict)
    dataset: Dataset | None = None

    @classmethod
    def build(cls, *, spec: dict[str, Any] | None = None) -> World:
        """People of every role (two each of those who sign or run), and one dataset."""
        world = cls()
        admin = world._user("admin")
        appoint_first_admin(user=admin, reason="The first.", at=timezone.now())
        facts: dict[str, Any] = {"by": world.person("admin"), "reason": "A test.", "at": timezone.now()}
        appoint(user=world._user("council"), role=Role.COUNCIL, **facts)
        facts["confirmed_by"] = world.person("council")
        for role in Role:
            if role in {Role.PUBLIC, Role.ADMIN, Role.PIPELINE}:
                continue
            for name in (role.value, f"{role.value}2"):
                if name not in world.users:
                    assign_role(user=world._user(name), role=role, **facts)
        world._user("nobody")
        world.users["superuser"] = User.objects.create_superuser("superuser", password=PASSWORD)
        # the first decision keeps its policies, so that no page whose queries a test counts has to
        labels = decisions.label_facts()
        decisions._keep_bundle(bundle.policy_bundle_digest(labels), labels, timezone.now())
        world.dataset = register_dataset(spec=spec or deepcopy(SPEC), by=world.person("contributor"), at=timezone.now())
        return world

    def give(self, name: str, grant: str, *, dataset: Dataset | None = None, **changes: Any) -> DatasetGrant:
        """A grant on the world's dataset, given by the admin and confirmed by the council."""
        at = timezone.now()
        facts = {"by": self.person("admin"), "confirmed_by": self.person("council"), "reason": "A test.", "at": at}
        user = User.objects.get(username=name)
        return give_grant(user=user, dataset=dataset or self.dataset, grant=grant, **facts | changes)

    def _user(self, name: str) -> User:
        self.users[name] = User.objects.create_user(
            name, password=PASSWORD, first_name=name.capitalize(), last_name="Test"
        )
        return self.users[name]

    def person(self, name: str) -> Person:
        """The person as they are now (fresh roles)."""
        return person_for(User.objects.get(username=name))

    def acquire(
        self,
        content: bytes | dict[str, Any] | None = None,
        *,
        slice_: str = "2026",
        name: str = "wells.geojson",
        terms: DeclaredTerms = TERMS,
    ) -> Acquisition:
        """Records an upload by the contributor."""
        raw = content if isinstance(content, bytes) else json.dumps(wells() if content is None else content).encode()
        path = Path(settings.FILE_UPLOAD_TEMP_DIR) / "upload.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        assert self.dataset is not None
        self.dataset.refresh_from_db()
        return record_acquisition(
            dataset=self.dataset,
            file=path,
            file_name=name,
            media_type="application/geo+json",
            slice_=slice_,
            terms=terms,
            by=self.person("contributor"),
            # an acquisition is named by its second and its bytes: the same bytes twice must not share a second
            at=timezone.now() - timedelta(minutes=10 * next(ACQUIRED)),
        )

    def run(self, acquisition: Acquisition, *, propose: bool = True) -> Job:
        """Owes and runs the job; the job as it ended."""
        job = jobs.request_intake(
            acquisition=acquisition, propose=propose, note="Please.", by=self.person("contributor"), at=timezone.now()
        )
        claimed = jobs.claim(job.pk, timezone.now())
        assert claimed is not None
        pipeline.run(claimed)
        return Job.objects.select_related("version__dataset").get(pk=job.pk)

    def version_in(self, state: State, **upload: Any) -> DatasetVersion:
        """A version standing in *state*; *upload* goes to ``acquire``."""
        if state in {State.QUARANTINE, State.DENIED} and "content" not in upload:
            upload["content"] = wells(without_id=3)
        job = self.run(self.acquire(**upload), propose=state is not State.RAW)
        version = job.version
        assert version is not None, job.failure
        if state in {State.PUBLISHED, State.WITHDRAWN, State.SUPERSEDED}:
            self.sign_all(version)
            self.publish(version)
        if state is State.WITHDRAWN:
            transitions.withdraw(
                version_pk=version.pk,
                by=self.person("steward"),
                reason="A mistake in the source.",
                incident="INC-1",
                at=timezone.now(),
            )
        if state is State.SUPERSEDED:
            self.version_in(State.PUBLISHED, content=wells(start=100), slice_=upload.get("slice_", "2026"))
        if state is State.DENIED:
            transitions.deny(version_pk=version.pk, by=self.person("steward"), reason="Not fit.", at=timezone.now())
        assert self.standing(version).state == state, (self.standing(version).state, job.failure)
        return version

    def standing(self, version: DatasetVersion) -> Standing:
        return Standing.objects.select_related(
            "version__dataset", "version__spec", "version__acquisition__terms", "version__policy_label"
        ).get(version=version)

    def digest(self, version: DatasetVersion) -> str:
        """The dossier digest as it is now."""
        return dossier.gather(self.standing(version)).digest

    def sign(self, version: DatasetVersion, name: str, role: Role | None = None, *, seen: str | None = None) -> SignOff:
        at = timezone.now()
        proof = signoffs.reauthenticate(user=User.objects.get(username=name), password=PASSWORD, at=at)
        return signoffs.sign(
            version_pk=version.pk,
            by=self.person(name),
            role=role or Role(name.rstrip("2")),
            seen=seen or self.digest(version),
            proof=proof,
            at=at,
        )

    def sign_all(self, version: DatasetVersion) -> None:
        """Every signature the label asks for, each by the person named after the role."""
        ledger.checkpoint(timezone.now())
        version = DatasetVersion.objects.select_related("policy_label").get(pk=version.pk)
        assert version.policy_label is not None
        for role in version.policy_label.sign_off_roles:
            self.sign(version, role)

    def publish(self, version: DatasetVersion, *, by: str = "operator") -> Transition:
        return transitions.publish(
            version_pk=version.pk, by=self.person(by), seen=self.digest(version), at=timezone.now()
        )
