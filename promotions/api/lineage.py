"""Edge: OpenLineage run events, at the address that OpenLineage's HTTP clients use. One event, or a list of them.

Reads, checks the form, calls the writer, answers. Each event of a list is a transaction of its own.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from audit.canonical import CanonicalError
from audit.findings import Finding
from datasets import lineage
from datasets.errors import Refused
from datasets.people import Person
from promotions import submitted_runs
from promotions.api import shapes, submission_shapes
from promotions.api.answers import envelope, json_answer
from promotions.api.incoming import json_bytes, json_of
from promotions.api.submissions import FAULTY, SubmissionView, rouse

MOST_EVENTS = 100


class LineageView(SubmissionView):
    @extend_schema(
        operation_id="send_lineage",
        tags=["runs"],
        request={"application/json": shapes.OBJECT},
        responses=submission_shapes.answers(submission_shapes.EventAnswer, 201, 404, 409, 413, 422),
    )
    def post(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - the framework's signature
        """Send an OpenLineage run event, or a list of them. The same event again answers 200."""
        document = json_of(json_bytes(self.django_request))
        by = self.sender()
        if isinstance(document, list):
            return _several(document, by)
        answer, new = _one(document, by)
        return json_answer(answer, status=201 if new else 200)


def _several(documents: list[Any], by: Person) -> HttpResponseBase:
    if not 1 <= len(documents) <= MOST_EVENTS:
        message = f"A list holds 1 to {MOST_EVENTS} events."
        raise Refused("too_many_events", message, [Finding("too_many_events", "", message, "Send them in parts.")])
    results, faults = [], 0
    for document in documents:
        try:
            results.append(_one(document, by)[0])
        except Refused as refusal:
            faults += 1
            results.append(
                {
                    "event": "refused",
                    "error_code": "not_found" if refusal.code == "may_not_upload" else refusal.code,
                    "message": refusal.message,
                    "findings": [finding.as_json() for finding in refusal.findings],
                }
            )
    if faults:
        message = f"{faults} of {len(results)} events were refused; the others are kept."
        return envelope(FAULTY, "events_refused", message, results=results)
    return json_answer({"results": results})


def _one(document: Any, by: Person) -> tuple[dict[str, Any], bool]:
    findings = lineage.check_event(document)
    if findings:
        raise Refused("event_faulty", f"{len(findings)} thing(s) must be mended in the event.", findings)
    now = timezone.now()
    try:
        kept = submitted_runs.keep_event(document=document, by=by, at=now)
    except CanonicalError as error:
        finding = Finding("event_not_canonical", "", "The event holds a number that JSON can't carry exactly.")
        raise Refused("event_faulty", finding.message, [finding]) from error
    state: str | None = None
    found: tuple[Finding, ...] = ()
    if kept.run is not None:
        settled = submitted_runs.settle(run=kept.run, by=by, at=now)
        rouse(settled.job)
        state, found = settled.run.state, settled.findings
    answer = {
        "event": "not_ours" if not kept.ours else "kept" if kept.new else "known",
        "run_uuid": document["run"]["runId"].lower(),
        "state": state,
        "findings": [finding.as_json() for finding in found],
    }
    return answer, kept.new
