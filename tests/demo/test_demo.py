"""What the demo shows, made by the writers that people use, and that it is made once."""

from __future__ import annotations

import csv
import importlib
import io
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from datasets import enforcement, sources, terms
from datasets.errors import Refused
from datasets.models import (
    Dataset,
    DriftOutcome,
    Embargo,
    LinkCheck,
    PolicyChange,
    PolicyChangeState,
    Source,
    SubmissionState,
    SubmittedRun,
)
from datasets.models.upstream import FetchAttempt, FetchOutcome
from datasets.persons import PUBLIC, person_named
from datasets.policy.requests import Action
from datasets.runs import current_files
from datasets.stores import read_document
from promotions import demo, jobs, upkeep
from promotions.demo import bringing, directories, made_up, specs, springs
from promotions.models import Job, JobState, Notice, QuarantineCase, Resolution, Standing, Tombstone, Transition
from promotions.states import ReasonCode, Verb


def test_made_up_tables_are_the_same_each_time_and_say_what_is_amiss() -> None:
    year = made_up.Year(2024, rows=20, in_feet=3, without_depth=2, outside=1, telephones=4)
    rows = list(csv.DictReader(io.StringIO(made_up.wells(year))))
    assert made_up.wells(year) == made_up.wells(year)
    assert len(rows) == 20
    assert len({row["well_id"] for row in rows}) == 20
    assert sum(float(row["depth_m"] or 0) > 300 for row in rows) == 3
    assert sum(not row["depth_m"] for row in rows) == 2
    assert sum(not 36.98 <= float(row["lat"]) <= 40.01 for row in rows) == 1
    assert sum("555-01" in row["remarks"] for row in rows) == 4


def test_what_is_made_up_says_so_in_its_title() -> None:
    made_up_specs = (specs.WELLS, specs.SPRINGS, specs.NESTS, specs.LEVELS)
    made = {spec["dataset_slug"]: spec["title"] for spec in made_up_specs}
    assert all("made up" in title and "synthetic" in slug for slug, title in made.items())


