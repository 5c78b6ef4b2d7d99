"""OpenLineage run events (specification 2-0-2), as far as a submitted run needs them.

Decides whether an event has the form that KFM reads, which of its outputs are ours, what the run says of itself, and
which run receipt a finished run's events amount to. Pure: reads no clock, row or store. Never shows a stack trace.
Keeps the form half of clause F1 for runs that outside pipelines send.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from audit.findings import Finding
from datasets import credentials, identity, receipts
from datasets.schemas import check_document

#: The namespace in which an output's name is one of our dataset slugs.
NAMESPACE = "kfm"
LONGEST_FAILURE = 200
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+|\S+@\S+|(?<!\w)/\S+|[A-Za-z]:\\\S+")
_SETTING = re.compile(r"(?i)\b(\w*(?:password|passwd|secret|token|key|credential|authorization)\w*)(\s*[=:]\s*)\S.*")
_FIGURE = re.compile(r"[-+]?\d+\.\d+|\d{5,}|[A-Za-z0-9+/_=-]{32,}")


class EventType(StrEnum):
    """OpenLineage's run states."""

    START = "START"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ABORT = "ABORT"
    FAIL = "FAIL"
    OTHER = "OTHER"


#: What ends a run without data.
STOPPED = frozenset({EventType.ABORT, EventType.FAIL})


@dataclass(frozen=True, slots=True)
class Submission:
    """The facet ``kfm_submission``; ``environment``: ``container_digest`` and ``git_commit``."""

    slice: str
    terms: Mapping[str, str]
    propose: bool
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event. ``slugs``: our datasets among its outputs; ``outputs``, ``inputs``: (name, ``sha256:`` digest).

    ``failed_assertions``: how many of the outputs' quality assertions did not hold; ``failure``: one scrubbed line.
    """

    run_uuid: UUID
    type: EventType
    at: datetime
    job_namespace: str
    job_name: str
    slugs: frozenset[str]
    outputs: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    submission: Submission | None
    failed_assertions: int
    failure: str


def check_event(document: object) -> list[Finding]:
    """The findings against a parsed run event; empty when it has the form that KFM reads."""
    findings = check_document("lineage_event.v1", document)
    if findings or not isinstance(document, Mapping):
        return findings
    try:
        moment = datetime.fromisoformat(document["eventTime"])
        readable = moment.tzinfo is not None and moment < _LATEST
    except (ValueError, OverflowError):
        readable = False
    if not readable:
        message = "The event's time is no instant with a time zone."
        return [Finding("event_time_invalid", "/eventTime", message, "Example: 2026-02-20T12:00:00Z.")]
    terms = (_facets(document).get("kfm_submission") or {}).get("terms")
    findings = credentials.check_absent(terms, "/run/facets/kfm_submission/terms", prose=True)
    return findings + _check_outputs(document)


def kept_form(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it is kept: whole, but for credentials, and of an error its first line alone.

    What a pipeline's tools put into events is not its author's choice, so it is cut and not refused; the same event
    gives the same form. The terms stay word for word: ``check_event`` refused credentials there.
    """
    kept: dict[str, Any] = credentials.scrubbed(document)
    facets, given = _facets(kept), _facets(document)
    if "terms" in (given.get("kfm_submission") or {}):
        facets["kfm_submission"]["terms"] = dict(given["kfm_submission"]["terms"])
    if given.get("errorMessage"):
        error = facets["errorMessage"]
        error.pop("stackTrace", None)
        error["message"] = first_line(given["errorMessage"]["message"])
    return kept


def _facets(document: Mapping[str, Any]) -> dict[str, Any]:
    return document["run"].get("facets") or {}


def _check_outputs(document: Mapping[str, Any]) -> list[Finding]:
    """Of our namespace: well-formed slugs, and no more than one dataset a run."""
    findings, slugs = [], set()
    for index, output in enumerate(document.get("outputs") or ()):
        if output["namespace"] != NAMESPACE:
            continue
        slug = output["name"]
        slugs.add(slug)
        findings += identity.check_slug(slug, f"/outputs/{index}/name")
    if len(slugs) > 1:
        message = "The run's outputs name more than one dataset of ours."
        findings.append(Finding("outputs_of_many_datasets", "/outputs", message, "Send one run for each dataset."))
    return findings


