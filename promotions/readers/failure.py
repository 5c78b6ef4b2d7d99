"""What a run that ended badly shows: where it stopped, what changed since the last good run, and three next steps.

Compares recorded facts only: the bytes' digest, the spec, the code and the environment. What was not recorded is "not
known", never "the same". The last good run is one that the reader may see; one they may not is as if it never was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from datasets import intake, sources
from datasets.models import Artifact, DatasetSpec
from datasets.people import Person
from promotions import library
from promotions.models import Job, JobKind, JobState
from promotions.readers.run_list import visible_jobs
from promotions.roles import REGISTERS

MOST_FIELDS = 12
LONGEST = 90
RERUN, MEND, RECOVER = "RB-DATA-010", "RB-DATA-020", "RB-DATA-050"
PROCEDURE = "Procedure"
_WITH = ("acquisition__source", "acquisition__spec", "version__spec", "version__acquisition__source", "spec")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact then and now. ``state``: same, changed, added, removed, or unknown when one of the two is not there."""

    what: str
    before: str
    after: str
    state: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do next; ``href`` leads to where it is done."""

    words: str
    label: str = ""
    href: str = ""


def last_good(job: Job, person: Person) -> Job | None:
    """The latest run before *job*, of the same dataset and kind, that ended well and that *person* may see."""
    return (
        visible_jobs(person)
        .filter(dataset_id=job.dataset_id, kind=job.kind, state=JobState.DONE, pk__lt=job.pk)
        .select_related(*_WITH)
        .order_by("-pk")
        .first()
    )


def differences(job: Job, good: Job) -> list[Difference]:
    """What a run depends on, in *good* and in *job*: bytes, spec with its fields, code, environment."""
    then, now = _source(good), _source(job)
    found = [
        _compare("Bytes", then.digest if then else "", now.digest if now else "", "digest"),
        _compare("Size", str(then.size_bytes) if then else "", str(now.size_bytes) if now else "", "bytes"),
    ]
    before, after = _spec(good), _spec(job)
    found.append(_compare("Spec", before.spec_hash if before else "", after.spec_hash if after else "", "digest"))
    if before and after and before.spec_hash != after.spec_hash:
        found += list(spec_fields(json.loads(before.canonical), json.loads(after.canonical)))
    found.append(_compare("Code", good.git_commit, job.git_commit, "commit"))
    found.append(_compare("Environment", good.container_digest, job.container_digest, "digest"))
    return found


def sentence(found: list[Difference]) -> str:
    """What the differences say, in one sentence."""
    names = [d.what for d in found if d.state == "changed" and not d.what.startswith("Spec: ") and d.what != "Size"]
    unknown = [d.what.lower() for d in found if d.state == "unknown" and d.what != "Size"]
    if names:
        said = f"{_listed([name.lower() for name in names]).capitalize()} changed."
    elif unknown:
        said = "Nothing that was recorded of both runs changed."
    else:
        said = "Nothing that a run depends on changed: look at the upstream, the store or the machine."
    return f"{said} Not known of one of the two: {_listed(unknown)}." if unknown else said


def spec_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """The fields in which two specs differ, by path; at most ``MOST_FIELDS``, then how many more."""
    then, now = dict(_flat(before)), dict(_flat(after))
    paths = [path for path in sorted(then.keys() | now.keys()) if path and then.get(path) != now.get(path)]
    for path in paths[:MOST_FIELDS]:
        state = "added" if path not in then else "removed" if path not in now else "changed"
        yield Difference(f"Spec: {path}", then.get(path, ""), now.get(path, ""), state)
    if len(paths) > MOST_FIELDS:
        yield Difference("Spec: further fields", "", str(len(paths) - MOST_FIELDS), "changed")


def next_steps(job: Job, person: Person, *, may_retry: bool) -> tuple[Step, ...]:
    """Three things to do, by the failure's code, each with where it is done, or with who does it."""
    found = _STEPS.get(job.failure_code) or (_FETCH if _stopped_fetching(job) else _DEFAULT)
    found = _RECOVERY if job.kind == JobKind.RECOVERY and job.failure_code == "projection_drift" else found
    places = _places(job) | _not_theirs(job, person, may_retry=may_retry)
    return tuple(Step(words, *places.get(place, ("", ""))) for words, place in found)


def _not_theirs(job: Job, person: Person, *, may_retry: bool) -> dict[str, tuple[str, str]]:
    """The places that are closed to *person*: who goes there instead, and no address."""
    held = person.roles_on(job.dataset_id)
    closed = {}
    if not held & frozenset(intake.UPLOADS):
        closed["upload"] = ("a contributor or operator uploads", "")
    if not held & frozenset(sources.RECORDS):
        closed["change"] = ("an operator or contributor changes it", "")
    if not held & REGISTERS:
        closed["spec"] = ("a contributor, operator or steward records specs", "")
    if not may_retry:
        closed["again"] = ("an operator, or who asked for it, runs it again", "")
    return closed


def _stopped_fetching(job: Job) -> bool:
    return job.kind == JobKind.FETCH and job.acquisition_id is None


