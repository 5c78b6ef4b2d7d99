"""C2: what an obligation means, how strong it is, and what it is written as: grids, shapes and presets."""

from __future__ import annotations

import pytest

from datasets.policy.obligations import (
    OPTIONS,
    PRESETS,
    Obligation,
    ObligationError,
    ObligationKind,
    parse_obligation,
    satisfies,
    union,
    unmet,
)
from datasets.schemas import check_document
from tests.world import SPEC

GEOMETRY = ObligationKind.GENERALIZE_GEOMETRY


def geometry(size=1000, **options):
    return parse_obligation({"type": "generalize_geometry", "min_cell_size_m": size, **options})


def test_the_customary_grid_and_shape_are_not_written():
    named = geometry(grid="square", shape="centroid")
    assert named == geometry() == Obligation(GEOMETRY, 1000)
    assert named.as_json() == {"type": "generalize_geometry", "min_cell_size_m": 1000}
    assert (named.option("grid"), named.option("shape")) == ("square", "centroid")


def test_what_is_named_is_written_and_read_again():
    named = geometry(5000, shape="cell", grid="h3")
    wire = {"type": "generalize_geometry", "min_cell_size_m": 5000, "grid": "h3", "shape": "cell"}
    assert named.as_json() == wire
    assert parse_obligation(wire) == named
    assert (named.option("grid"), named.option("shape")) == ("h3", "cell")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_its_metres(preset):
    parsed = parse_obligation({"type": "generalize_geometry", "preset": preset, "grid": "h3"})
    assert parsed == geometry(PRESETS[preset], grid="h3")
    assert "preset" not in parsed.as_json()


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        ({"min_cell_size_m": 1000, "grid": "hexagon"}, "/grid"),
        ({"min_cell_size_m": 1000, "grid": None}, "/grid"),
        ({"min_cell_size_m": 1000, "shape": ["cell"]}, "/shape"),
        ({"preset": "0.5_degree"}, "/preset"),
        ({"preset": 0.1}, "/preset"),
        ({"preset": {}}, "/preset"),
        ({"min_cell_size_m": 1000, "preset": "1_degree"}, "/preset"),
        ({"grid": "h3"}, "/min_cell_size_m"),
        ({"min_cell_size_m": 1000, "seed": 4}, "/seed"),
    ],
)
def test_c2_what_is_not_known_is_refused(extra, where):
    with pytest.raises(ObligationError) as refusal:
        parse_obligation({"type": "generalize_geometry", **extra})
    assert where in {finding.where for finding in refusal.value.findings}


@pytest.mark.parametrize("option", [*OPTIONS, "preset"])
def test_c2_only_geometry_has_options(option):
    with pytest.raises(ObligationError):
        parse_obligation({"type": "generalize_time", "resolution": "month", option: "h3"})


def test_c2_what_is_named_is_required_and_what_is_not_is_free():
    assert satisfies(geometry(5000, grid="h3", shape="cell"), geometry(1000))
    assert satisfies(geometry(1000, grid="h3", shape="cell"), geometry(1000, grid="h3"))
    assert not satisfies(geometry(5000), geometry(1000, grid="h3"))
    assert not satisfies(geometry(5000, grid="h3"), geometry(1000, shape="cell"))
    assert not satisfies(geometry(999, grid="h3"), geometry(1000, grid="h3"))


def test_c2_geometry_is_generalized_once_and_satisfies_all():
    asked = (geometry(10_000), geometry(1000, grid="h3"), geometry(500, shape="cell"))
    assert union(asked[:1], asked[1:]) == (geometry(10_000, grid="h3", shape="cell"),)
    assert unmet(asked, union(asked)) == ()


def test_union_takes_the_larger_cell_as_before():
    assert union((geometry(1000),), (geometry(5000),)) == (geometry(5000),)


def spec_with(**extra):
    wire = {"type": "generalize_geometry", **extra}
    return {**SPEC, "sensitivity": {"policy_label_intent": "public", "obligations": [wire]}}


def test_b1_the_specs_schema_knows_grids_shapes_and_presets():
    assert not check_document("dataset_spec.v1", spec_with(preset="0.1_degree", grid="h3", shape="cell"))
    for wrong in ({"preset": "2_degree"}, {"grid": "hex"}, {"shape": "x"}, {"min_cell_size_m": "10"}):
        assert check_document("dataset_spec.v1", spec_with(**wrong))
