"""Edges: runs of outside pipelines, by service token: open, send files, close by a receipt, ask, abort.

Each view finds the run, calls one writer and answers. A run of another account, and a dataset to which the account may
not send, answer as what is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from audit.findings import Finding
from datasets import submissions
from datasets.errors import Refused
from datasets.intake import DeclaredTerms
from datasets.models import LineageEvent, SubmittedRun
from datasets.people import Person, person_for
from datasets.receipts import instant
from datasets.schemas import check_document
from datasets.stores import keep
from datasets.zones.store import ObjectTooLarge
from promotions import submitted_runs
from promotions.api import shapes, submission_shapes
from promotions.api.answers import Absent, answer_exception, envelope, json_answer
from promotions.api.authentication import CHALLENGE, ServiceTokenAuthentication
from promotions.api.base import ApiView
from promotions.api.incoming import CheckedBody, json_bytes, json_of, media_type_of
from promotions.models import Job
from promotions.views.uploads import wake

FAULTY, UNAUTHORIZED = 422, 401
#: Refusals that are no conflict of states.
_STATUSES = {"not_found": 404, "store_unavailable": 503, "too_large": 413, "may_not_upload": 404}
_RUN = OpenApiParameter("run_uuid", shapes.TEXT, OpenApiParameter.PATH, description="The pipeline's UUID of the run.")
_PATH = OpenApiParameter("path", shapes.TEXT, OpenApiParameter.PATH, description="Relative, at most 200 characters.")


def refused(refusal: Refused, audit_ref: str = "") -> HttpResponse:
    """The envelope of a refusal, with its findings."""
    if refusal.code in {"not_found", "may_not_upload"}:
        return envelope(404, "not_found", Absent().message, audit_ref)
    status = FAULTY if refusal.findings else _STATUSES.get(refusal.code, 409)
    found = [finding.as_json() for finding in refusal.findings]
    return envelope(status, refusal.code, refusal.message, audit_ref, findings=found)


def _answer(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    return refused(error) if isinstance(error, Refused) else answer_exception(error, context)


class SubmissionView(ApiView):
    """The base of every view here: a service token, and no session."""

    authentication_classes = (ServiceTokenAuthentication,)  # type: ignore[assignment]  # instead of the session
    permission_classes = (IsAuthenticated,)  # type: ignore[assignment]  # as above
    http_method_names = ["get", "head", "post", "put", "delete"]

    def get_exception_handler(self) -> Any:
        return _answer

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        answered = super().finalize_response(request, response, *args, **kwargs)
        answered["Cache-Control"] = "no-store"
        if answered.status_code == UNAUTHORIZED:
            answered["WWW-Authenticate"] = CHALLENGE
        return answered

    def sender(self) -> Person:
        """The service account, with the roles it has now."""
        return person_for(self.request.user)

    def run_or_absent(self, run_uuid: UUID) -> tuple[SubmittedRun, Person]:
        """The sender's own run. Raises ``Absent``."""
        by = self.sender()
        run = submissions.find_run(run_uuid, by)
        if run is None:
            raise Absent
        return run, by