def test_production_loads_no_demo(settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(Refused) as refusal:
        demo.load()
    assert refusal.value.code == "demo_in_production"


def test_where_the_demo_is_loaded_its_own_directory_may_be_read() -> None:
    written = importlib.import_module("kfm_console.settings")
    assert written.KFM_DEMO
    assert (written.VAR_DIR / "demo_upstream").resolve() in written.KFM_SOURCE_ROOTS


@pytest.mark.django_db
def test_where_no_directory_may_be_read_that_is_said_and_nothing_made(settings) -> None:
    settings.KFM_SOURCE_ROOTS = ()
    said = directories.load(demo.accounts())
    assert "KFM_SOURCE_ROOTS" in said[0]
    assert not directories.is_there()
    assert not Source.objects.exists()


@pytest.mark.slow
def test_b2_the_springs_terms_wait_for_a_steward_who_can_read_the_difference(transactional_db: None) -> None:
    springs.load(demo.accounts())
    dataset = Dataset.objects.get(slug=specs.SPRINGS["dataset_slug"])
    standing = terms.standing_terms(dataset)
    assert standing.changed
    assert terms.words_of_observation(standing.accepted) != terms.words_of_observation(standing.latest)
    held, waiting = QuarantineCase.objects.order_by("pk")
    assert held.due < timezone.now().date()
    assert Notice.objects.filter(principal="sam", kind="case.overdue").count() == 1
    assert waiting.root_cause.startswith("B2:")


@pytest.fixture
def loaded(transactional_db: None, settings) -> list[str]:
    settings.KFM_SOURCE_ROOTS = (settings.VAR_DIR.resolve() / "demo_upstream",)
    return demo.load()


@pytest.mark.slow
def test_the_demo_shows_every_stage_and_is_made_once(loaded: list[str]) -> None:
    _the_truth_path()
    _the_sources()
    _the_inbox()
    _the_pipeline()
    _what_is_hidden()
    _what_waits_for_a_second_person()
    _what_drifted()
    assert len(loaded) >= 10
    jobs = Job.objects.count()
    assert demo.load() == []
    assert Job.objects.count() == jobs


def _the_truth_path() -> None:
    counties = Standing.objects.filter(version__dataset__slug="us_census_ks_counties")
    assert set(counties.values_list("state", flat=True)) == {"PUBLISHED", "CATALOG", "RAW"}
    assert Standing.objects.get(version__dataset__slug="airportsdata_ks_airports").state == "QUARANTINE"
    assert Job.objects.filter(state=JobState.FAILED, dataset__slug="us_census_ks_counties").count() == 1
    wells = Standing.objects.filter(version__dataset__slug=specs.WELLS["dataset_slug"])
    assert {"PUBLISHED", "SUPERSEDED", "WITHDRAWN", "CATALOG", "QUARANTINE"} <= set(
        wells.values_list("state", flat=True)
    )
    assert Transition.objects.filter(verb=Verb.RESTORE).count() == 1
    assert Tombstone.objects.filter(version__in=wells.filter(state="WITHDRAWN").values("version")).exists()
    assert LinkCheck.objects.exists()


def _the_sources() -> None:
    kept, gone = Source.objects.order_by("name")
    assert [a.outcome for a in FetchAttempt.objects.filter(source=kept).order_by("pk")] == [
        FetchOutcome.FETCHED,
        FetchOutcome.UNCHANGED,
    ]
    fresh = sources.freshness([kept, gone], timezone.now())
    assert not fresh[kept.pk].stale
    assert kept.next_due_at - timezone.now() <= timedelta(days=1)
    assert fresh[gone.pk].stale
    assert fresh[gone.pk].last_success is None
    assert Standing.objects.get(version__dataset=kept.dataset).state == "CATALOG"


def _the_inbox() -> None:
    now, every = timezone.now(), QuarantineCase.objects.all()
    waiting = every.filter(resolution="")
    assert set(waiting.values_list("reason_code", flat=True)) == {code.value for code in ReasonCode}
    assert every.filter(resolution="", claimed_by="ruth", claim_until__gt=now, comments__isnull=False).exists()
    assert every.filter(resolution="", due__lt=now.date()).count() == 1
    released = every.get(resolution=Resolution.RELEASED)
    assert released.version.standing.state == "PUBLISHED"
    derived = every.get(resolution=Resolution.DERIVED)
    safer = Standing.objects.get(version__spec=derived.derivative_spec)
    assert safer.state == "CATALOG"
    assert derived.version.standing.state == "QUARANTINE"


def _the_pipeline() -> None:
    run = SubmittedRun.objects.get()
    account = User.objects.get(username=run.principal)
    assert run.state == SubmissionState.COMPLETE
    assert not account.has_usable_password()
    case = QuarantineCase.objects.get(version__acquisition=run.acquisition)
    assert case.reason_code == "VALIDATION_FAILED"


def _what_is_hidden() -> None:
    nests = Standing.objects.get(version__dataset__slug=specs.NESTS["dataset_slug"], state="PUBLISHED").version
    assert nests.policy_label.name == "public_generalized"
    data = next(file for file in current_files(nests) if file.part == "data")
    columns = pq.read_schema(io.BytesIO(read_document(data.artifact_id))).names
    assert "nest_id" in columns
    assert "finder" not in columns
    embargo = Embargo.objects.get(dataset__slug=specs.LEVELS["dataset_slug"])
    assert embargo.until > timezone.now().date()
    levels = Standing.objects.get(version__dataset=embargo.dataset, state="PUBLISHED").version
    seen = enforcement.visible_versions(PUBLIC, Action.DISCOVER)
    assert seen.filter(pk=nests.pk).exists()
    assert not seen.filter(pk=levels.pk).exists()


def _what_waits_for_a_second_person() -> None:
    change = PolicyChange.objects.get(state=PolicyChangeState.PENDING)
    assert (change.asked_by, change.needs_second) == ("ada", True)


def _what_drifted() -> None:
    check = upkeep.troubled().get()
    assert check.outcome == DriftOutcome.DRIFTED
    assert check.version.policy_label.name == "internal"
    job = jobs.request_recovery(version=check.version, by=person_named("omar"), at=timezone.now())
    assert bringing.run(job).state == JobState.DONE
    assert not upkeep.troubled().exists()