def read_event(document: Mapping[str, Any]) -> RunEvent:
    """The event that *document* is; only for one in which ``check_event`` found nothing."""
    run, job = document["run"], document["job"]
    facets = _facets(document)
    ours = [output for output in document.get("outputs") or () if output["namespace"] == NAMESPACE]
    return RunEvent(
        run_uuid=UUID(run["runId"]),
        type=EventType(document["eventType"]),
        at=datetime.fromisoformat(document["eventTime"]).astimezone(UTC),
        job_namespace=job["namespace"],
        job_name=job["name"],
        slugs=frozenset(output["name"] for output in ours),
        outputs=_artifacts(ours, "outputFacets"),
        inputs=_artifacts(document.get("inputs") or (), "inputFacets"),
        submission=_submission(facets.get("kfm_submission")),
        failed_assertions=sum(_failed(output) for output in ours),
        failure=first_line((facets.get("errorMessage") or {}).get("message", "")),
    )


def _artifacts(rows: Sequence[Mapping[str, Any]], own: str) -> tuple[tuple[str, str], ...]:
    """The distinct (name, digest) of those that carry the facet ``kfm_artifact``, in one order."""
    found = set()
    for row in rows:
        facet = (row.get(own) or {}).get("kfm_artifact") or (row.get("facets") or {}).get("kfm_artifact")
        if facet is not None:
            found.add((credentials.scrubbed_text(row["name"]), facet["digest"]))
    return tuple(sorted(found))


def _failed(output: Mapping[str, Any]) -> int:
    facet = (output.get("outputFacets") or {}).get("dataQualityAssertions") or {"assertions": ()}
    return sum(not assertion["success"] for assertion in facet["assertions"])


def _submission(facet: Mapping[str, Any] | None) -> Submission | None:
    if facet is None:
        return None
    return Submission(facet["slice"], dict(facet["terms"]), facet.get("propose", False), dict(facet["environment"]))


def first_line(message: str) -> str:
    """The first line of an error message, fit for showing: without quoted values, addresses, secrets or figures.

    A pipeline's message may repeat a value of the data or a private address; what is left says the kind of fault.
    """
    line = next((text.strip() for text in message.splitlines() if text.strip()), "")
    line = "".join(c for c in line[:2000] if unicodedata.category(c)[0] != "C").strip()
    for pattern, kept in ((_ADDRESS, "…"), (_SETTING, r"\1\2…"), (_QUOTED, "…"), (_FIGURE, "…")):
        line = pattern.sub(kept, line)
    return line[:LONGEST_FAILURE].strip()


def receipt_of(  # noqa: PLR0913 - the facts of a receipt that events alone don't hold
    start: RunEvent,
    complete: RunEvent,
    *,
    start_digest: str,
    complete_digest: str,
    dataset_version_id: str,
    decision_id: str,
    actor: tuple[str, str],
) -> dict[str, Any]:
    """The run receipt that a finished run's events amount to.

    The run began with START and ended with COMPLETE; its inputs are those that carry a digest, and START itself, which
    names the others; its validation report is COMPLETE, by which the pipeline says that it passed. ``start`` carries
    a ``kfm_submission``. Raises ``datasets.schemas.RecordError`` when the events contradict each other.
    """
    if start.submission is None:
        raise ValueError("The START event has no facet kfm_submission.")
    return receipts.build_receipt(
        run_id=identity.run_id(start.at, str(start.run_uuid)),
        operation="ingest",
        dataset_version_id=dataset_version_id,
        inputs=[*dict.fromkeys((*start.inputs, *complete.inputs)), (f"kfm://artifact/{start_digest}", start_digest)],
        outputs=[(f"kfm://artifact/{digest}", digest) for _, digest in complete.outputs],
        environment=receipts.environment(**start.submission.environment),
        validation_status="fail" if complete.failed_assertions else "pass",
        report_digest=complete_digest,
        decision_id=decision_id,
        created_at=complete.at,
        actor=actor,
    )
