"""Clause D1 on documents that others wrote: the verdicts that their projects state, with the disagreements named."""

from __future__ import annotations

import csv
import json

import pytest

from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from kfm_console.validation import Options, judge
from kfm_console.validation.contexts import LocalContexts
from tests.cases import CASES

VALIDATORS = {"stac": validate_stac, "dcat": validate_dcat, "prov": validate_prov}
DISAGREE = {
    "tests/test_data/v100/embedded/projection.json": "a JSON Schema, no STAC document",
    "tests/test_data/v100/item-without-collection-link.json": "STAC 1.0.0 refuses it, as does its own project's test",
    "docs/examples/distribution/access-url.jsonld": "its @id opens with an angle bracket, so it names no node",
    "docs/examples/concept-scheme-agrovoc.ttl": "holds an ill-typed xsd:date",
    "constraints/usage-fail1.xml": "W3C PROV-CONSTRAINTS has no unique usage",
}
"""Where we differ from the stated verdict, and why."""


def _stated() -> list:
    manifest = CASES / "MANIFEST.csv"
    if not manifest.is_file():
        return []
    with manifest.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    words = {"valid": "pass", "invalid": "fail", "valid-shell/invalid-child": "pass", "invalid-syntax": "fail"}
    words["malformed: must raise, not crash"] = "fail"
    return [
        pytest.param(row["set"], row["file"], words[row["expected"]], id=row["file"])
        for row in rows
        if row["set"].split("/")[0] in VALIDATORS and row["expected"] in words
    ]


@pytest.mark.skipif(not CASES.is_dir(), reason="the third-party cases are not on this machine")
@pytest.mark.parametrize(("set_name", "file", "stated"), _stated())
def test_d1_core_verdict_is_the_stated_one(set_name, file, stated):
    options = Options("core", contexts=(str(CASES / "dcat/dcat-us-3/context/dcat-us-3.0.jsonld"),))
    answer = judge(set_name.split("/")[0], str(CASES / set_name / file), options)
    if file in DISAGREE:
        assert answer["verdict"] != stated, f"{file} agrees now; take it off the list ({DISAGREE[file]})"
    else:
        assert answer["verdict"] == stated, answer["findings"]


@pytest.mark.skipif(not CASES.is_dir(), reason="the third-party cases are not on this machine")
@pytest.mark.parametrize("validate", VALIDATORS.values(), ids=VALIDATORS)
def test_d1_hostile_bytes_give_findings_and_no_traceback(validate):
    hostile = [path for path in (CASES / "hostile").rglob("*") if path.is_file() and path.stat().st_size < 200_000]
    assert hostile
    for path in hostile:
        for profile in ("core", "kfm"):
            assert validate(path.read_bytes(), profile=profile), path.name


def test_d1_a_remote_context_is_cannot_check_until_it_is_given():
    address = "https://contexts.example/one.jsonld"
    raw = b'{"@context": "%s", "@id": "urn:a", "title": "T"}' % address.encode()
    (finding,) = validate_dcat(raw, profile="core")
    assert (finding.code, finding.kind) == ("cannot_check", "error")
    given = {address: b'{"@context": {"title": "http://purl.org/dc/terms/title"}}'}
    assert validate_dcat(raw, profile="core", contexts=given) == []


def test_d1_a_record_in_rdf_xml_is_read_but_no_entity_of_it_written_out():
    space = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    raw = f'<rdf:RDF xmlns:rdf="{space}" xmlns:e="urn:e:"><rdf:Description rdf:about="urn:a" e:b="{{}}"/></rdf:RDF>'
    good = raw.format("c").encode()
    growing = b'<!DOCTYPE a [<!ENTITY lol "lol">]>' + raw.format("&lol;").encode()
    for spoiled, kinds in ((good, []), (good[:-5], ["violated"]), (growing, ["error"])):
        for head in (b"", b'<?xml version="1.0"?>'):
            assert [finding.kind for finding in validate_dcat(head + spoiled, profile="core")] == kinds


@pytest.mark.parametrize("address", ["https://[::1/a.jsonld", "//[", "urn:x#[", "\x00", "a?b#c"])
def test_d1_a_context_at_an_odd_address_is_cannot_check(address):
    raw = json.dumps({"@context": address, "@id": "urn:a"}).encode()
    for validate in (validate_dcat, validate_prov):
        found = validate(raw, profile="core", contexts=LocalContexts(("here/some.jsonld", "https://one.example/=x")))
        assert [(finding.code, finding.kind) for finding in found] == [("cannot_check", "error")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"type": []}',
        b'{"stac_version": "1.1.0", "type": {}}',
        b"<a>",
        b"<?x",
    ],
)
@pytest.mark.parametrize("validate", VALIDATORS.values(), ids=VALIDATORS)
def test_d1_nonsense_fails_with_a_sentence(validate, body):
    for profile in ("core", "kfm"):
        assert all(finding.message for finding in validate(body, profile=profile))
        assert validate(body, profile=profile)
