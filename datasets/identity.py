"""Names of things: slugs, slices, version ids, run ids and acquisition ids.

Decides what a well-formed id is and which id a version gets from its slice, its spec and its inputs. Never looks at a
clock, a database or a counter: the same facts always give the same id. Keeps clauses A1 and A2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from audit.digests import Digest, digest_json
from audit.findings import Finding

SLUG = re.compile(r"[a-z0-9_]{1,100}")
SLICE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
VERSION_ID = re.compile(r"([0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)\.([0-9a-f]{8})(?:\.([0-9a-f]{8}))?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SUFFIX = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
RUN_ID = re.compile(
    rf"kfm://run/([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z)\.({SUFFIX.pattern})"
)
YEAR_WORD = re.compile(r"(?:1[6-9]|20|21)[0-9]{2}(?:[01][0-9](?:[0-3][0-9])?)?")


class IdentityError(ValueError):
    """An id cannot be formed from these facts; the message names the fact and the rule."""


def inputs_digest(digests: Sequence[str]) -> Digest:
    """The digest of a set of inputs, from each input's ``sha256:`` digest.

    Order does not count; an input that stands twice counts twice. SHA-256 of the canonical JSON list of the sorted
    digests. Refuses an empty list and a malformed digest.
    """
    if not digests:
        raise IdentityError("There are no inputs: a version is made from at least one input.")
    texts = sorted(str(digest) for digest in digests)
    for text in texts:
        _require_digest(text, "An input's digest")
    return digest_json(texts)


def version_id(slice_: str, spec_hash: str | Digest, inputs_digest: str | Digest, taken: Mapping[str, str]) -> str:
    """The ``dataset_version_id`` of these inputs under this spec (design §4).

    ``taken`` maps the dataset's existing version ids to their inputs digests. The id has two parts; the third part is
    added when the same slice was already made from other inputs (the upstream re-issued it). The same inputs and spec
    give the id they had. Raises ``IdentityError`` on malformed facts, or when the id belongs to other inputs.
    """
    short, long = candidate_ids(slice_, spec_hash, inputs_digest)
    inputs = str(inputs_digest)
    held = {name: str(digest) for name, digest in taken.items() if name in (short, long)}
    for name in (short, long):
        if held.get(name) == inputs:
            return name
    if short not in held:
        return short
    if long in held:
        raise IdentityError(f"Version id {long} belongs to other inputs; an id is never reused for other bytes (A1).")
    return long


def run_id(at: datetime, suffix: str) -> str:
    """``kfm://run/<RFC 3339 UTC, whole seconds>.<suffix>``; ``at`` must know its time zone, ``suffix`` is one word."""
    if SUFFIX.fullmatch(suffix) is None:
        raise IdentityError(
            "A run's suffix is 1 to 64 letters, digits, “_”, “-” and “.”, with a letter, digit or “_” at each end."
        )
    return f"kfm://run/{_utc(at):%Y-%m-%dT%H:%M:%SZ}.{suffix}"


def acquisition_id(fetched_at: datetime, inputs: str) -> str:
    """``<YYYYMMDDThhmmssZ>.<first 8 hex of the inputs digest>``: one fetch, usable as a path segment."""
    _require_digest(str(inputs), "The inputs digest")
    return f"{_utc(fetched_at):%Y%m%dT%H%M%SZ}.{_first8(inputs)}"


def check_slug(slug: object, where: str = "/dataset_slug") -> list[Finding]:
    """A1: ``^[a-z0-9_]+$``, at most 100 characters, and no date in it."""
    if not isinstance(slug, str) or not slug:
        return [Finding("slug_missing", where, "The dataset slug is missing.", kind="missing")]
    if SLUG.fullmatch(slug) is None:
        message = "A dataset slug holds only lower-case letters, digits and underscores, 100 at most."
        return [Finding("slug_malformed", where, message, "Example: noaa_ncei_storm_events.")]
    if any(YEAR_WORD.fullmatch(word) for word in slug.split("_")):
        message = "A dataset slug holds no date: it names every issue of the dataset."
        return [Finding("slug_dated", where, message, "Leave the date out; it belongs to the version's slice.")]
    return []


