"""Registering a dataset: the live preview, the two ways, and that nothing typed is lost (clauses A1, A2)."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datasets.formats.instructions import Instructions
from datasets.forms import READING, SpecForm, build_spec, initial_from
from datasets.forms_checks import CHECK_HELP, CheckRows, check_rows_from
from datasets.models import Dataset, DatasetSpec, PolicyLabel
from datasets.quality.checks import KNOWN
from datasets.schemas import schema_text
from datasets.specs import check_spec, spec_hash
from promotions.states import State
from tests.cases import case_path
from tests.world import SPEC

GOLDEN = "sha256:d282c86f"


@pytest.fixture
def kfm_text():
    return case_path("kfm", "spec", "noaa_ncei_storm_events.spec.json").read_text()


def _posted(spec):
    """What a browser would send for the form that begins with *spec*."""
    rows = check_rows_from(spec)
    sent = {"way": "form", **initial_from(spec), "checks-TOTAL_FORMS": len(rows) + 2, "checks-INITIAL_FORMS": len(rows)}
    for index, row in enumerate(rows):
        sent |= {f"checks-{index}-{name}": value for name, value in row.items()}
    return sent


def _new(spec):
    """A posted form for a dataset that is not registered: what the form has no field for is made anew."""
    return _posted({**spec, "dataset_slug": "test_new_wells"})


@pytest.mark.django_db
def test_the_form_changes_nothing_that_was_not_touched(kfm_text):
    for spec in (json.loads(kfm_text), SPEC):
        form = SpecForm(_posted(spec), base=spec, labels=list(PolicyLabel.objects.all()))
        rows = CheckRows(_posted(spec), initial=check_rows_from(spec), prefix="checks")
        assert form.is_valid(), form.errors
        assert rows.is_valid(), rows.errors
        built, _ = build_spec(form, rows)
        assert spec_hash(built) == spec_hash(spec)


@pytest.mark.django_db
@pytest.mark.parametrize("severity", ["warn", "critical"])
def test_e2_what_a_missed_check_does_is_said_in_the_form(severity):
    checks = [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1, "severity": severity},
        *SPEC["validation"]["checks"],
    ]
    spec = {**SPEC, "validation": {**SPEC["validation"], "checks": checks}}
    given = check_rows_from(spec)
    rows = CheckRows(_posted(spec), initial=given, prefix="checks")
    assert rows.is_valid(), rows.errors
    built, _ = build_spec(_valid(spec), rows)
    assert [check.get("severity") for check in built["validation"]["checks"]][:2] == [severity, None]
    stops = CheckRows({**_posted(spec), "checks-0-severity": ""}, initial=given, prefix="checks")
    assert stops.is_valid()
    assert "severity" not in build_spec(_valid(spec), stops)[0]["validation"]["checks"][0]


def _valid(spec):
    form = SpecForm(_posted(spec), base=spec, labels=list(PolicyLabel.objects.all()))
    assert form.is_valid(), form.errors
    return form


def test_every_known_check_is_explained():
    assert set(CHECK_HELP) == set(KNOWN)


def test_a2_the_live_hash_of_kfms_own_example_is_golden(as_, kfm_text):
    page = as_("contributor").post(
        reverse("datasets:preview"), {"way": "document", "document": kfm_text, "syntax": "json"}
    )
    assert spec_hash(json.loads(kfm_text)).startswith(GOLDEN)
    assert spec_hash(json.loads(kfm_text)) in page.content.decode()
    assert "The spec is well formed." in page.content.decode()


@pytest.mark.parametrize("way", ["file", "paste"])
def test_kfms_own_example_registers(as_, kfm_text, way):
    sent = {"way": "document", "syntax": "json"}
    if way == "file":
        sent["file"] = SimpleUploadedFile("noaa.spec.json", kfm_text.encode())
    else:
        sent["document"] = kfm_text
    page = as_("contributor").post(reverse("datasets:register"), sent)
    assert page.status_code == 302, page.content.decode()
    row = DatasetSpec.objects.get(dataset__slug="noaa_ncei_storm_events")
    assert row.spec_hash == spec_hash(json.loads(kfm_text))
    assert as_("contributor").get(page["Location"]).status_code == 200


def test_the_form_registers_and_the_preview_says_the_same_hash(as_):
    client = as_("contributor")
    sent = _new(SPEC)
    preview = client.post(reverse("datasets:preview"), sent, headers={"HX-Request": "true"}).content.decode()
    assert client.post(reverse("datasets:register"), sent).status_code == 302
    row = DatasetSpec.objects.get(dataset__slug="test_new_wells")
    assert row.spec_hash in preview


def test_faults_stand_beside_their_fields_and_nothing_typed_is_lost(as_):
    sent = _new(SPEC) | {
        "dataset_slug": "Bad Slug 2026",
        "authority": "",
        "crs": "not a crs",
        "checks-0-threshold": "many",
        "description": "<script>alert(1)</script> Ωmega",
    }
    page = as_("contributor").post(reverse("datasets:register"), sent)
    text = page.content.decode()
    assert page.status_code == 200
    assert 'value="Bad Slug 2026"' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Ωmega" in text
    assert 'value="many"' in text
    assert "The threshold is not a number." in text
    assert "“authority” is required." in text
    assert 'href="#id_dataset_slug"' in text
    assert not Dataset.objects.filter(slug="Bad Slug 2026").exists()
    live = as_("contributor").post(reverse("datasets:preview"), sent, headers={"HX-Request": "true"}).content.decode()
    assert 'id="live-crs" aria-live="polite" hx-swap-oob="true">Not in the form' in live
    assert 'id="live-authority" aria-live="polite" hx-swap-oob="true"></p>' in live  # empty: not scolded yet


@pytest.mark.parametrize(
    ("text", "syntax", "words"),
    [
        ('{"a": 1,, }', "json", "line 1"),
        ('{"a": 1, "a": 2}', "json", "twice"),
        ("a: &x 1\nb: *x\n", "yaml", "line 1"),
        ("[1]", "json", "one object"),
        ("", "json", ""),
        ('{"title": "a\\u0000b"}', "json", "NUL"),
    ],
)
def test_a_document_that_does_not_read_says_where_and_is_kept(as_, text, syntax, words):
    page = as_("contributor").post(
        reverse("datasets:register"), {"way": "document", "document": text, "syntax": syntax}
    )
    body = page.content.decode()
    assert page.status_code == 200
    assert words in body
    assert "error-summary" in body
    if text:
        assert text.strip().replace("&", "&amp;").replace('"', "&quot;") in body


def test_a_file_that_is_not_text_is_refused_in_words(as_):
    sent = {"way": "document", "syntax": "json", "file": SimpleUploadedFile("x.json", b"\xff\x00{")}
    page = as_("contributor").post(reverse("datasets:register"), sent)
    assert page.status_code == 200
    assert "UTF-8" in page.content.decode()


def test_a1_a_slug_is_not_given_twice(as_):
    page = as_("contributor").post(reverse("datasets:register"), _posted(SPEC))
    assert page.status_code == 200
    assert "registered already" in page.content.decode()


def test_a_new_spec_is_recorded_with_everything_else_as_it_was(world, as_):
    client = as_("contributor")
    address = reverse("datasets:record_spec", args=[world.dataset.slug])
    page = client.get(address)
    assert spec_hash(SPEC) in page.content.decode()
    sent = _posted(SPEC) | {"title": "Test wells, again"}
    assert client.post(address, sent).status_code == 302
    world.dataset.refresh_from_db()
    assert json.loads(world.dataset.current_spec.canonical) == json.loads(
        json.dumps({**SPEC, "title": "Test wells, again"})
    )


def test_a_row_can_be_added_without_javascript(as_):
    sent = _new(SPEC) | {"more": "1"}
    page = as_("contributor").post(reverse("datasets:register"), sent)
    assert f'name="checks-TOTAL_FORMS" value="{sent["checks-TOTAL_FORMS"] + 1}"' in page.content.decode()
    assert 'value="Test wells"' in page.content.decode()


@pytest.mark.parametrize(
    ("name", "status"),
    [("", 302), ("nobody", 403), ("reviewer", 403), ("superuser", 403), ("steward", 200), ("operator", 200)],
)
def test_who_registers(as_, name, status):
    assert as_(name).get(reverse("datasets:register")).status_code == status


def test_the_list_shows_each_reader_their_own(world, as_, django_assert_max_num_queries):
    address = reverse("datasets:list")
    assert world.dataset.slug not in as_("").get(address).content.decode()
    assert world.dataset.slug not in as_("superuser").get(address).content.decode()
    assert world.dataset.slug in as_("contributor").get(address).content.decode()
    version = world.version_in(State.PUBLISHED)
    public, steward = as_(""), as_("steward")
    with django_assert_max_num_queries(10):
        page = public.get(address)
    assert version.version_id in page.content.decode()
    with django_assert_max_num_queries(18):
        steward.get(address)
    for query in ({"q": "wells"}, {"label": "public"}, {"standing": "PUBLISHED"}, {"q": "Test Sur"}, {"sort": "-when"}):
        assert version.version_id in as_("").get(address, query).content.decode(), query
    for query in ({"q": "no such"}, {"label": "restricted"}, {"standing": "RAW"}, {"q": "a\x00'--"}):
        assert version.version_id not in as_("").get(address, query).content.decode(), query


def test_a_dataset_hidden_is_a_dataset_absent(world, as_):
    address = reverse("datasets:detail", args=[world.dataset.slug])
    for name in ("", "nobody", "superuser"):
        hidden, absent = as_(name).get(address), as_(name).get(reverse("datasets:detail", args=["no_such"]))
        assert hidden.status_code == absent.status_code == 404
    page = as_("auditor").get(address).content.decode()
    assert "Only a contributor or operator uploads" in page
    assert "Grants on this dataset" not in page
    assert "Grants on this dataset" in as_("admin").get(address).content.decode()
    world.version_in(State.PUBLISHED)
    public = as_("").get(address).content.decode()
    assert "Contributor Test" not in public
    assert "Upload a file" not in public


READ = {
    "encoding": "cp1252",
    "delimiter": ";",
    "source_crs": "EPSG:26914",
    "layer": " wells",
    "member": "data/wells 2026.csv",
    "archive": "concatenate",
    "repair_geometry": True,
}


@pytest.mark.django_db
@pytest.mark.parametrize("more", [READ, {"repair_geometry": False}, {"delimiter": "\t"}, {"layer": "Ω", "kept": [1]}])
def test_how_a_source_is_read_goes_through_the_form_untouched(more):
    spec = {**SPEC, "normalization": {**SPEC["normalization"], **more}}
    form = SpecForm(_posted(spec), base=spec, labels=list(PolicyLabel.objects.all()))
    rows = CheckRows(_posted(spec), initial=check_rows_from(spec), prefix="checks")
    assert form.is_valid(), form.errors
    assert rows.is_valid()
    built, _ = build_spec(form, rows)
    assert spec_hash(built) == spec_hash(spec)


def test_how_a_source_is_read_is_said_in_the_form(as_):
    sent = {**_new(SPEC), **READ, "repair_geometry": "on", "slice": ""}
    assert as_("contributor").post(reverse("datasets:register"), sent).status_code == 302
    spec = json.loads(DatasetSpec.objects.get(dataset__slug="test_new_wells").canonical)
    assert {name: spec["normalization"][name] for name in READ} == READ
    page = as_("contributor").get(reverse("datasets:record_spec", args=["test_new_wells"])).content.decode()
    assert "<details open><summary>How the source is read" in page
    assert '<option value=";" selected>' in page


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("encoding", "klingon", "The declared encoding is not known."),
        ("encoding", "hex", "The declared encoding is not known."),
        ("encoding", "punycode", "not one that files are written in"),
        ("delimiter", "#", "Select a valid choice"),
        ("source_crs", "26914", "Not in the form: Coordinate reference system"),
        ("source_crs", "EPSG:99999999", "coordinate system is not known"),
        ("crs", "EPSG:99999999", "coordinate system is not known"),
        ("crs", "EPSG:5703", "no two coordinates that say where on Earth"),
        ("layer", "  ", "Name of the one layer"),
        ("member", " \t", "Name of the one file"),
        ("archive", "mix", "Select a valid choice"),
    ],
)
def test_a2_a_wrong_way_of_reading_is_said_beside_its_field(as_, name, value, words):
    page = as_("contributor").post(reverse("datasets:register"), {**_new(SPEC), name: value}).content.decode()
    assert not Dataset.objects.filter(slug="test_new_wells").exists()
    field = page.split(f'id="id_{name}"')[1].split(f'id="live-{name}"')[0]
    assert words in field
    address, htmx = reverse("datasets:preview"), {"HX-Request": "true"}
    live = as_("contributor").post(address, {**_new(SPEC), name: value}, headers=htmx).content.decode()
    assert words in live.split(f'id="live-{name}"')[1].split("</p>")[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("delimiter", "#"), ("archive", "mix"), ("repair_geometry", "yes"), ("layer", 3), ("encoding", "klingon")],
)
def test_a2_a_spec_as_written_is_held_to_the_same(name, value):
    findings = check_spec({**SPEC, "normalization": {**SPEC["normalization"], name: value}})
    assert [finding.where for finding in findings] == [f"/normalization/{name}"]


def test_each_way_of_reading_has_its_field_and_its_words():
    described = json.loads(schema_text("dataset_spec.v1"))["properties"]["normalization"]["properties"]
    asked = {field.name for field in fields(Instructions)} - {"concatenate", "repair"} | {"archive", "repair_geometry"}
    assert asked == {*READING, "crs"}
    assert all(described[name]["description"] for name in asked)
