"""Each cross-link on its line: resolved by gate D's own judgement, or unresolved with its finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.findings import Finding
from datasets.catalogs.cross_links import RULES, Known, links_of
from datasets.catalogs.followed_links import follow, left_over
from datasets.catalogs.sayings import read_partly
from tests.catalogs.facts_world import DATA, PROCESS, VERSION
from tests.inspector.triplets import ARTIFACTS, good, receipts_of, spoiled

DATASET = f"@{VERSION}"


def known(documents, artifacts=ARTIFACTS):
    return Known.of(read_partly(documents).triplet, receipts_of(documents), artifacts)


def followed(triplet, findings=None):
    findings = triplet.findings() if findings is None else findings
    return follow(known(triplet.documents()), findings)


def test_d2_every_link_of_a_good_triplet_resolves():
    found = followed(good())
    assert {one.state for one in found} == {"resolved"}
    rules = {one.link.rule for one in found}
    assert rules == set(RULES.values()) - {"STAC collection to a receipt"}
    assert len([one for one in found if one.link.kind == "artifact_to_receipt"]) == len(ARTIFACTS)


def link_to(triplet, kind):
    return next(link for link in triplet.item["links"] if link.get("kfm:document") == kind)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            lambda t: t.node("dcat", "#dist=airports").update(
                {"kfm:artifact": {"@id": "kfm://artifact/sha256:" + "0" * 64}}
            ),
            "DCAT distribution to its artifact",
        ),
        (
            lambda t: t.node("dcat", DATASET).update({"prov:wasGeneratedBy": [{"@id": PROCESS + "x"}]}),
            "DCAT dataset to the run in PROV",
        ),
        (lambda t: link_to(t, "dcat").update({"kfm:ref": "kfm://dataset/other@" + VERSION}), "STAC item to DCAT"),
        (lambda t: link_to(t, "prov").update({"kfm:ref": "kfm://dataset/other@" + VERSION}), "STAC item to PROV"),
        (lambda t: link_to(t, "receipt").update({"kfm:ref": PROCESS + "x"}), "STAC item to a receipt"),
        (lambda t: link_to(t, "receipt").update({"file:checksum": "1220" + "0" * 64}), "STAC item to a receipt"),
        (lambda t: t.item.update({"collection": "faa_airports_kS"}), "STAC item to its collection"),
        (
            lambda t: t.item["assets"]["airports"].update({"file:checksum": "1220" + "0" * 64}),
            "STAC asset to its artifact",
        ),
        (
            lambda t: t.node("prov", "Z.process").update({"kfm:receipt_digest": {"@value": "sha256:" + "0" * 64}}),
            "PROV run to its receipt",
        ),
        (
            lambda t: t.node("prov", DATA).update(
                {"prov:wasGeneratedBy": {"@id": PROCESS.replace("process", "other")}}
            ),
            "Artifact to the one receipt that made it",
        ),
    ],
)
def test_d2_one_fault_is_told_on_its_link(change, rule):
    found = followed(spoiled(change))
    unresolved = [one for one in found if one.state == "unresolved"]
    assert rule in {one.link.rule for one in unresolved}
    assert all(one.findings or one.reason for one in unresolved)
    assert any(one.findings for one in unresolved)


def test_d2_of_two_receipt_links_only_the_dangling_one_is_unresolved():
    found = followed(spoiled(lambda t: link_to(t, "receipt").update({"kfm:ref": PROCESS + "x"})))
    states = sorted(one.state for one in found if one.link.rule == "STAC item to a receipt")
    assert states == ["resolved", "unresolved"]


def test_d2_a_link_that_is_missing_is_not_lost():
    triplet = spoiled(
        lambda t: t.item.update({"links": [x for x in t.item["links"] if x.get("kfm:document") != "dcat"]})
    )
    findings = triplet.findings()
    rest = left_over(findings, followed(triplet))
    assert "dcat_link_missing" in {finding.code for finding in rest}


def test_d2_no_finding_is_lost_whatever_it_says():
    triplet = good()
    place = followed(triplet)[0].link.place
    findings = [Finding("never_heard_of", place, "A new rule."), Finding("another", "somewhere", "Else.")]
    found = followed(triplet, findings)
    assert any(one.findings == (findings[0],) for one in found)
    assert left_over(findings, found) == [findings[1]]


def test_what_could_not_be_checked_is_never_resolved():
    triplet = good()
    for one in follow(known(triplet.documents()), None, "PROV is not there."):
        assert (one.state, one.reason) == ("unchecked", "PROV is not there.")
    unread = Finding("document_unread", "prov", "The document could not be read.", kind="error")
    assert {one.state for one in followed(triplet, [unread])} == {"unchecked"}


def test_artifacts_that_were_not_judged_are_no_links():
    listed = {link.kind for link in links_of(known(good().documents(), {}))}
    assert not {kind for kind in listed if kind.startswith("artifact_")}


def test_links_of_an_unreadable_document_are_left_out_and_the_others_kept():
    documents = replace(good().documents(), prov=b"{")
    found = follow(known(documents), None, "PROV can't be read.")
    assert {"STAC item to DCAT", "DCAT dataset to the run in PROV"} <= {one.link.rule for one in found}
