"""Runs one claimed job: the steps from the upstream to CATALOG, each behind its gates, taken up where they were left.

It moves versions only through ``transitions``. A step that was recorded is not made again; a step that was cut off is,
and comes out the same. What fails is told in plain words on the job; a failing gate B, C or E quarantines by itself.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import ledger
from datasets.cadence import slice_of
from datasets.catalogs.facts import IncompleteFactsError
from datasets.errors import Refused
from datasets.formats.errors import UnreadableSource
from datasets.models import Acquisition, Dataset, DatasetVersion
from datasets.people import PIPELINE, Person, person_named
from datasets.runs import current_receipts
from datasets.steps import ask_links, catalog, fetch, ingest, normalize, rebuild, validate
from datasets.steps.workspace import Listener, Workspace
from datasets.zones.store import StoreError
from promotions import cases, dossier, gates, jobs, permissions, proposals, recovery, roles, transitions
from promotions.dossier import GatesFailed
from promotions.models import Job, JobKind, Mode, Proposal, Standing
from promotions.proposals import OPEN_STATES
from promotions.states import RULES, ReasonCode, State, Verb

logger = logging.getLogger(__name__)

#: Name and sentence of each step, in order; the page shows them.
STEPS: tuple[tuple[str, str], ...] = (
    ("fetch", "Fetch from the upstream"),
    ("ingest", "Verify the source and give it an id"),
    ("normalize", "Normalize the source to GeoParquet"),
    ("check", "Run the declared checks and apply obligations"),
    ("catalog", "Build DCAT, STAC and PROV"),
    ("evaluate", "Evaluate the gates"),
    ("rebuild", "Rebuild the projections and compare them"),
    ("compare", "Rebuild the catalogs in memory and compare every file"),
    ("mend", "Put back what is lost and follow every cross-link"),
    ("name_links", "Read the outside addresses that catalogs name"),
    ("ask_links", "Ask the addresses that are owed"),
)

REASON_OF_GATE: dict[str, ReasonCode] = {
    "B": ReasonCode.LICENSE_UNCLEAR,
    "C": ReasonCode.SENSITIVITY_UNCLEAR,
    "E": ReasonCode.VALIDATION_FAILED,
}


def run(job: Job) -> None:
    """Runs *job* to its end, good or bad. Raises nothing that a person should see instead."""
    reporter = jobs.Reporter(job)
    try:
        with jobs.Heartbeat(job):
            _steps(job, reporter)
        jobs.finish(job, timezone.now())
    except jobs.LostClaim:
        logger.warning("job %s: the claim was lost; another worker has it, or it was cancelled", job.pk)
    except (UnreadableSource, fetch.SourceNotFetched, rebuild.ProjectionDrift) as problem:
        _fail(job, problem.code, problem.message, problem.fix)
    except GatesFailed as failed:
        _fail(job, failed.code, failed.message, failed.results[failed.failed[0]].findings[0].fix)
    except Refused as refusal:
        _fail(job, refusal.code, refusal.message, "Mend what the message names, then try again.")
    except IncompleteFactsError as problem:
        _fail(job, "catalog_facts_incomplete", str(problem), "Record a spec that says it, then ingest under it.")
    except StoreError as problem:
        _fail(job, "store_failed", str(problem), "Ask an operator to look at the store, then try again.")
    except Exception as crash:
        logger.exception("job %s crashed", job.pk)
        _fail(
            job,
            "crashed",
            f"The step stopped on an error no one foresaw ({type(crash).__name__}).",
            "Tell an operator; the worker's log has the details.",
        )


def _fail(job: Job, code: str, message: str, fix: str) -> None:
    try:
        jobs.fail(job, code=code, message=message, fix=fix, at=timezone.now())
    except jobs.LostClaim:
        logger.warning("job %s: failed with %s, but the claim was lost meanwhile", job.pk, code)


def _steps(job: Job, reporter: jobs.Reporter) -> None:
    if job.kind in _UPKEEP:
        _UPKEEP[job.kind](job, reporter)
        return
    if job.kind == JobKind.FETCH and job.acquisition is None and _fetch(job, reporter) is None:
        return
    version = job.version or _ingest(job, reporter)
    if version is None or not job.propose:
        return
    proposer = _proposer(version, job)
    if _normalize_and_check(version, reporter) is State.QUARANTINE:
        return
    _catalog(version, proposer, reporter)


def _fetch(job: Job, reporter: jobs.Reporter) -> Acquisition | None:
    """Asks the upstream, as who asked for the run; ``None``: it has nothing new."""
    source = job.source
    if source is None:
        raise Refused("nothing_to_fetch", "This run names no source, so there is nothing to fetch.")
    reporter.step("fetch", f"Asking the source {source.name}.")
    by = PIPELINE if job.requested_by == PIPELINE.principal else person_named(job.requested_by)
    with _workspace(reporter) as work:
        order = fetch.Order(
            source=source,
            slice=job.slice or slice_of(source.slice_rule, job.requested_at),
            backfill=bool(job.slice),
            by=by,
            requested_by=job.requested_by,
            job=job.pk,
            kept=reporter.holds_acquisition,
            clock=timezone.now,
        )
        return fetch.fetch_source(order, work)


def _rebuild(job: Job, reporter: jobs.Reporter) -> None:
    if job.version is None:
        raise Refused("nothing_to_rebuild", "This run names no version, so there is nothing to rebuild.")
    reporter.step("rebuild", "Rebuilding the projections from the recorded facts.")
    version = _fresh(job.version)
    with _workspace(reporter) as work:
        rebuild.rebuild(version, proposer=recovery.proposer_of(version), work=work)


def _recover(job: Job, reporter: jobs.Reporter) -> None:
    """Recovers, and puts the version through the gates again, also when not everything could be mended."""
    if job.version is None:
        raise Refused("nothing_to_rebuild", "This run names no version, so there is nothing to recover.")
    drifted: rebuild.ProjectionDrift | None = None
    try:
        recovery.recover(job, _standing(job.version), reporter, _workspace)
    except rebuild.ProjectionDrift as drift:
        drifted = drift
    failed = _evaluate(job.version, reporter)
    reporter.line(f"{_named(failed)} not pass now." if failed else "All seven gates pass.")
    if drifted is not None:
        reporter.step("mend", "Not everything could be recovered.")
        raise drifted


def _named(letters: list[str]) -> str:
    return f"Gate {letters[0]} does" if len(letters) == 1 else f"Gates {', '.join(letters)} do"


def _check_links(job: Job, reporter: jobs.Reporter) -> None:
    """Asks what is owed; a person's run asks every link of the dataset."""
    by = PIPELINE if job.requested_by == PIPELINE.principal else person_named(job.requested_by)
    reporter.step("name_links", "Reading the addresses that the catalogs name.")
    serving = DatasetVersion.objects.filter(dataset=job.dataset, standing__state__in=[State.CATALOG, State.PUBLISHED])
    ask_links.name_addresses(job.dataset, serving.order_by("pk"), by=by, at=timezone.now(), listener=reporter)
    reporter.step("ask_links", "Asking the addresses that are owed.")
    ended = ask_links.ask_owed(job.dataset, everything=by is not PIPELINE, by=by, clock=timezone.now, listener=reporter)
    reporter.line(", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items())) or "None was owed.")


_UPKEEP: dict[str, Callable[[Job, jobs.Reporter], None]] = {
    JobKind.REBUILD: _rebuild,
    JobKind.RECOVERY: _recover,
    JobKind.LINKS: _check_links,
}


def _ingest(job: Job, reporter: jobs.Reporter) -> DatasetVersion | None:
    acquisition = job.acquisition
    if acquisition is None:
        raise Refused("nothing_to_ingest", "This run has no acquisition, so there is nothing to ingest.")
    spec, reprocesses = job.spec or acquisition.spec, _first(job).mode == Mode.REPROCESS
    reporter.step("ingest", f"Verifying {acquisition.source_id}.")
    existing = ingest.existing_version(acquisition, spec)
    if existing is not None:
        reporter.holds_version(existing)
        reporter.line(f"These bytes are version {existing.version_id} under this spec already; nothing new was made.")
        return None if existing.acquisition_id != acquisition.pk else existing
    with _workspace(reporter) as work:
        report = ingest.inspect(acquisition, work, spec)
        with transaction.atomic():
            Dataset.objects.select_for_update(no_key=True).get(pk=acquisition.dataset_id)
            if ingest.existing_version(acquisition, spec) is not None:
                raise Refused("made_meanwhile", "Another run made this very version meanwhile.")
            by, at = (_first(job).requested_by, work.at) if reprocesses else (_bringer(acquisition), None)
            version = ingest.make_version(acquisition, spec, by, at)
            transitions.begin(acquisition=acquisition, version=version, by=PIPELINE, at=work.at)
            ingest.record(version, report, work)
    reporter.holds_version(version)
    reporter.line(f"Version {version.version_id} stands in RAW.")
    return version


def _first(job: Job) -> Job:
    """The job that *job* tries again, however often: what it asked for, and who asked, still count."""
    while job.retry_of is not None:
        job = job.retry_of
    return job


def _bringer(acquisition: Acquisition) -> str:
    """Who brought the bytes in: for a fetch by schedule, who recorded the source."""
    if acquisition.acquired_by == PIPELINE.principal and acquisition.upstream is not None:
        return acquisition.upstream.recorded_by
    return acquisition.acquired_by


def _proposer(version: DatasetVersion, job: Job) -> str:
    """Proposes on behalf of who asked, once; the first proposer stays."""
    proposal = Proposal.objects.filter(version=version).first()
    if proposal is None and State(_standing(version).state) in OPEN_STATES:
        by = _proposing(version, _first(job))
        proposal = proposals.propose(version=version, by=by, note=job.note, at=timezone.now())
    return proposal.proposer if proposal else version.created_by


def _proposing(version: DatasetVersion, job: Job) -> Person:
    """Who asked; where a schedule or one who may not propose did, who brought the bytes in."""
    asked = person_named(job.requested_by)
    stands_in = job.mode == Mode.REPROCESS or job.requested_by == PIPELINE.principal
    if not stands_in or permissions.role_for(asked, roles.PROPOSES, version) is not None:
        return asked
    return person_named(_bringer(version.acquisition))


def _normalize_and_check(version: DatasetVersion, reporter: jobs.Reporter) -> State:
    """RAW → WORK → PROCESSED; in WORK or QUARANTINE the checks are made anew."""
    state = State(_standing(version).state)
    if state not in {State.RAW, State.WORK, State.QUARANTINE}:
        return state
    with _workspace(reporter) as work:
        reporter.step("normalize", "Fetching the source and writing GeoParquet.")
        found = normalize.normalize_source(version, work)
        if state is State.RAW:
            transitions.advance(version_pk=version.pk, verb=Verb.NORMALIZE, by=PIPELINE, at=timezone.now())
        reporter.step("check", "Running the checks that the spec declares.")
        validate.check_and_protect(_fresh(version), found, work)
    ledger.checkpoint(timezone.now())
    if state is State.QUARANTINE:
        _tell_case(version, reporter)
        return state
    return _advance_or_quarantine(version, Verb.PROCESS, reporter)


def _catalog(version: DatasetVersion, proposer: str, reporter: jobs.Reporter) -> None:
    standing = _standing(version)
    state = State(standing.state)
    if state in {State.PROCESSED, State.CATALOG}:
        if state is State.PROCESSED or "catalog" not in current_receipts(version) or recovery.leak_check_owed(standing):
            reporter.step("catalog", "Building DCAT, STAC and PROV from the recorded facts.")
            listener = reporter if state is State.PROCESSED else recovery.Standstill(reporter, standing)
            with _workspace(listener) as work:
                catalog.build_catalogs(_fresh(version), proposer=proposer, work=work)
        if state is State.PROCESSED and _advance_or_quarantine(version, Verb.CATALOG, reporter) is State.QUARANTINE:
            return
        failed = _evaluate(version, reporter)
        reporter.line(
            "All seven gates pass; the version waits for signatures."
            if not failed
            else f"{_named(failed)} not pass yet."
        )


def _evaluate(version: DatasetVersion, reporter: jobs.Reporter) -> list[str]:
    """Evaluates all gates afresh and keeps the answers; the letters of those that do not pass."""
    reporter.step("evaluate", "Evaluating gates A to G.")
    ledger.checkpoint(timezone.now())
    gathered = dossier.gather(_standing(version))
    results = gates.evaluate_all(gathered.evidence)
    dossier.keep_evaluation(gathered, results, by=PIPELINE, at=timezone.now())
    return [letter for letter, result in results.items() if not result.passed]


def _tell_case(version: DatasetVersion, reporter: jobs.Reporter) -> None:
    """Writes on the open case what the gates on the way to PROCESSED say now."""
    letters = RULES[Verb.PROCESS].gates
    results = gates.evaluate_all(dossier.gather(_standing(version), letters=letters).evidence, letters)
    findings = [f.as_json() for result in results.values() for f in result.findings]
    cases.record_findings(version_pk=version.pk, findings=findings, by=PIPELINE, at=timezone.now())
    failed = ", ".join(letter for letter, result in results.items() if not result.passed)
    verdict = f"gate {failed} does not pass yet" if failed else "its gates pass now, so a reviewer may release it"
    reporter.line(f"The version stays in quarantine; {verdict}.")


def _advance_or_quarantine(version: DatasetVersion, verb: Verb, reporter: jobs.Reporter) -> State:
    """Takes the step; a failing gate B, C or E quarantines the version instead, a failing A, D, F or G blocks."""
    try:
        moved = transitions.advance(version_pk=version.pk, verb=verb, by=PIPELINE, at=timezone.now())
    except GatesFailed as failed:
        letter = next((g for g in "CBE" if g in failed.failed), None)
        if letter is None:
            raise
        findings = [f for g in failed.failed for f in failed.results[g].findings]
        unprotected = letter == "C" and all(f.clause == "C2" for f in failed.results["C"].findings)
        transitions.quarantine(
            version_pk=version.pk,
            by=PIPELINE,
            reason_code=ReasonCode.REDACTION_REQUIRED if unprotected else REASON_OF_GATE[letter],
            reason=failed.message,
            findings=[f.as_json() for f in findings],
            gate=letter,
            at=timezone.now(),
        )
        reporter.line(f"Gate {letter} failed, so the version went to quarantine: {failed.message}")
        return State.QUARANTINE
    reporter.line(f"The version stands in {moved.to_state}.")
    return State(moved.to_state)


def _standing(version: DatasetVersion) -> Standing:
    return Standing.objects.select_related(
        "version__dataset", "version__spec", "version__acquisition__terms", "version__policy_label"
    ).get(version_id=version.pk)


def _fresh(version: DatasetVersion) -> DatasetVersion:
    return _standing(version).version


@contextmanager
def _workspace(reporter: Listener) -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="kfm-step-", dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
        yield Workspace(Path(directory), timezone.now(), reporter)
