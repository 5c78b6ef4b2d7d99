"""The rebuild run: makes a version's projections again from its recorded facts, compares them, and mends the store.

Never touches data bytes. ``rebuild`` compares and puts back what is gone; ``look`` and ``mend`` also mend damage and,
where the caller says that nothing is served, have catalogs built anew that come out otherwise. Each leaves a
``rebuild`` receipt that no gate counts as a producing run (``runs.current_receipts``); ``mend`` leaves the
link-integrity report too. What can't be mended is told by name.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db import transaction

from audit import ledger
from audit.events import Event
from datasets.models import DatasetVersion, PolicyDecision
from datasets.people import PIPELINE, Person
from datasets.policy.roles import Role
from datasets.runs import NewFile, current_files, current_receipts, new_run_id, record_run
from datasets.steps import linking
from datasets.steps.catalog import build_catalogs
from datasets.steps.checking import work_path
from datasets.steps.drift import Compared, Comparison, compare, record_check
from datasets.steps.outgoing import released
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import put_back, read_document, read_whole

REPORT_VERSION = "v1"
AGAIN = (
    "The facts behind them changed since (a label, the public address, the code). Run checks and catalogs again; "
    "restore damaged files from a backup."
)
NEW_RELEASE = (
    "What is served stays as it was signed. To release what the facts give now, withdraw the version, recover it, have "
    "it signed and restore it; or reprocess it to a new version."
)
FROM_BACKUP = "Bytes of the data are never rebuilt: restore these files from a backup, then recover again."


class ProjectionDrift(Exception):  # noqa: N818 - an answer with its cause, as ``UnreadableSource`` is
    """A rebuilt projection is not the recorded one; the report and its receipt are recorded."""

    code = "projection_drift"

    def __init__(self, names: list[str], fix: str = AGAIN) -> None:
        counted = "1 file is" if len(names) == 1 else f"{len(names)} files are"
        self.message = f"Rebuilt from the recorded facts, {counted} not as recorded: {', '.join(names)}."
        self.fix = fix
        super().__init__(self.message)


def rebuild(version: DatasetVersion, *, proposer: str, work: Workspace) -> None:
    """Rebuilds, compares, puts back what is gone, records. Raises ``ProjectionDrift`` once the report is kept.

    Raises ``Refused`` when there are no catalogs, and what else ended the rebuild, such as the data being gone.
    """
    compared = compare(version, proposer=proposer, work=work, preview=True)
    if compared.error is not None:
        raise compared.error
    made = replace(compared, files=tuple(file for file in compared.files if file.rebuilt is not None))
    gone = [file for file in made.files if file.can_be_put_back and file.stored == "gone"]
    after = _record(version, made, gone, None, work)
    if after.unsound:
        raise ProjectionDrift(after.unsound)


def look(version: DatasetVersion, *, proposer: str, by: Person, work: Workspace) -> Comparison:
    """Compares everything, the small map too. What ends the rebuild is recorded as a check, then raised."""
    compared = compare(version, proposer=proposer, work=work, preview=True)
    if compared.error is not None:
        record_check(version, compared, by=by, at=work.at)
        raise compared.error
    return compared


def mend(  # noqa: PLR0913 - what is mended, for whom, and how far it may go
    version: DatasetVersion,
    compared: Comparison,
    *,
    proposer: str,
    by: Person,
    work: Workspace,
    anew: bool,
    owed: bool = False,
) -> None:
    """Puts back what is lost and records the rebuild, the links and the check. Raises ``ProjectionDrift`` afterwards.

    ``anew``: catalogs that come out otherwise are built and recorded anew; the caller's ``hold`` makes sure that they
    are not being served. Without it nothing of a version changes but lost bytes coming back. ``owed``: the catalog run
    misses a check that the gates ask for, so it is made anew even where it gives the same documents.
    """
    changed = any(_changed(file) for file in compared.files)
    if anew and (changed or owed):
        why = "The facts give other catalogs than the recorded ones" if changed else "The leak check is owed"
        work.listener.line(f"{why}: the catalogs are built anew.")
        build_catalogs(version, proposer=proposer, work=work)
        compared = compare(version, proposer=proposer, work=work, preview=True)
        if compared.error is not None:
            raise compared.error
    lost = [file for file in compared.files if file.can_be_put_back]
    after = _record(version, compared, lost, by, work)
    if after.unsound:
        raise ProjectionDrift(after.unsound, _fix(after, anew=anew))


def _changed(file: Compared) -> bool:
    return file.verdict in {"differs", "missing"} and file.part != "preview"


def _fix(after: Comparison, *, anew: bool) -> str:
    if any(not file.sound and file.rebuilt is None for file in after.files):
        return FROM_BACKUP
    return AGAIN if anew else NEW_RELEASE


def _record(
    version: DatasetVersion,
    compared: Comparison,
    lost: Collection[Compared],
    checked_by: Person | None,
    work: Workspace,
) -> Comparison:
    """Records the run and puts back *lost*, in one transaction or not at all; the comparison as it is afterwards."""
    paths = {file.path for file in lost}
    after = replace(
        compared, files=tuple(replace(f, stored="restored") if f.path in paths else f for f in compared.files)
    )
    links = link_report(version, after) if checked_by is not None else None
    document = _document(version, after, links)
    files = _reports(version, document, links, work)
    with transaction.atomic():
        work.listener.hold()
        DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        _run(version, compared, document, files, lost, work)
        if checked_by is not None:
            record_check(version, after, by=checked_by, at=work.at)
        for file in lost:
            put_back(file.content)
    _tell(after, lost, links, work)
    return after


def _tell(after: Comparison, lost: Collection[Compared], links: dict[str, Any] | None, work: Workspace) -> None:
    same = sum(f.sound for f in after.files)
    work.listener.line(f"{same} of {len(after.files)} files are as recorded; {len(lost)} put back into the store.")
    if links is not None:
        counts = links["counts"]
        work.listener.line(f"{counts['links']} cross-links followed, {counts['broken']} broken: {links['status']}.")


def _document(version: DatasetVersion, after: Comparison, links: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kfm_rebuild_report_version": REPORT_VERSION,
        "dataset_version_id": version.version_id,
        "rebuilt_run": after.receipt.run_id,
        "status": "fail" if after.unsound else "pass",
        "links": links["status"] if links else None,
        "causes": [code for code, _ in after.causes],
        "files": [f.as_json() for f in after.files],
    }


def _reports(
    version: DatasetVersion, document: dict[str, Any], links: dict[str, Any] | None, work: Workspace
) -> list[NewFile]:
    report = keep_json(document, at=work.at)
    files = [NewFile(report, "work", "rebuild_report", work_path(version, "rebuild-report.json"))]
    if links is not None:
        kept = keep_json(links, at=work.at)
        files.append(NewFile(kept, "work", linking.PART, work_path(version, "link-report.json")))
    return files


def _run(  # noqa: PLR0913 - what the run is made of
    version: DatasetVersion,
    compared: Comparison,
    document: dict[str, Any],
    files: list[NewFile],
    lost: Collection[Compared],
    work: Workspace,
) -> None:
    said = json.loads(read_document(compared.receipt.document_id))
    held = {f.part: f for f in current_files(version)}

    def tell() -> None:
        work.listener.hold()
        references = {file.part: file.artifact.digest for file in files} | {"status": document["status"]}
        _append(Event.VERSION_REBUILT, version, references, work)
        for digest in sorted({str(file.recorded) for file in lost}):
            _append(Event.STORE_MENDED, version, {"artifact": digest}, work)

    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="rebuild",
        inputs=[held[part].artifact for part in released(held)],
        files=files,
        passed=document["status"] == "pass",
        report=files[0].artifact,
        decision=PolicyDecision.objects.get(decision_id=said["policy"]["decision_id"]),
        params={"rebuilt_run": compared.receipt.run_id},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=tell,
    )


def _append(event: Event, version: DatasetVersion, references: dict[str, str], work: Workspace) -> None:
    ledger.append(
        event=event,
        actor=PIPELINE.principal,
        role=Role.PIPELINE.value,
        subject=version.reference,
        references=references,
        at=work.at,
    )


def link_report(version: DatasetVersion, compared: Comparison) -> dict[str, Any] | None:
    """The links of the documents as recorded; ``None`` while one of them is neither whole nor to be put back."""
    by_part: dict[str, list[bytes]] = {}
    for file in compared.files:
        if file.part in linking.TRIPLET_PARTS:
            raw = file.content if file.verdict == "same" else read_whole(file.recorded)
            if raw is None:
                return None
            by_part.setdefault(file.part, []).append(raw)
    there = {f.path for f in compared.files if f.stored in {"whole", "restored"}}
    files = [f for f in current_files(version) if f.path in there]
    return linking.report_on(version, by_part, current_receipts(version).values(), files)
