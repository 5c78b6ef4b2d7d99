"""Clauses A1 and A2: ids follow from facts, and a spec's hash is its name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datasets import identity, specs
from datasets.identity import IdentityError
from datasets.specs import SpecSyntaxError
from tests.cases import case_path

GOLDEN = "sha256:d282c86f74bcfeabe0439c8c283b8687152fc0f09dcc8d776d14f29d918d0318"
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")
SLICES = st.dates().map(str)


@pytest.fixture
def kfm_spec():
    return specs.parse_spec(case_path("kfm", "spec", "noaa_ncei_storm_events.spec.json").read_bytes(), syntax="json")


def test_a2_the_hash_of_kfms_own_example_is_golden_in_json_and_in_yaml(kfm_spec):
    assert specs.spec_hash(kfm_spec) == GOLDEN
    assert specs.check_spec(kfm_spec) == []
    assert specs.spec_hash(specs.parse_spec(yaml.safe_dump(kfm_spec).encode(), syntax="yaml")) == GOLDEN
    assert specs.spec_hash(kfm_spec | {"title": "Other"}) != GOLDEN


@given(SLICES, DIGESTS, st.lists(DIGESTS, min_size=1, max_size=6))
def test_a1_the_same_inputs_and_spec_give_the_same_id_whatever_else_is_taken(slice_, spec_hash, inputs):
    taken: dict[str, str] = {}
    given_ids = {}
    for digest in inputs:
        try:
            given_ids[digest] = identity.version_id(slice_, spec_hash, digest, taken)
        except IdentityError:
            continue
        assert taken.setdefault(given_ids[digest], digest) == digest
        assert identity.check_version_id(given_ids[digest], spec_hash=spec_hash, inputs=digest) == []
    for digest, name in given_ids.items():
        assert identity.version_id(slice_, spec_hash, digest, taken) == name


@given(st.lists(DIGESTS, min_size=1, max_size=5))
def test_a1_the_order_of_inputs_does_not_count_but_their_number_does(digests):
    assert identity.inputs_digest(digests) == identity.inputs_digest(digests[::-1])
    assert identity.inputs_digest(digests) != identity.inputs_digest([*digests, digests[0]])


def test_a1_a_reissued_slice_gets_the_third_part_and_a_collision_is_refused():
    spec, first, second = ("sha256:" + letter * 64 for letter in "abc")
    rival = "sha256:" + "c" * 8 + "d" * 56
    taken = {"2026-02.aaaaaaaa": first}
    assert identity.version_id("2026-02", spec, second, taken) == "2026-02.aaaaaaaa.cccccccc"
    with pytest.raises(IdentityError, match="never reused"):
        identity.version_id("2026-02", spec, second, taken | {"2026-02.aaaaaaaa.cccccccc": rival})


@pytest.mark.parametrize(
    "slice_", ["2026-02-30", "2026-13", "26", "2026-2", "0000", "2026-02\n", "\uff12\uff10\uff12\uff16", ""]
)
def test_a1_a_slice_is_a_real_date(slice_):
    assert identity.check_slice(slice_) != []
    assert identity.check_version_form(f"{slice_}.aaaaaaaa") != []


@pytest.mark.parametrize("slug", ["Noaa", "noaa-x", "", None, "noaa_2026", "noaa_20260201", "noaa\n", "é", "a" * 101])
def test_a1_a_slug_is_plain_and_undated(slug):
    assert identity.check_slug(slug) != []
    assert identity.check_slug("usgs_3dep_10m") == []


def test_a1_run_and_acquisition_ids_are_formed_in_utc():
    at = datetime(2026, 2, 20, 12, tzinfo=UTC)
    assert identity.run_id(at, "a1") == "kfm://run/2026-02-20T12:00:00Z.a1"
    assert identity.check_run_id(identity.run_id(at, "a1")) == []
    assert identity.check_run_id("kfm://run/2026-02-30T12:00:00Z.a1") != []
    assert identity.acquisition_id(at, GOLDEN) == "20260220T120000Z.d282c86f"
    with pytest.raises(IdentityError):
        identity.run_id(at.replace(tzinfo=None), "a1")


@pytest.mark.parametrize("key", ["spec_hash", "generated_at", "now", "seed", "dataset_version_id"])
def test_a2_a_spec_holds_no_hash_clock_or_seed_at_any_depth(kfm_spec, key):
    assert [f.where for f in specs.check_spec(kfm_spec | {key: "x"})] == [f"/{key}"]
    kfm_spec["outputs"][1]["options"] = {key: 1}
    assert [f.where for f in specs.check_spec(kfm_spec)] == [f"/outputs/1/options/{key}"]


def test_field_names_may_be_words_that_a_spec_may_not_use(kfm_spec):
    kfm_spec["normalization"]["canonical_fields"]["timestamp"] = "upstream.TS"
    assert specs.check_spec(kfm_spec) == []


def test_each_fault_of_a_spec_stands_beside_its_field(kfm_spec):
    del kfm_spec["title"]
    del kfm_spec["upstream"]["terms_snapshot"]
    kfm_spec["upstream"]["endpoints"][0]["url"] = "https://u:p@example.invalid/x"
    kfm_spec["outputs"][0]["path"] = "../x"
    wheres = [finding.where for finding in specs.check_spec(kfm_spec)]
    assert wheres == ["/outputs/0/path", "/title", "/upstream", "/upstream/endpoints/0/url"]
    assert specs.check_spec([]) != []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x [1]\nb: *x", "yaml_anchor"),
        ("a: !!python/object/apply:os.system [ls]", "yaml_tag"),
        ("a: !!str 1", "yaml_tag"),
        ("a: 1\na: 2", "duplicate_key"),
        ("<<: {a: 1}", "yaml_merge_key"),
        ("1: a", "yaml_key_not_text"),
        ("? [a]\n: b", "yaml_key_not_text"),
        ("a: .nan", "not_a_number"),
        ("a: -.INF", "not_a_number"),
        ("a: 1e999", "number_overflow"),
        ("a:", "yaml_empty_value"),
        ("a: 9007199254740993", "not_canonical"),
        ("a: " + "[" * 5000, "too_deep"),
        ("a: 1\n---\nb: 2", "not_yaml"),
        ("a: [", "not_yaml"),
        ("a: \x00", "not_yaml"),
        ("", "empty"),
        ("- a", "not_an_object"),
        ("a: " + "x" * (1 << 20), "too_large"),
    ],
)
def test_hostile_yaml_is_refused_by_name(text, code):
    with pytest.raises(SpecSyntaxError) as refused:
        specs.parse_spec(text.encode(), syntax="yaml")
    assert refused.value.code == code


def test_yaml_means_what_json_would():
    text = b"a: 2026-02-20\nb: yes\nc: 0o17\nd: 1:30\ne: 010\nf: true\ng: -1.5e3\nh: null\ni: '1'\nj: ~x\n"
    assert specs.parse_spec(text, syntax="yaml") == {
        "a": "2026-02-20", "b": "yes", "c": "0o17", "d": "1:30", "e": "010",
        "f": True, "g": -1500.0, "h": None, "i": "1", "j": "~x",
    }  # fmt: skip
