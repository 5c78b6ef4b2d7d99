"""Clauses B1, F1 and G1: licences, receipts and manifests have one form and build the same bytes twice."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone

import pytest

from datasets import receipts, rights
from datasets.schemas import RecordError
from datasets.zones import layout
from promotions import manifest

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
AT = datetime(2026, 2, 20, 12, tzinfo=UTC)


def a_receipt(**changes):
    facts = {
        "run_id": "kfm://run/2026-02-20T11:00:00Z.a1",
        "operation": "ingest",
        "dataset_version_id": "2026-02.aaaaaaaa",
        "inputs": [("z", A), ("a", B)],
        "outputs": [("o", A)],
        "environment": receipts.environment(container_digest=A, git_commit="0" * 40),
        "validation_status": "pass",
        "report_digest": B,
        "decision_id": "kfm://policy_decision/1",
        "created_at": AT,
    }
    return receipts.build_receipt(**(facts | changes))


def a_manifest(**changes):
    facts = {
        "dataset_slug": "noaa_storms",
        "dataset_version_id": "2026-02.aaaaaaaa",
        "spec_hash": A,
        "released_at": AT,
        "artifacts": [("b.parquet", A, "application/vnd.apache.parquet"), ("a.json", B, "application/geo+json")],
        "catalogs": [("dcat.jsonld", A)],
        "qa_status": "pass",
        "qa_report_digest": B,
        "policy_label": "public",
        "decision_id": "kfm://policy_decision/1",
        "approvals": [("steward", "ann", AT), ("reviewer", "bo", AT)],
    }
    return manifest.build_manifest(**(facts | changes))


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from leaves(item, (*path, key))


@pytest.mark.parametrize(("build", "check", "optional"), [
    (a_receipt, receipts.check_receipt, {"kfm_run_receipt_version"}),
    (a_manifest, manifest.check_manifest, set()),
])  # fmt: skip
def test_every_field_is_required_and_no_other_is_allowed(build, check, optional):
    whole = build()
    assert check(whole) == []
    for path in leaves(whole):
        spoiled = copy.deepcopy(whole)
        inner = spoiled
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        wheres = [finding.where for finding in check(spoiled)]
        assert wheres == ([] if path[0] in optional else ["/" + "/".join(path)])
    assert [f.where for f in check(whole | {"extra": 1})] == ["/extra"]


def test_g1_the_same_facts_give_the_same_bytes_in_any_order():
    other = a_manifest(
        approvals=[("reviewer", "bo", AT), ("steward", "ann", AT.astimezone(timezone(timedelta(hours=-6))))],
        artifacts=[("a.json", B, "application/geo+json"), ("b.parquet", A, "application/vnd.apache.parquet")],
    )
    assert manifest.manifest_bytes(other) == manifest.manifest_bytes(a_manifest())


@pytest.mark.parametrize("changes", [
    {"spec_hash": B},
    {"artifacts": [("../x", A, "a/b")]},
    {"artifacts": []},
    {"catalogs": [("a", A), ("a", B)]},
    {"approvals": [("steward", "ann", AT), ("reviewer", "ann", AT)]},
    {"approvals": []},
])  # fmt: skip
def test_g1_a_manifest_that_disagrees_with_itself_is_not_made(changes):
    with pytest.raises(RecordError):
        a_manifest(**changes)


def test_g1_a_draft_awaits_only_release_time_and_approvals():
    draft = a_manifest()
    del draft["released_at"], draft["approvals"]
    assert manifest.check_draft(draft) == []
    del draft["qa"]
    assert [f.where for f in manifest.check_draft(draft)] == ["/qa"]


@pytest.mark.parametrize("changes", [
    {"inputs": []},
    {"inputs": [("a", A), ("a", B)]},
    {"operation": "force"},
    {"run_id": "kfm://run/2026-02-20T13:00:00Z.late"},
    {"decision_id": "1"},
    {"report_digest": "sha256:" + "A" * 64},
])  # fmt: skip
def test_f1_a_receipt_out_of_form_is_not_made(changes):
    with pytest.raises(RecordError):
        a_receipt(**changes)


@pytest.mark.parametrize("text", [
    "CC-BY-4.0", "cc-by-4.0", "MIT OR (Apache-2.0 AND CC0-1.0)", "GPL-2.0-only WITH Classpath-exception-2.0",
    "Apache-2.0+", "LicenseRef-KFM-terms", "GPL-2.0",
])  # fmt: skip
def test_b1_an_explicit_licence_holds(text):
    assert rights.check_license(text) == []
    spelled = rights.read_license(text).canonical
    assert rights.read_license(spelled).canonical == spelled


@pytest.mark.parametrize("text", [
    "", " ", None, 5, "NOASSERTION", "NONE", "unknown", "public_domain", "Public Domain", "CC BY 4.0", "GPL", "MIT AND",
    "(MIT", "MIT)", "MIT MIT", "AND", "MIT WITH MIT", "Classpath-exception-2.0", "LicenseRef-", "LicenseRef-a_b",
    "LicenseRef-NOASSERTION", "MIT And Apache-2.0", "MIT/Apache-2.0", "(" * 5000 + "MIT",
])  # fmt: skip
def test_b1_what_names_no_licence_fails(text):
    assert len(rights.check_license(text)) == 1


def test_b1_redistribution_is_read_out_of_the_expression():
    assert rights.forbids_redistribution("LicenseRef-Proprietary-Acme")
    assert rights.forbids_redistribution("LicenseRef-acme-no-redistribution AND MIT")
    assert not rights.forbids_redistribution("LicenseRef-acme-no-redistribution OR MIT")
    assert not rights.forbids_redistribution("CC-BY-4.0")
    assert rights.forbids_redistribution("CC-BY-4.0", terms_forbid=True)
    assert rights.forbids_redistribution("unknown")


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\\b", "CON", "nul.txt", "a.", "a..b", "é", "-a", "a" * 201])
def test_a_path_segment_never_climbs(name):
    with pytest.raises(layout.LayoutError):
        layout.raw("noaa", name)


def test_zone_paths_are_kfms():
    assert layout.stac_item("noaa", "2026-02.aaaaaaaa", "x") == "catalog/noaa/2026-02.aaaaaaaa/stac/items/x.json"