def _places(job: Job) -> dict[str, tuple[str, str]]:
    """Where each kind of step is done, as (label, address); a place that this run has not is left out."""
    slug = job.dataset.slug
    found = {
        "again": ("Run again", "#run-again"),
        "log": ("Read the log", "#log"),
        "changed": ("What changed", "#changed"),
        "spec": ("Open the spec", reverse("datasets:record_spec", args=[slug])),
        "upload": ("Upload a file", reverse("promotions:upload", args=[slug])),
        "rerun": _runbook(RERUN),
        "recover": _runbook(RECOVER),
        "mend": _runbook(MEND),
        "runs": ("Runs of this dataset", f"{reverse('promotions:runs')}?dataset={slug}"),
    }
    if job.version is not None:
        args = [slug, job.version.version_id]
        found["board"] = ("Open the gates", reverse("promotions:board", args=args))
        found["version"] = ("Open the version", reverse("promotions:version", args=args))
        found["recovery"] = ("Catalogs and their facts", reverse("promotions:version_recovery", args=args))
    found["source"] = ("Sources of this dataset", reverse("promotions:dataset_sources", args=[slug]))
    if job.source_id:
        found["source"] = ("Open the source", reverse("promotions:source", args=[job.source_id]))
        found["change"] = ("Change the source", reverse("promotions:change_source", args=[job.source_id]))
    return found


def _runbook(runbook_id: str) -> tuple[str, str]:
    """The runbook's procedure when it is on the shelf, else the shelf."""
    entry = library.by_id(runbook_id)
    if entry is None:
        return "All runbooks", reverse("promotions:runbooks")
    anchors = [anchor for anchor, title, _ in library.rendered(entry) if title == PROCEDURE]
    address = reverse("promotions:runbook", args=[runbook_id])
    return f"{runbook_id}, {PROCEDURE}", f"{address}#{anchors[0]}" if anchors else address


def _source(job: Job) -> Artifact | None:
    """The bytes that the run took; ``None`` when it ended before it had any."""
    acquisition = job.acquisition or (job.version.acquisition if job.version else None)
    return acquisition.source if acquisition else None


def _spec(job: Job) -> DatasetSpec | None:
    if job.spec is not None:
        return job.spec
    if job.version is not None:
        return job.version.spec
    return job.acquisition.spec if job.acquisition else None


def _compare(what: str, before: str, after: str, kind: str) -> Difference:
    state = "unknown" if not before or not after else "same" if before == after else "changed"
    return Difference(what, before, after, state, kind)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf as (path, text). A list whose members are values is one leaf; of objects, each is taken apart."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        for number, inner in enumerate(value, start=1):
            name = inner.get("name")
            yield from _flat(inner, f"{path}[{name if isinstance(name, str) else number}]")
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield path, text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


#: What to do next, by the failure's code: words, and the place where it is done.
_STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "cancelled": (
        ("What was recorded before the cancelling stays as it is; see how far it came.", "log"),
        ("Run it again: it is taken up where it was left.", "again"),
        ("If the file was the wrong one, upload the right one instead.", "upload"),
    ),
    "worker_died": (
        ("Ask an operator to look at the worker's log, at the time of this one's last line.", "log"),
        ("Run it again once the worker is sound.", "again"),
        ("If it dies again on this file, split the file by slice and upload the parts.", "upload"),
    ),
    "store_failed": (
        ("Ask an operator to look at the store: space, rights, damaged objects.", "mend"),
        ("Run it again: no bytes were lost, what came in is kept.", "again"),
        ("If an object is damaged, upload the same file again; the store mends nothing by itself.", "upload"),
    ),
    "crashed": (
        ("Tell an operator the number of this run.", "mend"),
        ("Run it again: a step that was recorded is not made twice.", "again"),
        ("If it stops again at the same place, compare it with the last run that went well.", "changed"),
    ),
    "gates_failed": (
        ("Open the version's gates: each finding says how to mend it.", "board"),
        ("Follow the runbook for the gate that failed.", "mend"),
        ("Run it again when it is mended.", "again"),
    ),
    "bad_normalization": (
        ("Record a spec that says how this file is to be read.", "spec"),
        ("Reprocess the version under it; the version made so gets an id of its own.", "rerun"),
        ("If the file was the wrong one, upload the right one instead.", "upload"),
    ),
    "projection_drift": (
        ("Nothing was changed. The recorded files still stand; see which differ.", "log"),
        ("See whether the code or the environment changed since the last good run.", "changed"),
        ("Reprocess the version if its catalogs must be made anew: it gets an id of its own.", "rerun"),
    ),
}
_RECOVERY = (
    ("See which fields differ, and which fact each is made from.", "recovery"),
    ("Where data, terms or reports are damaged, restore them from a backup and recover again.", "recover"),
    ("Where the new bytes are right, release them anew: withdraw, recover, sign, restore.", "recover"),
)
_FETCH = (
    ("Look at the source's attempts: an upstream that fails once often answers later.", "source"),
    ("If the address, the hosts or the credential are wrong, change the source.", "change"),
    ("Run it again; nothing was taken in, so nothing is made twice.", "again"),
)
_DEFAULT = (
    ("Mend the file as said above, and upload it: it becomes an acquisition of its own.", "upload"),
    ("If the file was right, record a spec that says what it holds, and reprocess under it.", "spec"),
    ("Follow the runbook for failed checks, step by step.", "mend"),
)
