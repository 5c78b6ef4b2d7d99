"""Writer: runs that outside pipelines send in: opened, filled file by file, or aborted; ``submission_closing`` ends
them well.

Decides what may be sent to which run. Bytes are in the store before a row names them. A run belongs to the account that
opened it: to every other account it is absent. Keeps clause B2: no run without the terms its data came under.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import ledger
from audit.events import Event
from audit.findings import Finding
from datasets import credentials, identity, intake
from datasets.errors import Refused
from datasets.intake import DeclaredTerms
from datasets.models import Artifact, Dataset, SubmissionState, SubmittedFile, SubmittedRun
from datasets.people import Person
from datasets.policy.roles import Role

LONGEST_PATH = 200
MOST_FILES = 1000
#: Who may ask that a version be proposed (the workflow asks again when it is).
PROPOSES = frozenset({Role.CONTRIBUTOR, Role.OPERATOR})


@dataclass(frozen=True, slots=True)
class Sent:
    """A sent file as the store holds it."""

    path: str
    digest: str
    size_bytes: int
    media_type: str


def find_dataset(slug: str, by: Person) -> Dataset | None:
    """The dataset when it is there and *by* may send runs to it; ``None`` otherwise, whichever it was."""
    dataset = Dataset.objects.select_related("current_spec").filter(slug=slug).first()
    if dataset is None:
        return None
    try:
        intake.check_may_upload(by, dataset)
    except Refused:
        return None
    return dataset


def find_run(run_uuid: UUID, by: Person) -> SubmittedRun | None:
    """The run when *by* opened it and may still send to its dataset; ``None`` otherwise, whichever it was."""
    run = (
        SubmittedRun.objects.filter(run_uuid=run_uuid, principal=by.principal)
        .select_related("dataset__current_spec", "receipt", "acquisition")
        .first()
    )
    return run if run is not None and find_dataset(run.dataset.slug, by) is not None else None


def open_run(  # noqa: PLR0913 - what a run is opened with
    *,
    dataset: Dataset,
    run_uuid: UUID,
    slice_: str,
    terms: DeclaredTerms,
    propose: bool,
    by: Person,
    at: datetime,
) -> tuple[SubmittedRun, bool]:
    """Opens a run, or finds it opened with the very same content; the flag says whether it is new.

    Raises ``Refused``: with findings for faulty terms, ``run_differs`` and ``run_uuid_taken`` for a UUID in use.
    """
    role = intake.check_may_upload(by, dataset)
    findings = check_opening(dataset, slice_, terms, propose=propose, by=by)
    if findings:
        raise Refused("submission_faulty", f"{len(findings)} thing(s) must be mended to open the run.", findings)
    said = {"dataset": dataset, "slice": slice_, "terms": asdict(terms), "propose": propose}
    try:
        with transaction.atomic():
            run = SubmittedRun.objects.create(run_uuid=run_uuid, principal=by.principal, opened_at=at, **said)
    except IntegrityError:
        return _opened_before(run_uuid, said, by), False
    record(run, by, role, {"state": run.state}, at)
    return run, True


def check_opening(dataset: Dataset, slice_: str, terms: DeclaredTerms, *, propose: bool, by: Person) -> list[Finding]:
    """Faults in what a run is opened with; ``where`` is the field's JSON pointer."""
    findings = identity.check_slice(slice_)
    for f in intake.check_terms(terms):
        field = "text" if f.where == "terms_text" else f.where
        findings.append(Finding(f.code, f"/terms/{field}", f.message, f.fix, f.kind))
    findings += credentials.check_absent(terms.text, "/terms/text", prose=True)
    if dataset.current_spec is None:
        message = f"{dataset.slug} has no spec yet, so nothing can be made from a run."
        findings.append(Finding("no_spec", "/dataset_slug", message, "Record a spec first.", "missing"))
    if propose and not by.roles_on(dataset.pk) & PROPOSES:
        message = "This account may send data and propose nothing."
        findings.append(Finding("may_not_propose", "/propose", message, "Leave propose out, or ask for a grant."))
    return findings


def _opened_before(run_uuid: UUID, said: Mapping[str, Any], by: Person) -> SubmittedRun:
    run = SubmittedRun.objects.select_related("dataset__current_spec", "receipt", "acquisition").get(run_uuid=run_uuid)
    if run.principal != by.principal:
        raise Refused("run_uuid_taken", "This run_uuid can't be used. Make a new random one.")
    if any(getattr(run, name) != value for name, value in said.items()):
        raise Refused("run_differs", "A run with this run_uuid was opened with other content. Use a new run_uuid.")
    return run


