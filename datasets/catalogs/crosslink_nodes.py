"""Whether what DCAT and PROV refer to is described where they say, as the thing they say it is, and entities are whole.

Decides the part of clause D2 inside each RDF document: no reference to a node that is not described, no artifact whose
own description disagrees with its id or with the stored artifact. Never looks anything up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from audit.findings import Finding
from datasets.catalogs.crosslink_parts import ARTIFACT, Receipt, StoredArtifact, broken, shown
from datasets.catalogs.namespaces import DCAT, DCT, FOAF, KFM, PROV, RDFS, SKOS, SPDX, agent_iri
from datasets.catalogs.triplet import Statements, Triplet

_DCAT_CLASSES: Final = {
    DCT + "publisher": FOAF + "Agent",
    DCT + "rightsHolder": FOAF + "Agent",
    DCT + "rights": DCT + "RightsStatement",
    DCT + "accessRights": DCT + "RightsStatement",
    DCT + "spatial": DCT + "Location",
    DCT + "temporal": DCT + "PeriodOfTime",
    DCAT + "theme": SKOS + "Concept",
    DCAT + "distribution": DCAT + "Distribution",
    SPDX + "checksum": SPDX + "Checksum",
}
_PROV_CLASSES: Final = {
    PROV + "used": PROV + "Entity",
    PROV + "hadMember": PROV + "Entity",
    PROV + "wasGeneratedBy": PROV + "Activity",
    PROV + "wasAssociatedWith": PROV + "Agent",
    PROV + "wasAttributedTo": PROV + "Agent",
    PROV + "agent": PROV + "Agent",
    PROV + "hadRole": PROV + "Role",
    PROV + "qualifiedAssociation": PROV + "Association",
    KFM + "environment": KFM + "Environment",
}
_PIPELINE: Final = agent_iri("pipeline", "kfm")


def check_nodes(
    triplet: Triplet, receipts: Mapping[str, Receipt], artifacts: Mapping[str, StoredArtifact]
) -> Iterator[Finding]:
    yield from _described(triplet.dcat, _DCAT_CLASSES, "dcat")
    yield from _described(triplet.prov, _PROV_CLASSES, "prov")
    yield from _orphans(triplet)
    yield from _agents(triplet)
    yield from _members(triplet)
    yield from _entities(triplet, artifacts)
    yield from _assets(triplet, artifacts)
    yield from _paths(triplet, receipts)


def _described(graph: Statements, classes: Mapping[str, str], document: str) -> Iterator[Finding]:
    for predicate, class_iri in classes.items():
        known = graph.instances(class_iri)
        name, kind = predicate.rpartition("#")[2].rpartition("/")[2], class_iri.rpartition("#")[2].rpartition("/")[2]
        for subject, target in graph.mentioned(predicate):
            if target not in known:
                message = f"{name} of {subject} leads to {target}, which the document does not describe as a {kind}."
                yield broken(f"{document}_dangling", subject, message)


def _orphans(triplet: Triplet) -> Iterator[Finding]:
    """What is described and mentioned by nothing: a node whose id, or the reference to it, is not the right one."""
    pairs = ((triplet.dcat, _DCAT_CLASSES, "dcat"), (triplet.prov, _PROV_CLASSES, "prov"))
    for graph, classes, document in pairs:
        mentioned = {target for predicate in classes for _, target in graph.mentioned(predicate)}
        described = {node for class_iri in set(classes.values()) for node in graph.instances(class_iri)}
        if document == "prov":
            described -= graph.instances(PROV + "Agent") - {_PIPELINE}  # a role that must approve acts in no run yet
            mentioned |= {subject for subject, _ in graph.mentioned(PROV + "wasGeneratedBy")}
            described -= triplet.activities()
        for node in sorted(described - mentioned - {triplet.dataset}):
            yield broken(f"{document}_orphan", node, f"{node} is described, and nothing in the document leads to it.")


def _agents(triplet: Triplet) -> Iterator[Finding]:
    prov = triplet.prov
    for kind, name in (("principal", "principal"), ("role", "approval_role")):
        for agent, value in prov.mentioned(KFM + name):
            if agent != agent_iri(kind, value):
                yield broken("agent_differs", agent, f"The agent's kfm:{name} is {value!r:.80}; its id names another.")
    for agent in sorted(prov.instances(PROV + "Agent") - {_PIPELINE}):
        named = [value for name in ("principal", "approval_role") for value in prov.objects(agent, KFM + name)]
        if len(named) != 1:
            message = "An agent names one kfm:principal, or one kfm:approval_role."
            yield broken("agent_unnamed", agent, message, "violated" if named else "missing")
    for run in sorted(triplet.activities()):
        acting = prov.objects(run, PROV + "wasAssociatedWith")
        nodes = prov.objects(run, PROV + "qualifiedAssociation")
        named_agents = {agent for node in nodes for agent in prov.objects(node, PROV + "agent")}
        if not named_agents or acting != named_agents | {_PIPELINE}:
            message = "The run must be associated with KFM's pipeline and with the principal in its association."
            yield broken("run_agent_differs", run, message)
        for node in nodes:
            yield from _role(prov, run, node)


def _role(prov: Statements, run: str, association: str) -> Iterator[Finding]:
    """The role in a run is one that its agent has, and is named as it is called."""
    roles = prov.objects(association, PROV + "hadRole")
    if not roles:
        yield broken("run_role_missing", run, "The run's association names no role.", "missing")
    for role in roles:
        labels = prov.objects(role, RDFS + "label")
        had = {
            value for agent in prov.objects(association, PROV + "agent") for value in prov.objects(agent, KFM + "role")
        }
        if {agent_iri("role-in-run", label) for label in labels} != {role} or not labels <= had:
            yield broken("run_role_differs", run, f"The run's role is {shown(labels)}; its agent has {shown(had)}.")


def _members(triplet: Triplet) -> Iterator[Finding]:
    members = triplet.prov.objects(triplet.dataset, PROV + "hadMember")
    distributed = {ARTIFACT + triplet.checksum(node) for node in triplet.distributions()}
    if members != distributed:
        message = f"PROV's members are {shown(members)}; DCAT distributes {shown(distributed)}."
        yield broken("members_differ", triplet.dataset or "prov", message)
    says = {
        "DCAT": triplet.dcat.objects(triplet.dataset, PROV + "wasGeneratedBy"),
        "PROV": triplet.prov.objects(triplet.dataset, PROV + "wasGeneratedBy"),
        "the distributions": {
            run for node in triplet.distributions() for run in triplet.dcat.objects(node, PROV + "wasGeneratedBy")
        },
    }
    if len({frozenset(runs) for runs in says.values()}) > 1:
        message = "The runs that made the dataset differ: " + "; ".join(f"{k} {shown(v)}" for k, v in says.items())
        yield broken("producer_differs", triplet.dataset or "dcat", message)


def _entities(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    prov = triplet.prov
    for entity, value in prov.mentioned(KFM + "digest"):
        if entity != ARTIFACT + value:
            yield broken("entity_digest_differs", entity, f"The entity's kfm:digest is {value!r:.80}.")
    for entity in sorted(triplet.entities()):
        if entity.startswith(ARTIFACT) and len(prov.objects(entity, KFM + "digest")) != 1:
            yield broken("entity_digest_differs", entity, "An entity of an artifact says kfm:digest once.", "missing")
    for digest, stored in sorted(artifacts.items()):
        entity = ARTIFACT + digest
        if prov.objects(entity, KFM + "size_bytes") != {str(stored.size_bytes)}:
            yield broken("size_differs", entity, "PROV's kfm:size_bytes is not the stored size.")
        if prov.objects(entity, KFM + "artifact_role") != {stored.role}:
            yield broken("role_differs", entity, f"PROV's kfm:artifact_role is not {stored.role!r}, as it is stored.")


def _assets(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    prov = triplet.prov
    for item, key, asset in triplet.assets():
        where, entity = f"stac/items/{item}#asset={key}", str(asset.get("kfm:artifact"))
        stored = artifacts.get(entity.removeprefix(ARTIFACT))
        if stored and asset.get("roles") != [stored.role]:
            yield broken("role_differs", where, f"The asset's roles are not {stored.role!r}, as it is stored.")
        if prov.objects(entity, KFM + "media_type") != {str(asset.get("type"))}:
            yield broken("media_type_differs", where, "STAC and PROV name different media types.")
        if str(asset.get("kfm:path")) not in prov.objects(entity, KFM + "path"):
            yield broken("path_differs", where, "The asset's kfm:path is none that PROV names for the artifact.")


def _paths(triplet: Triplet, receipts: Mapping[str, Receipt]) -> Iterator[Finding]:
    """PROV names each artifact by the paths that receipts and assets give it, and by no other.

    What the catalog run makes may be an artifact of an earlier run by its bytes; PROV can't know of that.
    """
    prov = triplet.prov
    assets: dict[str, set[str]] = {}
    for _, _, asset in triplet.assets():
        assets.setdefault(str(asset.get("kfm:artifact")), set()).add(str(asset.get("kfm:path")))
    cataloging = {run for run in triplet.activities() if prov.objects(run, KFM + "operation") == {"catalog"}}
    unseen = {entity for run in cataloging - set(receipts) for entity in prov.objects(run, PROV + "used")}
    for entity in sorted(triplet.entities()):
        if not entity.startswith(ARTIFACT):
            continue
        said, digest = prov.objects(entity, KFM + "path"), entity.removeprefix(ARTIFACT)
        owed = {uri for receipt in receipts.values() for uri in receipt.named(digest, "inputs")}
        made = {run: receipt.named(digest, "outputs") for run, receipt in receipts.items()}
        owed |= {uri for run, uris in made.items() if run not in cataloging for uri in uris}
        allowed = owed | assets.get(entity, set()) | {uri for uris in made.values() for uri in uris}
        if not owed <= said <= allowed and not (entity in unseen and owed <= said):
            message = f"PROV names the artifact {shown(said)}; receipts and assets name it {shown(allowed)}."
            yield broken("path_differs", entity, message)
