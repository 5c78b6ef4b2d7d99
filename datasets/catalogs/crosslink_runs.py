"""Whether PROV and the run receipts tell the same runs, and each artifact has exactly one producing receipt.

Decides the part of clause D2 between PROV, the receipts and the artifacts, in both directions. The catalog run is the
one activity without a receipt digest (its receipt digests these documents); its receipt's outputs must be these very
bytes. What no document repeats of that receipt (its verdict, say) is clause F1's and F2's: its bytes are the ones that
were recorded and entered in the ledger. Never looks anything up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audit.findings import Finding
from datasets.catalogs.crosslink_parts import ARTIFACT, Receipt, StoredArtifact, broken, digest_of, shown, single
from datasets.catalogs.namespaces import KFM, PROV, agent_iri
from datasets.catalogs.triplet import Triplet, TripletDocuments, mapping

_CATALOG = {"catalog"}


def check_runs(
    triplet: Triplet, receipts: Mapping[str, Receipt], given: Mapping[str, bytes], *, cataloged: bool
) -> Iterator[Finding]:
    """``receipts``: those that could be read, by run; ``given``: the bytes of all; ``cataloged``: that run is over."""
    activities = triplet.activities()
    for run in sorted(set(given) - activities):
        yield broken("orphan_receipt", run, "A run receipt is mentioned by no activity of the PROV bundle.")
    cataloging = [run for run in sorted(activities) if _is_catalog(triplet, run)]
    if len(cataloging) != 1:
        message = f"The PROV bundle holds {len(cataloging)} catalog runs; exactly one made these documents."
        yield broken("catalog_run_count", "prov", message)
    for run in sorted(activities):
        own = _is_catalog(triplet, run)
        if run not in given and (cataloged or not own):
            yield broken("receipt_missing", run, "An activity of the PROV bundle left no run receipt.", "missing")
        if own:
            yield from _cataloging(triplet, run)
        if run in receipts:
            yield from _run(triplet, run, receipts[run])
            yield from () if own else _outputs(triplet, run, receipts[run])


def _cataloging(triplet: Triplet, run: str) -> Iterator[Finding]:
    if triplet.prov.objects(run, KFM + "receipt_digest"):
        yield broken("receipt_digest_differs", run, "The catalog run can't know the digest of its own receipt.")
    decisions = triplet.prov.objects(triplet.dataset, KFM + "policy_decision")
    if triplet.prov.objects(run, KFM + "policy_decision") != decisions:
        yield broken("policy_decision_differs", run, "The catalog run names another decision than the dataset.")


def check_producers(
    triplet: Triplet, receipts: Mapping[str, Receipt], artifacts: Mapping[str, StoredArtifact]
) -> Iterator[Finding]:
    for digest in sorted(artifacts):
        makers = {run for run, receipt in receipts.items() if digest in receipt.outputs}
        if len(makers) != 1:
            message = f"{len(makers)} receipts list the artifact as an output; exactly one must."
            yield broken("artifact_receipt_count", digest, message, "violated" if makers else "missing")
        elif makers != triplet.prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy"):
            yield broken("producer_differs", digest, "The receipt and PROV name different producing runs.")


def check_catalog_run(
    triplet: Triplet, receipts: Mapping[str, Receipt], documents: TripletDocuments
) -> Iterator[Finding]:
    stored = {"dcat": documents.dcat, "stac/collection": documents.stac_collection, "prov": documents.prov}
    stored |= {f"stac/items[{index}]": raw for index, raw in enumerate(documents.stac_items)}
    for run, receipt in receipts.items():
        if not _is_catalog(triplet, run):
            continue
        for name, raw in stored.items():
            if digest_of(raw) not in receipt.outputs:
                yield broken("catalog_digest_differs", name, f"The receipt of {run} does not list these bytes.")


def _is_catalog(triplet: Triplet, run: str) -> bool:
    return triplet.prov.objects(run, KFM + "operation") == _CATALOG


def _run(triplet: Triplet, run: str, receipt: Receipt) -> Iterator[Finding]:
    prov, body = triplet.prov, receipt.body
    if body.get("run_id") != run:
        yield broken("run_id_differs", run, f"The receipt says run_id {body.get('run_id')!r:.120}.")
    versions = triplet.dcat.objects(triplet.dataset, KFM + "dataset_version_id")
    if {str(body.get("dataset_version_id"))} != versions:
        yield broken("fact_differs", f"{run} dataset_version_id", "The receipt names another dataset version.")
    apart = prov.objects(run, PROV + "used") ^ {ARTIFACT + digest for digest in receipt.inputs}
    if apart:
        yield broken("inputs_differ", run, f"Only one of PROV's prov:used and the receipt's inputs has {shown(apart)}.")
    if prov.objects(run, KFM + "operation") != {str(body.get("operation"))}:
        yield broken("operation_differs", run, "PROV and the receipt name different operations.")
    if prov.objects(run, KFM + "policy_decision") != {str(mapping(body.get("policy")).get("decision_id"))}:
        yield broken("policy_decision_differs", run, "PROV and the receipt name different policy decisions.")
    nodes = prov.objects(run, KFM + "environment")
    for name in ("container_digest", "git_commit"):
        said = {value for node in nodes for value in prov.objects(node, KFM + name)}
        if said != {str(mapping(body.get("environment")).get(name))}:
            yield broken("environment_differs", run, f"PROV and the receipt disagree about {name}.")
    report = str(mapping(body.get("validation")).get("report_digest"))
    if report not in receipt.outputs:
        yield broken("report_dangling", run, f"The receipt names the report {report:.80}, which its run did not leave.")
    yield from _times(triplet, run, receipt)
    yield from _actor(triplet, run, receipt)


def _times(triplet: Triplet, run: str, receipt: Receipt) -> Iterator[Finding]:
    """A run starts at the time in its id and ends when its receipt is made."""
    started = run.removeprefix("kfm://run/").partition("Z.")[0] + "Z"
    for name, stated in (("startedAtTime", started), ("endedAtTime", str(receipt.body.get("created_at")))):
        said = triplet.prov.objects(run, PROV + name)
        if said != {stated}:
            yield broken("time_differs", run, f"PROV's prov:{name} is {shown(said)}; the receipt says {stated}.")


def _actor(triplet: Triplet, run: str, receipt: Receipt) -> Iterator[Finding]:
    actor = receipt.body.get("actor")
    if actor is None:
        return  # whether a receipt must name one is clause F1's
    prov, agents = triplet.prov, set()
    for node in prov.objects(run, PROV + "qualifiedAssociation"):
        for agent in prov.objects(node, PROV + "agent"):
            name = single(prov.objects(agent, KFM + "principal"))
            agents |= {(name, role) for role in prov.objects(node, PROV + "hadRole")}
    told = (str(mapping(actor).get("principal")), agent_iri("role-in-run", str(mapping(actor).get("role"))))
    if agents != {told}:
        yield broken("actor_differs", run, "PROV and the receipt name different people, or another role, for the run.")


def _outputs(triplet: Triplet, run: str, receipt: Receipt) -> Iterator[Finding]:
    prov = triplet.prov
    if prov.objects(run, KFM + "receipt_digest") != {receipt.digest}:
        yield broken("receipt_digest_differs", run, "PROV's kfm:receipt_digest is not the digest of the receipt.")
    made = {subject for subject, maker in prov.mentioned(PROV + "wasGeneratedBy") if maker == run}
    apart = (made - {triplet.dataset}) ^ {ARTIFACT + digest for digest in receipt.outputs}
    if apart:
        message = f"Only one of PROV's prov:wasGeneratedBy and the receipt's outputs has {shown(apart)}."
        yield broken("outputs_differ", run, message)
