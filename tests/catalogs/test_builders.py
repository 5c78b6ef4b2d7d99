"""Design §7: catalogs are pure functions of facts, byte-identical on a second build, valid under KFM's own profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyoxigraph as ox
import pystac
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.facts import CatalogFacts, IncompleteFactsError
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.stac import build_stac_collection, build_stac_item, last_moment
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from tests.catalogs.facts_world import CATALOG, facts, run

BUILDERS = (build_dcat, build_dcat_turtle, build_stac_collection, build_stac_item, build_prov, build_prov_turtle)
_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=30
)


@st.composite
def any_facts(draw: st.DrawFn) -> CatalogFacts:
    west, east = sorted(draw(st.tuples(*[st.floats(-180, 180, allow_nan=False)] * 2)))
    south, north = sorted(draw(st.tuples(*[st.floats(-90, 90, allow_nan=False)] * 2)))
    return facts(
        title=draw(_WORDS),
        description=draw(_WORDS),
        publisher=draw(_WORDS),
        attribution=draw(_WORDS),
        proposer=draw(_WORDS),
        themes=tuple(draw(st.lists(_WORDS, min_size=1, max_size=3))),
        keywords=tuple(draw(st.lists(_WORDS, max_size=3))),
        bbox=draw(st.one_of(st.none(), st.just((west, south, east, north)))),
        policy_label=draw(st.sampled_from(["public", "internal", "restricted_sensitive_location"])),
        license=draw(st.sampled_from(["CC0-1.0", "CC-BY-4.0", "LicenseRef-kfm-terms"])),
    )


@settings(max_examples=15, deadline=None)
@given(any_facts())
def test_same_facts_give_the_same_bytes_that_pass_the_kfm_profile(some: CatalogFacts):
    assert [build(some) for build in BUILDERS] == [build(some) for build in BUILDERS]
    assert validate_dcat(build_dcat(some), profile="kfm") == []
    assert validate_stac(build_stac_collection(some), profile="kfm") == []
    assert validate_stac(build_stac_item(some), profile="kfm") == []
    assert validate_prov(build_prov(some), profile="kfm") == []


def test_bytes_do_not_depend_on_the_process():
    code = (
        "import hashlib; from datasets.catalogs import dcat, prov, stac; from tests.catalogs.facts_world import facts;"
        "made = (dcat.build_dcat_turtle, stac.build_stac_item, prov.build_prov, prov.build_prov_turtle);"
        "print([hashlib.sha256(build(facts())).hexdigest() for build in made])"
    )
    root = Path(__file__).parents[2]
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own parser
@pytest.mark.parametrize(("linked", "turtle"), [(build_dcat, build_dcat_turtle), (build_prov, build_prov_turtle)])
def test_json_ld_and_turtle_say_the_same(linked, turtle):
    one = rdflib.Graph().parse(data=linked(facts()), format="json-ld").serialize(format="nt", encoding="utf-8")
    said = {str(quad.triple).replace("+00:00", "Z") for quad in ox.parse(one, format=ox.RdfFormat.N_TRIPLES)}
    also = {str(quad.triple) for quad in ox.parse(turtle(facts()), format=ox.RdfFormat.TURTLE)}
    assert said == also
    assert len(said) > 20


def test_pystac_reads_the_item_and_its_assets():
    item = pystac.Item.from_dict(json.loads(build_stac_item(facts())))
    assert item.collection_id == "faa_airports_ks"
    assert set(item.assets) == {"airports", "qa_report", "source"}


def test_catalog_run_is_an_activity_without_digests_of_its_own_outputs():
    graph = json.loads(build_prov(facts()))["@graph"]
    own = next(node for node in graph if node["@id"] == CATALOG)
    assert "kfm:receipt_digest" not in own
    assert not [node for node in graph if node.get("prov:wasGeneratedBy") == {"@id": CATALOG}]


def test_a_sensitive_location_shows_whole_degrees_in_every_document():
    some = facts(policy_label="restricted_sensitive_location", bbox=(-98.31, 38.11, -98.30, 38.12))
    assert json.loads(build_stac_item(some))["bbox"] == [-99.0, 38.0, -98.0, 39.0]
    assert all(b"98.3" not in build(some) for build in BUILDERS)


def test_metadata_only_gives_no_download_url():
    records = tuple(item for item in facts().artifacts if item.role == "qa")
    assert b"dcat:downloadURL" not in build_dcat(facts(obligations=({"type": "metadata_only"},), artifacts=records))
    assert b"dcat:downloadURL" in build_dcat(facts())


@pytest.mark.parametrize(
    ("slice_", "last"),
    [("2024", "2024-12-31"), ("2024-02", "2024-02-29"), ("2023-02", "2023-02-28"), ("2024-06", "2024-06-30")],
)
def test_a_slice_ends_with_its_last_second(slice_, last):
    assert last_moment(slice_) == f"{last}T23:59:59Z"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"title": " "},
        {"bbox": (10.0, 0.0, 5.0, 1.0)},
        {"dataset_slug": "No Slug"},
        {"issued_at": "yesterday"},
        {"api_base_url": "/api/v1"},
        {"artifacts": ()},
        {"themes": ()},
        {"temporal_start": "2024", "temporal_end": "2024-13"},
        {"runs": (run(CATALOG, "catalog"),)},
    ],
)
def test_incomplete_facts_are_refused_with_a_sentence(spoiled):
    with pytest.raises(IncompleteFactsError, match=r"\w+ .*\.$"):
        facts(**spoiled)


def test_d1_an_owed_notice_is_shown_word_for_word_or_found_missing():
    owed = ({"type": "show_notice", "message": 'Say "please" & wait'}, {"type": "show_notice", "message": "Ask first"})
    built = facts(obligations=owed)
    collection, item, dcat = build_stac_collection(built), build_stac_item(built), build_dcat(built)
    assert validate_stac(collection, profile="kfm") == validate_stac(item, profile="kfm") == []
    assert validate_dcat(dcat, profile="kfm") == validate_dcat(build_dcat_turtle(built), profile="kfm") == []
    for raw in (collection, item):
        spoiled = raw.replace(b'"Ask first"\n', b'"Ask later"\n')
        assert spoiled != raw
        assert [found.code for found in validate_stac(spoiled, profile="kfm")] == ["notice_missing"]
    spoiled = dcat.replace(b'"@value": "Ask first"', b'"@value": "Ask later"')
    assert [found.code for found in validate_dcat(spoiled, profile="kfm")] == ["notice_missing"]
    assert b"kfm:notice" not in build_dcat(facts())
