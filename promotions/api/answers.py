"""How the API answers: one error envelope, one form for JSON, one for stored bytes.

Translates every refusal and failure to HTTP, once. Hidden and absent are the same ``Absent`` here, so that no view can
tell them apart by accident. Never invents data and never sends bytes that were not verified (design §8, clause G1).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from datasets import questions
from datasets.errors import Refused
from datasets.zones.store import DamagedObject, ObjectNotFound, ObjectTooLarge, StoreError

logger = logging.getLogger(__name__)

_OF_DJANGO: tuple[tuple[type[Exception], int, str, str], ...] = (
    (RequestDataTooBig, 413, "too_large", "The request's body is too large."),
    (UnreadablePostError, 400, "body_unreadable", "The request's body broke off."),
    (PermissionDenied, 403, "permission_denied", "This is not allowed."),
)

#: When the throttle can't say how long, its whole window.
_WINDOW_SECONDS = 60
#: Caches may keep an answer but must ask before each use: a withdrawal works at once.
CACHE_CONTROL = "private, no-cache"
ERROR_CACHE_CONTROL = "no-store"


class ApiError(Exception):
    """A refusal with its place in the envelope. ``audit_ref``: the stored decision it rests on, where there is one."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str, *, code: str = "", status: int = 0, audit_ref: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.audit_ref = audit_ref


class Absent(ApiError):  # noqa: N818 - an answer, not a fault
    """404, for what is not there and for what this person may not know of."""

    status = 404
    code = "not_found"

    def __init__(self, audit_ref: str = "") -> None:
        super().__init__("There is nothing at this address that you may read.", audit_ref=audit_ref)


class BadParameter(ApiError):  # noqa: N818 - as above
    """400; the message names the parameter and its rule."""

    code = "parameter_invalid"


class Gone(ApiError):  # noqa: N818 - as above
    """410 with a tombstone: the version was readable under its label, and is served no longer."""

    status = 410
    code = "gone"

    def __init__(self, tombstone: Mapping[str, Any], audit_ref: str) -> None:
        super().__init__("This version is no longer served; the tombstone says why.", audit_ref=audit_ref)
        self.tombstone = tombstone


class NotServable(ApiError):  # noqa: N818 - as above
    """503: the record contradicts itself, so nothing is served."""

    status = 503
    code = "record_contradictory"


def new_reference() -> str:
    """A reference of the form a stored decision has, for answers that rest on none; the log holds it."""
    return questions.new_reference()


def json_answer(body: object, *, status: int = 200, media_type: str = "application/json") -> HttpResponse:
    """A JSON body in UTF-8."""
    written = json.dumps(body, ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8", "backslashreplace")
    response = HttpResponse(written + b"\n", status=status, content_type=media_type)
    response["Cache-Control"] = CACHE_CONTROL if status < 400 else ERROR_CACHE_CONTROL  # noqa: PLR2004 - HTTP's own limit
    return response


def envelope(status: int, code: str, message: str, audit_ref: str = "", **more: object) -> HttpResponse:
    """``{error_code, message, audit_ref}``; logged under its reference, without a value from the request."""
    reference = audit_ref or questions.audit_ref() or new_reference()
    logger.log(logging.WARNING if status >= 500 else logging.INFO, "api %s %s %s", status, code, reference)  # noqa: PLR2004 - HTTP's own limit
    return json_answer({"error_code": code, "message": message, "audit_ref": reference, **more}, status=status)


def answer_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:  # noqa: ARG001 - REST framework's signature
    """The envelope for *error*; ``None`` for a fault of ours, which Django then reports."""
    if isinstance(error, Gone):
        return envelope(error.status, error.code, error.message, error.audit_ref, tombstone=error.tombstone)
    if isinstance(error, ApiError):
        return envelope(error.status, error.code, error.message, error.audit_ref)
    if isinstance(error, Http404 | exceptions.NotFound):
        absent = Absent()
        return envelope(absent.status, absent.code, absent.message)
    if isinstance(error, Refused):
        return envelope(409, error.code, error.message, error.audit_ref)
    if isinstance(error, exceptions.APIException):
        return _framework(error)
    return _elsewhere(error)


def _framework(error: exceptions.APIException) -> HttpResponse:
    codes = error.get_codes()
    response = envelope(error.status_code, codes if isinstance(codes, str) else "invalid", str(error.detail))
    if isinstance(error, exceptions.Throttled):
        response["Retry-After"] = str(getattr(error, "wait", None) or _WINDOW_SECONDS)
    return response


def _elsewhere(error: Exception) -> HttpResponse | None:
    """What the store, the database or Django itself could not do."""
    if isinstance(error, DamagedObject | ObjectNotFound | ObjectTooLarge):
        logger.error("stored bytes can't be served: %s", error)
        return envelope(
            503, "stored_bytes_damaged", "The stored bytes are damaged or missing; nothing of them is served."
        )
    if isinstance(error, StoreError):
        return envelope(
            503, "store_unavailable", "The store can't be reached; nothing is known of the bytes. Try later."
        )
    if isinstance(error, DatabaseError):
        logger.error("database: %s", type(error).__name__)
        return envelope(503, "database_unavailable", "The database can't answer now. Try later.")
    for kind, status, code, message in _OF_DJANGO:
        if isinstance(error, kind):
            return envelope(status, code, message)
    return None
