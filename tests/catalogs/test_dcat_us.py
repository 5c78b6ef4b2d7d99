"""Clause D1 under a profile of others: every DCAT-US 3 example gets the verdict that the official shapes give."""

from __future__ import annotations

import csv
import json

import pyshacl
import pytest
import rdflib

from kfm_console.validation import Options, judge
from tests.cases import case_path

US = "dcat-us-3/"
pytestmark = pytest.mark.slow


def options() -> Options:
    folder = case_path("dcat", "dcat-us-3")
    shapes = (folder / "shacl/dcat-us_3.0_shacl_shapes.ttl",)
    return Options("core", shapes, (str(folder / "context/dcat-us-3.0.jsonld"),))


def test_d1_every_turtle_example_gets_the_measured_verdict():
    with case_path("_measured", "dcat_shacl.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["profile"].startswith("dcat-us-3")]
    assert len(rows) > 100
    for row in rows:
        answer = judge("dcat", str(case_path("dcat", *row["file"].split("/"))), options())
        assert answer["verdict"] == ("pass" if row["verdict"] == "conforms" else "fail"), (row, answer["findings"])


def test_d1_json_ld_examples_get_the_verdict_of_another_reader_of_json_ld():
    """Read by rdflib, with the same local context, and judged by the same shapes; every fourth example."""
    chosen = options()
    (shapes,), (context,) = chosen.shapes, chosen.contexts
    terms = json.loads(case_path("dcat", "dcat-us-3", "context", context.rpartition("/")[2]).read_text())["@context"]
    official = rdflib.Graph().parse(shapes)
    for path in sorted(case_path("dcat", "dcat-us-3", "docs", "examples").rglob("*.jsonld"))[::4]:
        document = json.loads(path.read_text()) | {"@context": terms}
        graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
        conforms, _, _ = pyshacl.validate(graph, shacl_graph=official, inference="none")
        assert judge("dcat", str(path), chosen)["verdict"] == ("pass" if conforms else "fail"), path.name
