"""Whether a PROV document is valid: strict reading, PROV-CONSTRAINTS, and under ``kfm`` what design §7 requires.

Decides clause D1 for PROV; never raises for bad bytes and never reaches the network. PROV-O (Turtle, JSON-LD, RDF/XML),
PROV-JSON, PROV-XML and PROV-N are read; KFM's own bundle is PROV-O, so profile ``kfm`` refuses the other three forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.literals import check_literals, check_prefixes
from datasets.catalogs.namespaces import KFM, PROV, agent_iri
from datasets.catalogs.prov_clock import clock_faults
from datasets.catalogs.prov_constraints import check_constraints
from datasets.catalogs.prov_json import bundles_from_json
from datasets.catalogs.prov_normal_form import normal_form
from datasets.catalogs.prov_notation import bundles_from_notation, is_notation
from datasets.catalogs.prov_rdf import ill_timed, records_from_rdf
from datasets.catalogs.prov_records import Bundle, MalformedProvError, bundle_names, malformed
from datasets.catalogs.prov_xml import bundles_from_xml, read_xml
from datasets.catalogs.rdf_reading import RdfReading, Triples, read_rdf
from datasets.catalogs.triplet import Statements
from datasets.catalogs.xsd_forms import instant

Media = Literal["turtle", "ntriples", "jsonld", "rdfxml", "provjson", "provxml", "provn"]
_XML: Final = re.compile(rb"<(\?|!DOCTYPE|!--|[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?[\s/>])")
_READERS: Final[dict[str, Callable[[bytes], list[Bundle]]]] = {
    "provjson": bundles_from_json,
    "provxml": bundles_from_xml,
    "provn": bundles_from_notation,
}
_APPROVING: Final = {"reviewer", "steward"}
"""Design §6: these two sign every release; a label may ask for more."""
_REBUILD: Final = "Rebuild the catalog from the facts."


def validate_prov(
    raw: bytes,
    *,
    profile: Literal["core", "kfm"],
    media: Media | None = None,
    contexts: Mapping[str, bytes] | None = None,
) -> list[Finding]:
    """Findings about one PROV document; [] is valid. ``media`` None looks at the bytes."""
    media = media or detect_prov_media(raw)
    if media in _READERS:
        return _records_form(raw, media, profile)
    reading = _read(raw, media, profile, contexts)
    if reading.triples is None:
        return list(reading.findings)
    findings = [found for found in reading.findings if profile == "kfm" or found.code != "undeclared_prefix"]
    if not any(PROV in str(triple) for triple in reading.triples):
        findings.append(Finding("no_provenance", "", "The document says nothing in PROV's terms.", _REBUILD, "missing"))
        return findings
    findings += ill_timed(reading.triples)
    findings += _constraints(reading.triples, reading.named if profile == "core" else {}, profile)
    if profile == "kfm":
        findings += clock_faults(normal_form(records_from_rdf(reading.triples))[0])
        findings += [*_kfm_findings(reading.triples), *check_literals(reading.triples), *check_prefixes(raw)]
    return findings


def detect_prov_media(raw: bytes) -> Media:
    """The form that the bytes appear to be in; a JSON object with ``@`` keys is JSON-LD, any other is PROV-JSON."""
    head = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _XML.match(head):
        return "rdfxml" if b"http://www.w3.org/1999/02/22-rdf-syntax-ns#" in head and b":RDF" in head else "provxml"
    if head[:1] not in {b"{", b"["}:
        return "provn" if is_notation(raw) else "turtle"
    try:
        document = parse_strict(raw)
    except StrictJsonError:
        return "provjson"
    parts = document if isinstance(document, list) else [document]
    linked = any(isinstance(part, dict) and any(key.startswith("@") for key in part) for part in parts)
    return "jsonld" if linked else "provjson"


def _read(raw: bytes, media: Media, profile: str, contexts: Mapping[str, bytes] | None) -> RdfReading:
    """The graphs in the bytes. What is no Turtle may be TriG, which PROV-O uses for bundles; KFM's own is none."""
    if media == "rdfxml":
        return _rdf_xml(raw)
    reading = read_rdf(raw, media, contexts)
    if reading.triples is None and media == "turtle" and profile == "core":
        with_bundles = read_rdf(raw, "trig")
        return reading if with_bundles.triples is None else with_bundles
    return reading


def _constraints(triples: Triples, named: Mapping[str | None, Triples], profile: str) -> list[Finding]:
    """Each named graph is a bundle, judged by itself as the rest is (PROV-CONSTRAINTS §7.2)."""
    if named:
        return [found for graph in named.values() for found in check_constraints(records_from_rdf(graph))]
    return check_constraints(records_from_rdf(triples), flattened=profile == "core" and _holds_bundles(triples))


def _holds_bundles(triples: Triples) -> bool:
    """Whether a form that has no place for bundles speaks of two or more, whose statements it can't keep apart."""
    return len(Statements(triples).instances(PROV + "Bundle")) > 1


def _records_form(raw: bytes, media: str, profile: str) -> list[Finding]:
    try:
        bundles = _READERS[media](raw)
    except MalformedProvError as error:
        return [malformed(error)]
    except StrictJsonError as error:
        return [Finding(error.code, error.where, str(error), "Split the document.", "error")]
    findings = list(bundle_names(bundles))
    findings += [found for bundle in bundles for found in check_constraints(bundle.records)]
    if not any(bundle.records for bundle in bundles):
        findings.append(Finding("no_provenance", "", "The document holds no record.", _REBUILD, "missing"))
    if profile == "kfm":
        findings.append(
            Finding("kfm_prov_form", "", "KFM's provenance bundle is PROV-O in JSON-LD or Turtle.", _REBUILD)
        )
    return findings


