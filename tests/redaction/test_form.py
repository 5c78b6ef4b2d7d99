"""C2: the derivative's form offers grids, shapes and presets, and says in a sentence what they come to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.urls import reverse

from promotions.forms_inbox import DerivativeForm

BASE = {"reason": "Nests.", "label": ""}


def chosen(**typed):
    form = DerivativeForm({**BASE, **typed})
    form.is_valid()
    return form


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ({"preset": "0.1_degree", "grid": "square", "shape": "centroid"}, {"min_cell_size_m": 11_500}),
        ({"preset": "1_degree", "grid": "h3"}, {"min_cell_size_m": 115_000, "grid": "h3"}),
        ({"min_cell_size_m": "2500.5", "shape": "cell"}, {"min_cell_size_m": 2500.5, "shape": "cell"}),
        ({"min_cell_size_m": "10000"}, {"min_cell_size_m": 10_000}),
    ],
)
def test_c2_what_is_chosen_is_what_the_spec_will_hold(typed, wire):
    assert chosen(**typed).geometry() == [{"type": "generalize_geometry", **wire}]


def test_c2_a_grid_alone_chooses_nothing():
    label = SimpleNamespace(name="restricted", title="Restricted", meaning="Few.")
    form = DerivativeForm({**BASE, "label": "restricted", "grid": "h3", "shape": "cell"}, labels=[label])
    assert not form.is_valid()
    assert form.geometry() == []
    assert "No obligation is chosen" in str(form.errors)


def test_c2_two_sizes_are_refused():
    assert "Keep one of the two." in str(chosen(preset="1_degree", min_cell_size_m="5").errors)


@pytest.mark.parametrize("typed", [{"preset": "2_degree"}, {"min_cell_size_m": "5", "grid": "hex"}, {"shape": "x"}])
def test_c2_an_unknown_choice_is_refused(typed):
    assert chosen(**typed).errors.keys() & {"preset", "grid", "shape"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"preset": "0.1_degree"}, "to the nearest 11.5 km square, as its centre. A point is then within 8.38 km"),
        ({"min_cell_size_m": "10000", "grid": "h3", "shape": "cell"}, "outline of an H3 cell that is at least 10 km"),
        ({"min_cell_size_m": "850"}, "nearest 850 m square"),
        ({"min_cell_size_m": "1"}, "nearest 1 m square"),
        ({}, ""),
        ({"min_cell_size_m": "<script>"}, ""),
        ({"min_cell_size_m": "nan"}, ""),
        ({"min_cell_size_m": "1e999"}, ""),
    ],
)
def test_c2_the_sentence_says_what_is_typed(build, as_, typed, words):
    world, _ = build()
    answer = as_(world, "reviewer").get(reverse("promotions:places_foretold"), typed)
    assert answer.status_code == 200
    body = answer.content.decode()
    assert words in body if words else body == ""


def test_the_sentence_is_for_who_signed_in(build, as_):
    world, _ = build()
    assert as_(world, "").get(reverse("promotions:places_foretold")).status_code == 302
