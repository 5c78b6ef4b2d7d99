"""Recovery of one version's catalogs (RB-DATA-050): what may be recovered how far, while it stays where it stands.

A published version gets back what the store lost, byte for byte, and nothing else: other bytes need a new release, with
its gates and signatures. Where nothing is served, catalogs are built anew, which voids signatures as any changed byte
does. The standing is held while the run is recorded: a version that moved meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from datasets.errors import Refused
from datasets.models import Dataset, DatasetVersion
from datasets.people import PIPELINE, Person, person_named
from datasets.steps import rebuild
from datasets.steps.workspace import Listener, Workspace
from promotions import dossier, gates
from promotions.leases import Reporter
from promotions.models import Job, Proposal, Standing
from promotions.recoverable import ANEW, check_recoverable
from promotions.states import State

#: Findings of gate C that only a new catalog run mends: it was made before there was a leak check, or of other files.
_OWED = frozenset({"leak_check_missing", "leak_check_of_other_bytes"})
Workspaces = Callable[[Listener], AbstractContextManager[Workspace]]


@dataclass(frozen=True, slots=True)
class Standstill:
    """A listener whose ``hold`` also makes sure that the version still stands where it stood."""

    reporter: Reporter
    standing: Standing

    def line(self, text: str) -> None:
        """To the job's log."""
        self.reporter.line(text)

    def progress(self, done: int, total: int | None) -> None:
        """To the job's page."""
        self.reporter.progress(done, total)

    def hold(self) -> None:
        """Locks the dataset and the standing, as ``transitions`` does, and raises when the version moved."""
        Dataset.objects.select_for_update(no_key=True).get(pk=self.standing.dataset_id)
        now = Standing.objects.select_for_update(of=("self",)).get(pk=self.standing.pk)
        if (now.state, now.round) != (self.standing.state, self.standing.round):
            raise Refused(
                "moved_meanwhile", f"The version moved to {now.state} meanwhile, so nothing was recovered. Look again."
            )
        self.reporter.hold()


def recover(job: Job, standing: Standing, reporter: Reporter, workspaces: Workspaces) -> None:
    """Compares, then mends. Raises ``ProjectionDrift`` once what could not be mended is recorded."""
    state, version = State(standing.state), standing.version
    check_recoverable(state)
    by, proposer = _asked_by(job), proposer_of(version)
    held = Standstill(reporter, standing)
    reporter.step("compare", "Rebuilding the catalogs in memory, and hashing every stored file again.")
    with workspaces(held) as work:
        compared = rebuild.look(version, proposer=proposer, by=by, work=work)
        for _, cause in compared.causes:
            reporter.line(cause)
    reporter.step("mend", "Putting back what is lost, and following every cross-link.")
    with workspaces(held) as work:
        owed = state in ANEW and leak_check_owed(standing)
        rebuild.mend(version, compared, proposer=proposer, by=by, work=work, anew=state in ANEW, owed=owed)


def leak_check_owed(standing: Standing) -> bool:
    """Whether gate C misses a leak check of what would go out, as of catalogs that an earlier console built."""
    gathered = dossier.gather(standing, letters="CD", fresh=False)  # with D: the files of the catalog run as well
    return any(f.code in _OWED for f in gates.evaluate_all(gathered.evidence, "C")["C"].findings)


def proposer_of(version: DatasetVersion) -> str:
    """Who the catalogs name as proposer: who proposed it, or else who brought it in."""
    proposal = Proposal.objects.filter(version=version).first()
    return proposal.proposer if proposal else version.created_by


def _asked_by(job: Job) -> Person:
    return PIPELINE if job.requested_by == PIPELINE.principal else person_named(job.requested_by)
