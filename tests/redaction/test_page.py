"""C2 on pages: the plan's states come from records of these very bytes, and nobody learns from it what was hidden."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from datasets.models import VersionArtifact
from datasets.runs import current_files
from promotions.readers import redaction
from promotions.shelf import Shelf
from promotions.states import State
from tests.datasets.test_obligations_end_to_end import CANARY_PERSON, HIDE
from tests.redaction.conftest import COARSE

#: What the exact places are written as anywhere; the generalized ones are not.
EXACT = ("98.123", "98.124", "38.654")
INSIDE, OUTSIDE = ("steward", "reviewer", "operator"), ("", "nobody", "auditor", "contributor2")


def names(version):
    return [version.dataset.slug, version.version_id]


def page(client, version):
    return client.get(reverse("promotions:redaction", args=names(version)))


def states(version):
    shelf = Shelf.open(version, fresh=False)
    seen = redaction.recorded(shelf)

    class Opened:
        pass

    opened = Opened()
    opened.version = version
    return {row.sentence: (row.applied.state, row.verified.state) for row in redaction.rows(opened, shelf, seen)}


def test_c2_each_obligation_is_planned_applied_and_verified_with_its_time(build, as_):
    world, version = build(*COARSE)
    body = page(as_(world, "steward"), version).content.decode()
    assert set(states(version).values()) == {("pass", "pass")}
    assert "Every obligation is applied, and verified on the very bytes that go out." in body
    assert "as the outline of an H3 cell that is at least 5 km wide" in body
    assert "the true place is within" in body
    for words in ("5 before, 5 after", "removed: owner; added: coordinate_uncertainty_m", "Its sides moved by"):
        assert words in body, words
    receipt = next(f.receipt for f in current_files(version) if f.part == "transform_log")
    assert receipt.operation == "redact"
    assert receipt.document_id in body
    assert receipt.run_id in body  # the activity in PROV


def test_c2_the_redact_run_is_in_prov_and_its_receipt_joins_input_and_output(build):
    _, version = build(*HIDE)
    shelf = Shelf.open(version, fresh=False)
    seen = redaction.recorded(shelf)
    assert seen.document is not None
    inputs = {item["digest"] for item in seen.document["inputs"]}
    outputs = {item["digest"] for item in seen.document["outputs"]}
    assert {shelf.digest_of("normalized")} == inputs
    assert {shelf.digest_of(part) for part in ("data", "preview", "transform_log", "verification")} <= outputs
    assert seen.document["environment"]["params_digest"].startswith("sha256:")
    nodes = {node["@id"]: node for node in shelf.json(shelf.digest_of("prov"))["@graph"]}
    assert nodes[seen.run.run_id]["kfm:operation"]["@value"] == "redact"


def test_c2_who_may_not_open_the_exact_bytes_learns_nothing_of_them(build, as_):
    world, version = build(*HIDE)
    world.sign_all(version)
    world.publish(version)
    for name in ("", "nobody", "contributor2"):
        if name and name not in world.users:
            continue
        client = as_(world, name)
        answer = page(client, version)
        body = answer.content.decode()
        assert answer.status_code == 200, name
        assert "shown to you" in body
        for exact in (*EXACT, CANARY_PERSON, "5 before"):
            assert exact not in body, (name, exact)
        assert client.get(reverse("promotions:redaction_before", args=names(version))).status_code == 404


@pytest.mark.parametrize("name", INSIDE)
def test_c2_who_may_open_the_exact_bytes_sees_before_and_after(build, as_, name):
    world, version = build(*HIDE)
    client = as_(world, name)
    assert "Before: exact" in page(client, version).content.decode()
    answer = client.get(reverse("promotions:redaction_before", args=names(version)))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    features = json.loads(answer.content)["features"]
    assert len(features) == 5
    assert all(set(feature["properties"]) <= {"row"} for feature in features)


def test_c2_an_unpublished_versions_plan_is_for_the_public_what_one_that_never_was_is(build, as_):
    world, version = build(*HIDE)
    for name in ("", "nobody"):
        client = as_(world, name)
        for address in ("redaction", "redaction_before"):
            hidden = client.get(reverse(f"promotions:{address}", args=names(version)))
            absent = client.get(reverse(f"promotions:{address}", args=[version.dataset.slug, "2031.0123abcd"]))
            assert (hidden.status_code, absent.status_code) == (404, 404)


def test_c2_a_verification_of_other_bytes_counts_for_nothing(build):
    _, version = build(*HIDE)
    file = VersionArtifact.objects.filter(version=version, part="data").get()
    shelf = Shelf.open(version, fresh=False)
    other = shelf.part("qa_report")
    for listed in shelf.files:
        if listed.pk == file.pk:
            listed.artifact, listed.artifact_id = other.artifact, other.artifact_id
    seen = redaction.recorded(shelf)
    assert (seen.log, seen.run, seen.stale, seen.reports) == (None, None, True, ())


def test_c2_a_plan_that_cant_be_applied_says_why_and_what_to_do(build, as_):
    world, version = build({"type": "generalize_time", "resolution": "year"}, content=_worded())
    assert world.standing(version).state == State.QUARANTINE
    body = page(as_(world, "steward"), version).content.decode()
    assert "be applied</h2>" in body
    assert "seen" in body
    assert "RB-DATA-040" in body
    assert "can&#x27;t be applied" in body
    assert "An obligation is not met" in body
    assert ("block", "block") in states(version).values()


def _worded():
    from tests.datasets.test_obligations_end_to_end import wells

    return wells(seen="17 May 2024")


def test_c2_metadata_only_makes_the_other_obligations_void(build, as_):
    world, version = build(*HIDE, {"type": "metadata_only"})
    told = states(version)
    assert told["Only the record is published, never the bytes."] == ("pass", "pass")
    assert told["Places are given to the nearest 5 km square, as its centre."] == ("not_run", "not_run")
    assert "Every obligation is applied" in page(as_(world, "steward"), version).content.decode()


def test_a_version_without_obligations_has_an_empty_plan(build, as_):
    world, version = build(label="internal")
    body = page(as_(world, "steward"), version).content.decode()
    assert "Neither the label nor the spec asks for any" in body


def test_the_plan_asks_the_same_number_of_queries_for_everyone(build, as_, django_assert_max_num_queries):
    world, version = build(*COARSE)
    for name in INSIDE:
        client = as_(world, name)
        with django_assert_max_num_queries(40):
            page(client, version)
    with django_assert_max_num_queries(40):
        client.get(reverse("promotions:redaction_before", args=names(version)))


def test_the_catalogs_say_how_far_off_the_places_are(build):
    _, version = build(*HIDE)
    shelf = Shelf.open(version, fresh=False)
    for part in ("stac_collection", "stac_item"):
        text = json.dumps(shelf.json(shelf.digest_of(part)))
        assert "squares of 5 km" in text
        assert '"kfm:coordinate_uncertainty_m": 3638' in text
    assert "within 3.64 km of the centre" in json.dumps(shelf.json(shelf.digest_of("dcat")))