def _rdf_xml(raw: bytes) -> RdfReading:
    try:
        read_xml(raw)
    except MalformedProvError as error:
        return RdfReading(None, (malformed(error),))
    return read_rdf(raw, "rdfxml")


def _missing(code: str, where: str, message: str) -> Finding:
    return Finding(code, where, message, _REBUILD, "missing")


def _kfm_findings(triples: Triples) -> Iterator[Finding]:
    graph = Statements(triples)
    activities, agents = graph.instances(PROV + "Activity"), graph.instances(PROV + "Agent")
    if not activities:
        yield _missing("prov_activity_missing", "", "The bundle has no prov:Activity.")
    if not graph.instances(PROV + "Entity"):
        yield _missing("prov_entity_missing", "", "The bundle has no prov:Entity.")
    if not agents:
        yield _missing("prov_agent_missing", "", "The bundle has no prov:Agent.")
    yield from _kfm_people(graph, agents)
    yield from _kfm_agents(graph, agents)
    for name in ("dataset_id", "dataset_version_id", "policy_label"):
        if len(list(graph.mentioned(KFM + name))) != 1:
            yield _missing("prov_field_missing", f"kfm:{name}", f"The bundle must say kfm:{name} exactly once.")
    for activity in sorted(activities):
        yield from _kfm_activity(graph, activity, agents)
    if not any(target in activities for _, target in graph.mentioned(PROV + "wasGeneratedBy")):
        yield _missing("prov_generation_missing", "", "No entity of the bundle was generated by one of its activities.")


def _kfm_people(graph: Statements, agents: set[str]) -> Iterator[Finding]:
    approving = {role for _, role in graph.mentioned(KFM + "approval_role")}
    for role in sorted(_APPROVING - approving):
        yield _missing("prov_approval_role_missing", "", f"The bundle has no agent for the {role}, who must approve.")
    if agent_iri("pipeline", "kfm") not in agents & graph.instances(PROV + "SoftwareAgent"):
        yield _missing("prov_pipeline_missing", "", "The bundle has no software agent for KFM's pipeline.")
    if not graph.instances(PROV + "Collection"):
        yield _missing("prov_collection_missing", "", "The bundle has no prov:Collection: the dataset version.")
    for dataset in sorted(graph.instances(PROV + "Collection")):
        if not graph.objects(dataset, PROV + "wasAttributedTo"):
            yield _missing("prov_attribution_missing", dataset, "The dataset version is attributed to nobody.")


def _kfm_agents(graph: Statements, agents: set[str]) -> Iterator[Finding]:
    actors = graph.instances(PROV + "SoftwareAgent") | graph.instances(PROV + "Person")
    for agent, _ in graph.mentioned(KFM + "approval_role"):
        if agent not in agents & graph.instances(PROV + "Organization"):
            yield _missing("prov_approval_role_missing", agent, "Who must approve is no agent of the bundle.")
    for agent, _ in graph.mentioned(KFM + "principal"):
        if agent not in agents & actors:
            yield _missing("prov_agent_missing", agent, "A principal is a person or software, and an agent.")
        if not graph.objects(agent, KFM + "role"):
            yield _missing("prov_role_missing", agent, "A principal acts in a role; this one has no kfm:role.")


def _kfm_activity(graph: Statements, activity: str, agents: set[str]) -> Iterator[Finding]:
    if not graph.objects(activity, PROV + "wasAssociatedWith") & agents:
        yield _missing("prov_agent_missing", activity, "The activity is associated with no agent.")
    needed = [
        PROV + "startedAtTime",
        PROV + "endedAtTime",
        KFM + "operation",
        KFM + "policy_decision",
        KFM + "environment",
    ]
    for predicate in needed:
        if len(graph.objects(activity, predicate)) != 1:
            name = predicate.rsplit("#", 1)[-1]
            yield _missing("prov_activity_field_missing", activity, f"The activity must say {name} exactly once.")
    for node in graph.objects(activity, KFM + "environment"):
        for name in ("container_digest", "git_commit"):
            if not graph.objects(node, KFM + name):
                yield _missing("prov_environment_missing", node, f"The environment has no kfm:{name}.")
    if graph.objects(activity, KFM + "operation") != {"catalog"} and not graph.objects(
        activity, KFM + "receipt_digest"
    ):
        yield _missing("prov_receipt_missing", activity, "The activity has no kfm:receipt_digest.")
    times = [graph.objects(activity, PROV + name) for name in ("startedAtTime", "endedAtTime")]
    if all(len(values) == 1 for values in times):
        yield from _order(activity, times[0].pop(), times[1].pop())


def _order(activity: str, start: str, end: str) -> Iterator[Finding]:
    moments = [instant(value.strip()) for value in (start, end)]
    known = [moment for moment in moments if moment is not None]  # any other is ill typed, or not in KFM's form
    if not all(has_offset for has_offset, _, _ in known):
        yield Finding("prov_time_without_zone", activity, "An activity's times must name their offset.", _REBUILD)
    elif known == moments and known[0] > known[1]:
        yield Finding("prov_activity_ends_first", activity, "The activity ends before it starts.", _REBUILD)