def check_path(path: str) -> list[Finding]:
    """A path inside a run: relative, forward slashes, no empty, ``.`` or ``..`` part, at most 200 characters."""
    parts = path.split("/")
    plain = all(unicodedata.category(c)[0] != "C" and c != "\\" for c in path)
    if plain and len(path) <= LONGEST_PATH and not any(part.strip() in {"", ".", ".."} for part in parts):
        return []
    message = f"A file's path is relative, with forward slashes, no “..”, at most {LONGEST_PATH} characters."
    return [Finding("path_unfit", "path", message, "Example: data/wells.csv.")]


def receive_file(  # noqa: PLR0913 - what a file is sent with
    *, run_pk: int, path: str, artifact: Artifact, by: Person, at: datetime, expected: frozenset[str] | None = None
) -> tuple[SubmittedFile, bool]:
    """Files stored bytes under *path*; the same bytes again are the same row. ``expected``: digests, once named.

    Raises ``Refused``: other bytes for the path, a run that has ended, too many files or bytes.
    """
    with transaction.atomic():
        run = locked(run_pk)
        role = intake.check_may_upload(by, run.dataset)
        held = SubmittedFile.objects.filter(run=run, path=path).select_related("artifact").first()
        if held is not None and held.artifact_id == artifact.digest:
            return held, False
        check_open(run)
        if held is not None:
            raise Refused("path_holds_other_bytes", "Other bytes were sent for this path. Use another path or run.")
        if expected is not None and artifact.digest not in expected:
            message = "The run's COMPLETE event does not name these bytes among its outputs."
            raise Refused("output_not_named", message)
        _check_room(run, artifact)
        row = SubmittedFile.objects.create(run=run, path=path, artifact=artifact, received_at=at)
        record(run, by, role, {"state": run.state, "file": artifact.digest}, at)
    return row, True


def _check_room(run: SubmittedRun, artifact: Artifact) -> None:
    sizes = list(run.files.values_list("artifact__size_bytes", flat=True))
    if len(sizes) >= MOST_FILES:
        raise Refused("too_many_files", f"A run holds at most {MOST_FILES} files. Send an archive instead.")
    if sum(sizes) + artifact.size_bytes > settings.KFM_UPLOAD_MAX_BYTES:
        raise Refused("too_large", f"A run's files hold at most {settings.KFM_UPLOAD_MAX_BYTES} bytes together.")


def sent_files(run: SubmittedRun) -> tuple[Sent, ...]:
    """The files sent so far, by path."""
    rows = run.files.select_related("artifact").order_by("path")
    return tuple(Sent(r.path, r.artifact_id, r.artifact.size_bytes, r.artifact.media_type) for r in rows)


def abort(*, run_pk: int, failure: str, by: Person, at: datetime) -> tuple[SubmittedRun, bool]:
    """Ends an open run without an acquisition; what was sent stays recorded. ``failure``: one line fit for showing."""
    with transaction.atomic():
        run = locked(run_pk)
        role = intake.check_may_upload(by, run.dataset)
        if run.state == SubmissionState.ABORTED:
            return run, False
        check_open(run)
        end(run, state=SubmissionState.ABORTED, closed_at=at, failure=failure)
        record(run, by, role, {"state": run.state}, at)
    return run, True


def locked(run_pk: int) -> SubmittedRun:
    """The run's row, locked until the transaction ends."""
    locked = SubmittedRun.objects.select_for_update(of=("self",))
    return locked.select_related("dataset__current_spec").get(pk=run_pk)


def check_open(run: SubmittedRun) -> None:
    """Raises ``Refused`` when the run has ended."""
    if run.state != SubmissionState.OPEN:
        raise Refused("run_ended", f"The run has ended: it is {run.state}. Send the rest as a new run.")


def end(run: SubmittedRun, **facts: Any) -> None:
    """Ends an open run with *facts*; exactly one row, or ``Refused``."""
    changed = SubmittedRun.objects.filter(pk=run.pk, state=SubmissionState.OPEN).update(**facts)
    if changed != 1:
        raise Refused("run_ended", "The run has ended meanwhile. Ask for its status.")
    for name, value in facts.items():
        setattr(run, name, value)


def record(run: SubmittedRun, by: Person, role: Role, references: Mapping[str, str], at: datetime) -> None:
    """Enters a step of the run in the ledger, under its dataset."""
    ledger.append(
        event=Event.RUN_SUBMITTED,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{run.dataset.slug}",
        references={"run": str(run.run_uuid), **references},
        at=at,
    )
