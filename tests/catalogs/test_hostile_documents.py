"""Documents made to end the process, to make it wait, or to be called invalid unread (clause D1)."""

from __future__ import annotations

import json
import time

import pytest

from audit.canonical import MAX_BYTES
from datasets.catalogs.json_ld_terms import without_meaningless_keys
from datasets.catalogs.stac import FILE_EXTENSION
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac

ITEM = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": "x",
    "geometry": None,
    "properties": {"datetime": "2020-01-01T00:00:00Z"},
    "links": [],
    "assets": {},
}
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def kinds(findings):
    return {(found.code, found.kind) for found in findings}


@pytest.mark.parametrize("validate", [validate_dcat, validate_prov])
def test_triple_terms_within_each_other_do_not_end_the_process(validate):
    deep = b"<http://a> <http://b> " + b"<<( <http://a> <http://b> " * 100_000 + b"1" + b" )>>" * 100_000 + b" ."
    assert kinds(validate(deep, profile="core")) == {("cannot_check", "error")}


def test_many_triple_terms_side_by_side_are_read():
    flat = b"<http://a> <http://b> <<( <http://a> <http://b> 1 )>> .\n" * 2_000
    assert validate_dcat(flat, profile="core") == []


@pytest.mark.parametrize(
    ("validate", "document"),
    [
        (validate_stac, ITEM),
        (validate_dcat, {"@id": "http://x/", "http://x/p": "v"}),
        (validate_prov, {"@id": "http://x/", "http://x/p": "v"}),
        (validate_prov, {"entity": {}}),
    ],
)
def test_what_is_too_large_to_read_is_neither_valid_nor_invalid(validate, document):
    raw = json.dumps(document).encode() + b" " * MAX_BYTES
    assert kinds(validate(raw, profile="core")) == {("too_large", "error")}


@pytest.mark.parametrize("validate", [validate_dcat, validate_prov])
def test_a_value_longer_than_the_parser_holds_cannot_be_checked(validate):
    raw = b'<http://a> <http://b> "' + b"x" * 17_000_000 + b'" .'
    assert kinds(validate(raw, profile="core")) == {("cannot_check", "error")}


@pytest.mark.parametrize("opening", ["<!-- a comment --><rdf:RDF", "<rdf:RDF", "<r:RDF"])
def test_rdf_xml_is_known_by_its_root_whatever_its_prefix(opening):
    prefix = opening.rpartition("<")[2].partition(":")[0]
    node = f'<{prefix}:Description {prefix}:about="http://x/" d:keyword="k"/>'
    text = f'{opening} xmlns:{prefix}="{RDF}" xmlns:d="http://www.w3.org/ns/dcat#">{node}</{prefix}:RDF>'
    assert validate_dcat(text.encode(), profile="core") == []


@pytest.mark.parametrize("encoding", ["no-such-encoding", "shift_jis", "utf-7"])
def test_an_encoding_that_no_parser_reads_is_told_in_words(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><prov:document xmlns:prov="http://www.w3.org/ns/prov#"/>'
    assert kinds(validate_prov(text.encode(), profile="core")) == {("prov_malformed", "violated")}


def test_an_extension_declared_a_thousand_times_is_judged_once():
    wrong = ITEM | {"assets": {"a": {"href": "x", "file:size": "x"}}, "stac_extensions": [FILE_EXTENSION] * 1_000}
    once = validate_stac(json.dumps(wrong | {"stac_extensions": [FILE_EXTENSION]}).encode(), profile="core")
    found = validate_stac(json.dumps(wrong).encode(), profile="core")
    assert once
    assert len(found) == len(once) + 1  # that it is declared twice


def test_terms_are_not_gone_through_for_each_node():
    count = 20_000
    terms = {f"t{number}": f"http://x/{number}" for number in range(count)}
    document = {"@context": terms | {"kind": "@type"}, "@graph": [{"t1": "x"} for _ in range(count)]}
    began = time.process_time()
    assert without_meaningless_keys(document) == document
    assert time.process_time() - began < 20  # four hundred million terms looked at take minutes