def check_slice(slice_: object, where: str = "/slice") -> list[Finding]:
    """A1: ``YYYY[-MM[-DD]]`` and a real date of the calendar."""
    match = SLICE.fullmatch(slice_) if isinstance(slice_, str) else None
    if match is None:
        return [Finding("slice_malformed", where, "A slice is YYYY, YYYY-MM or YYYY-MM-DD.", "Example: 2026-02.")]
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return [Finding("slice_no_such_date", where, "The slice names a date that is not in the calendar.")]
    return []


def check_version_form(version: object, where: str = "/dataset_version_id") -> list[Finding]:
    """A1: ``<slice>.<8 hex>[.<8 hex>]`` with a real date as slice."""
    if not isinstance(version, str) or not version:
        return [Finding("version_id_missing", where, "The dataset version id is missing.", kind="missing")]
    match = VERSION_ID.fullmatch(version)
    if match is None:
        message = "A version id is <slice>.<8 hex of the spec hash>, with .<8 hex of the inputs digest> when re-issued."
        return [Finding("version_id_malformed", where, message, "Example: 2026-02.d282c86f.")]
    return check_slice(match[1], where)


def check_version_id(
    version: object,
    *,
    spec_hash: str | None = None,
    inputs: str | None = None,
    where: str = "/dataset_version_id",
) -> list[Finding]:
    """A1: the id is well formed, and is one that this spec and these inputs give.

    ``inputs`` is the inputs digest; both are ``sha256:`` texts, and one that is not given is not judged against.
    """
    findings = check_version_form(version, where)
    for digest, name in ((spec_hash, "spec_hash"), (inputs, "inputs_digest")):
        findings += [] if digest is None else _check_digest(digest, name)
    match = VERSION_ID.fullmatch(version) if isinstance(version, str) else None
    if findings or match is None:
        return findings
    if spec_hash is not None and match[2] != _first8(spec_hash):
        message = "The version id's second part is not the first 8 hex digits of the spec hash."
        findings.append(Finding("version_id_other_spec", where, message, "Make the version again from its spec."))
    if inputs is not None and match[3] is not None and match[3] != _first8(inputs):
        message = "The version id's third part is not the first 8 hex digits of the inputs digest."
        findings.append(Finding("version_id_other_inputs", where, message, "Make the version again from its inputs."))
    return findings


def candidate_ids(slice_: str, spec_hash: str | Digest, inputs_digest: str | Digest) -> tuple[str, str]:
    """The two ids these facts can give: with two parts, and with three; raises ``IdentityError`` on malformed facts."""
    problems = check_slice(slice_)
    if problems:
        raise IdentityError(problems[0].message)
    _require_digest(str(spec_hash), "The spec hash")
    _require_digest(str(inputs_digest), "The inputs digest")
    short = f"{slice_}.{_first8(str(spec_hash))}"
    return short, f"{short}.{_first8(str(inputs_digest))}"


def check_run_id(run: object, where: str = "/run_id") -> list[Finding]:
    """A1: ``kfm://run/<RFC 3339 UTC, seconds>.<suffix>`` with a real instant."""
    match = RUN_ID.fullmatch(run) if isinstance(run, str) else None
    if match is None:
        message = "A run id is kfm://run/<UTC time in whole seconds>.<suffix>."
        return [Finding("run_id_malformed", where, message, "Example: kfm://run/2026-02-20T12:00:00Z.a1b2c3.")]
    try:
        datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return [Finding("run_id_no_such_time", where, "The run id names an instant that is not in the calendar.")]
    return []


def _check_digest(text: object, where: str) -> list[Finding]:
    if isinstance(text, str) and DIGEST.fullmatch(text):
        return []
    return [Finding("digest_malformed", where, f"{where} is not sha256: and 64 lower-case hex digits.")]


def _require_digest(text: str, name: str) -> None:
    if DIGEST.fullmatch(text) is None:
        raise IdentityError(f"{name} is not sha256: and 64 lower-case hex digits.")


def _first8(digest: str) -> str:
    return str(digest).removeprefix("sha256:")[:8]


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None or at.utcoffset() is None:
        raise IdentityError("The time has no time zone; give it in UTC.")
    return at.astimezone(UTC)