class RunsView(SubmissionView):
    @extend_schema(
        operation_id="open_run",
        tags=["runs"],
        request=submission_shapes.OpenRun,
        responses=submission_shapes.answers(submission_shapes.RunStatus, 201, 409, 422),
    )
    def post(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - the framework's signature
        """Open a run that you will send in. The same again answers 200."""
        said = json_of(json_bytes(self.django_request))
        if findings := check_document("submission.v1", said):
            raise Refused("submission_faulty", f"{len(findings)} thing(s) must be mended to open the run.", findings)
        by = self.sender()
        dataset = submissions.find_dataset(said["dataset_slug"], by)
        if dataset is None:
            raise Absent
        run, new = submitted_runs.open_run(
            dataset=dataset,
            run_uuid=UUID(said["run_uuid"]),
            slice_=said["slice"],
            terms=DeclaredTerms(**said["terms"]),
            propose=said.get("propose", False),
            by=by,
            at=timezone.now(),
        )
        return json_answer(status_of(run), status=201 if new else 200)


class RunView(SubmissionView):
    @extend_schema(
        operation_id="read_run",
        tags=["runs"],
        parameters=[_RUN],
        responses=submission_shapes.answers(submission_shapes.RunStatus, 404),
    )
    def get(self, request: Request, run_uuid: UUID) -> HttpResponseBase:  # noqa: ARG002 - as above
        """How a run stands, and what keeps it from being closed."""
        run, _ = self.run_or_absent(run_uuid)
        return json_answer(status_of(run))

    @extend_schema(
        operation_id="abort_run",
        tags=["runs"],
        parameters=[_RUN],
        responses=submission_shapes.answers(submission_shapes.RunStatus, 404, 409),
    )
    def delete(self, request: Request, run_uuid: UUID) -> HttpResponseBase:  # noqa: ARG002 - as above
        """Abort an open run. What was sent stays recorded."""
        run, by = self.run_or_absent(run_uuid)
        ended, _ = submitted_runs.abort(run=run, by=by, at=timezone.now())
        return json_answer(status_of(ended))


class RunFileView(SubmissionView):
    @extend_schema(
        operation_id="send_file",
        tags=["runs"],
        parameters=[_RUN, _PATH],
        request={"application/octet-stream": shapes.BYTES},
        responses=submission_shapes.answers(submission_shapes.FileKept, 201, 404, 409, 411, 413, 422),
    )
    def put(self, request: Request, run_uuid: UUID, path: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """Send one file's bytes. The same bytes again answer 200; other bytes for the path 409."""
        run, by = self.run_or_absent(run_uuid)
        if findings := submissions.check_path(path):
            raise Refused("path_unfit", findings[0].message, findings)
        now = timezone.now()
        body = CheckedBody(self.django_request, limit=settings.KFM_UPLOAD_MAX_BYTES)
        if not body.length:
            message = "The file is empty: it has no bytes at all."
            raise Refused("file_empty", message, [Finding("file_empty", path, message, "Send its bytes.", "missing")])
        try:
            artifact = keep(body, media_type=media_type_of(self.django_request), at=now)  # type: ignore[arg-type]  # all that is asked of a stream is read()
        except ObjectTooLarge as error:
            raise Refused("too_large", str(error)) from error
        kept, new = submitted_runs.receive_file(run=run, path=path, artifact=artifact, by=by, at=now)
        settled = submitted_runs.settle(run=run, by=by, at=now)
        rouse(settled.job)
        said = {"path": kept.path, "digest": artifact.digest, "size_bytes": artifact.size_bytes}
        return json_answer({**said, "run_state": settled.run.state}, status=201 if new else 200)


class RunReceiptView(SubmissionView):
    @extend_schema(
        operation_id="close_run",
        tags=["runs"],
        parameters=[_RUN],
        request={"application/json": shapes.OBJECT},
        responses=submission_shapes.answers(submission_shapes.RunStatus, 201, 404, 409, 422),
    )
    def post(self, request: Request, run_uuid: UUID) -> HttpResponseBase:  # noqa: ARG002 - as above
        """Close a run by its run receipt. A fault answers 422 with findings, and the run stays open."""
        run, by = self.run_or_absent(run_uuid)
        receipt = json_bytes(self.django_request)
        closed, job = submitted_runs.close(run=run, receipt=receipt, by=by, at=timezone.now())
        rouse(job)
        return json_answer(status_of(closed), status=201 if job else 200)


def rouse(job: Job | None) -> None:
    """Wakes a worker for a job that is owed now; the row is the promise."""
    if job is not None:
        pk = job.pk
        transaction.on_commit(lambda: wake(pk))


def status_of(run: SubmittedRun) -> dict[str, Any]:
    """Everything the sender may know of the run; a failed ingest's cause among the findings."""
    job = submitted_runs.job_of(run)
    findings = list(submitted_runs.unsettled(run))
    if job is not None and job.failure:
        findings.append(Finding(job.failure_code, "job", job.failure, job.failure_fix))
    events = LineageEvent.objects.filter(run_uuid=run.run_uuid, principal=run.principal).order_by("event_time", "pk")
    return {
        "run_uuid": str(run.run_uuid),
        "dataset_id": run.dataset.slug,
        "slice": run.slice,
        "propose": run.propose,
        "state": run.state,
        "opened_at": instant(run.opened_at),
        "closed_at": instant(run.closed_at) if run.closed_at else None,
        "failure": run.failure,
        "files": [
            {"path": f.path, "digest": f.digest, "size_bytes": f.size_bytes, "media_type": f.media_type}
            for f in submissions.sent_files(run)
        ],
        "receipt_digest": run.receipt_id,
        "acquisition_id": run.acquisition.acquisition_id if run.acquisition else None,
        "job": None
        if job is None
        else {"state": job.state, "step": job.step, "requested_at": instant(job.requested_at)},
        "dataset_version_id": job.version.version_id if job and job.version else None,
        "events": [{"type": e.event_type, "at": instant(e.event_time), "digest": e.document_id} for e in events],
        "findings": [finding.as_json() for finding in findings],
    }
