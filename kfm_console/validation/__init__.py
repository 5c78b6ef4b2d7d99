"""Which validator answers for which kind of document, and what its answer is called.

Decides the verdict of one path: ``fail`` when a rule is broken or something required is absent, ``error`` when nothing
was found broken but a check could not be made, ``pass`` otherwise. Judges nothing itself, never touches the network
or the database (design §9).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from kfm_console.validation.contexts import LocalContexts

MAX_SCHEMA_BYTES = 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
Verdict = Literal["pass", "fail", "error"]
Profile = Literal["core", "kfm"]


@dataclass(frozen=True, slots=True)
class Options:
    """``profile``: None for the kind's own default; ``shapes``: SHACL files judged besides the profile's own (DCAT).

    ``contexts``: files that answer for remote JSON-LD contexts, each ``ADDRESS=FILE`` or ``FILE`` (DCAT and PROV).
    """

    profile: Profile | None = None
    shapes: tuple[Path, ...] = field(default=())
    contexts: tuple[str, ...] = field(default=())

    def profile_for(self, kind: str) -> Profile:
        """``core`` for bare JSON, where the question is RFC 8259's; KFM's own profile for every other kind."""
        return self.profile or ("core" if kind == "json" else "kfm")


Validator = Callable[[bytes, str, Options], list[Finding]]


def judge(kind: str, path: str, options: Options) -> dict[str, Any]:
    """The answer for one path: ``{path, kind, verdict, findings: [{code, where, message}]}``."""
    return judge_read(kind, path, read(kind, path), options)


def judge_read(kind: str, path: str, raw: bytes | Finding, options: Options) -> dict[str, Any]:
    """The answer of ``judge`` for what ``read`` gave for the path."""
    findings = [raw] if isinstance(raw, Finding) else _findings(kind, path, raw, options)
    return {
        "path": path,
        "kind": kind,
        "verdict": verdict(findings),
        "findings": [{"code": f.code, "where": f.where, "message": f.message} for f in findings],
    }


def verdict(findings: Iterable[Finding]) -> Verdict:
    """A broken rule is known whatever else could not be checked: ``fail`` goes before ``error``."""
    kinds = {finding.kind for finding in findings}
    if kinds & {"violated", "missing"}:
        return "fail"
    return "error" if kinds else "pass"


def exit_code(verdicts: Iterable[str]) -> int:
    """0: all pass; 2: at least one could not be checked; 1: all were checked and at least one fails."""
    found = set(verdicts)
    return 2 if "error" in found else int("fail" in found)


def read(kind: str, path: str) -> bytes | Finding:
    """What there is to judge at the path, or the finding that says why nothing can be read there."""
    try:
        raw = _read(path, literal_allowed=kind in LITERAL_KINDS)
    except OSError as error:
        return Finding("unreadable", "", f"The file cannot be read: {error.strerror or error}.", kind="error")
    except ValueError:
        return Finding("unreadable", "", "A file's name holds no NUL.", kind="error")
    if len(raw) > MAX_BYTES:
        return Finding("too_large", "", f"The file is larger than {MAX_BYTES} bytes.", kind="error")
    return raw


def _findings(kind: str, path: str, raw: bytes, options: Options) -> list[Finding]:
    try:
        return VALIDATORS[kind](raw, path, options)
    except StrictJsonError as error:
        return [Finding(error.code, error.where, error.message, kind="error" if error.unread else "violated")]
    except Exception as error:  # noqa: BLE001 -- a check that breaks down is "could not be checked", never "pass"
        message = f"The check itself broke down ({type(error).__name__}); nothing is known of this file."
        return [Finding("check_broke_down", "", message, "Report this, with the file.", "error")]


def _read(path: str, *, literal_allowed: bool) -> bytes:
    """At most one byte more than is judged, of a regular file; or the argument itself where that is allowed."""
    if literal_allowed and not _exists(Path(path)):
        return path.encode("utf-8", "surrogateescape")
    # O_NONBLOCK: a named pipe opens at once, and is then refused. A bare descriptor: a file object doubles the time.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "it is not a regular file")
        return _whole(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _whole(descriptor: int, size: int) -> bytes:
    """All that the descriptor gives, and of more than ``MAX_BYTES`` one byte more; one reading may give less."""
    most = min(size, MAX_BYTES) + 1
    read = os.read(descriptor, most)
    if len(read) == size or not read:
        return read  # as many as the file holds
    parts, length = [read], len(read)
    while length < most and (read := os.read(descriptor, most - length)):
        parts.append(read)
        length += len(read)
    return b"".join(parts)


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):  # too long for a name, or holds NUL: certainly a literal
        return False


def _json(raw: bytes, _path: str, options: Options) -> list[Finding]:
    """``core``: RFC 8259, which forbids no repeated name; ``kfm``: the strict intake of design §4 (ADR 6)."""
    parse_strict(raw, allow_duplicate_keys=options.profile_for("json") == "core")
    return []


def _spec(raw: bytes, path: str, _options: Options) -> list[Finding]:
    from datasets.specs import SpecSyntaxError, check_spec, parse_spec

    is_json = path.lower().endswith(".json") or (
        not path.lower().endswith((".yaml", ".yml")) and raw.lstrip().startswith(b"{")
    )
    try:
        return check_spec(parse_spec(raw, syntax="json" if is_json else "yaml"))
    except SpecSyntaxError as error:
        return [Finding(error.code, error.where, error.message)]


def _receipt(raw: bytes, _path: str, _options: Options) -> list[Finding]:
    from datasets.receipts import check_receipt

    return check_receipt(parse_strict(raw))


def _manifest(raw: bytes, _path: str, _options: Options) -> list[Finding]:
    from promotions.manifest import check_manifest

    return check_manifest(parse_strict(raw))


def _stac(raw: bytes, path: str, options: Options) -> list[Finding]:
    from datasets.catalogs.validate_stac import validate_stac

    return validate_stac(raw, profile=options.profile_for("stac"), schemas=partial(_schema_beside, path))


def _schema_beside(path: str, address: str) -> bytes | None:
    """The schema file that a document names by a relative path; None for a network address or an absent file."""
    if "://" in address or not address.endswith(".json") or address.startswith("/"):
        return None
    file = Path(path).parent / address
    if not _exists(file) or not file.is_file() or file.stat().st_size > MAX_SCHEMA_BYTES:
        return None
    return file.read_bytes()


def _dcat(raw: bytes, _path: str, options: Options) -> list[Finding]:
    from datasets.catalogs.validate_dcat import validate_dcat

    contexts = LocalContexts(options.contexts)
    return validate_dcat(raw, profile=options.profile_for("dcat"), shapes=options.shapes, contexts=contexts)


def _prov(raw: bytes, _path: str, options: Options) -> list[Finding]:
    from datasets.catalogs.validate_prov import validate_prov

    return validate_prov(raw, profile=options.profile_for("prov"), contexts=LocalContexts(options.contexts))


def _geojson(raw: bytes, _path: str, _options: Options) -> list[Finding]:
    from datasets.formats.geojson_check import check_geojson

    return check_geojson(raw)


def _runbook(raw: bytes, path: str, _options: Options) -> list[Finding]:
    from promotions.runbooks import check_runbook

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return [Finding("invalid_utf8", f"byte {error.start}", "The text is not valid UTF-8.")]
    return check_runbook(text, Path(path).name)


def _license(raw: bytes, _path: str, _options: Options) -> list[Finding]:
    from datasets.rights import check_license

    return _each_line(raw, check_license)


def _evidence_ref(raw: bytes, _path: str, _options: Options) -> list[Finding]:
    return _each_line(raw, _evidence_ref_findings)


def _evidence_ref_findings(text: str, where: str) -> list[Finding]:
    from audit.references import InvalidReference, parse_evidence_ref

    try:
        parse_evidence_ref(text)
    except InvalidReference as error:
        return [Finding("evidence_ref_malformed", where, str(error))]
    return []


def _each_line(raw: bytes, check: Callable[[str, str], list[Finding]]) -> list[Finding]:
    """One entry a line; empty lines and lines that begin with ``#`` are none. No entry at all is a finding."""
    try:
        # only the newline ends a line: what else splitlines() splits at has no place in an entry and is refused there
        lines = [line.removesuffix("\r") for line in raw.decode("utf-8").split("\n")]
    except UnicodeDecodeError as error:
        return [Finding("invalid_utf8", f"byte {error.start}", "The text is not valid UTF-8.")]
    entries = [(number, line) for number, line in enumerate(lines, start=1) if line.strip() and line[0] != "#"]
    if not entries:
        return [Finding("nothing_stated", "", "There is no entry to judge.", kind="missing")]
    return [finding for number, line in entries for finding in check(line, f"line {number}")]


LITERAL_KINDS = frozenset({"evidence-ref", "license"})
VALIDATORS: dict[str, Validator] = {
    "spec": _spec,
    "receipt": _receipt,
    "manifest": _manifest,
    "stac": _stac,
    "dcat": _dcat,
    "prov": _prov,
    "runbook": _runbook,
    "geojson": _geojson,
    "evidence-ref": _evidence_ref,
    "license": _license,
    "json": _json,
}
