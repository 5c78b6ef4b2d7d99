"""One case: reasons first, sample rows, who sees to it, what was said, and every way out with its reason."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from datasets.models import PolicyLabel
from promotions import cases, transitions
from promotions.models import CaseComment, Job, QuarantineCase, Standing
from promotions.readers import inbox
from promotions.readers.inbox import Samples
from promotions.readers.inbox_map import extent, outlined, positions, with_rows

AT = timezone.now()


@pytest.fixture
def post(case, client_of):
    def send(name, way, data=None, **more):
        return client_of(name).post(f"/quarantine/{case.pk}/{way}/", data or {}, **more)

    return send


def test_reasons_come_first_with_clause_place_mending_and_runbook_step(case, client_of, body):
    text = body(client_of("reviewer").get(f"/quarantine/{case.pk}/"))
    finding = case.findings[0]
    for part in (finding["clause"], finding["code"], finding["fix"][:20], "it must pass before a release"):
        assert part in text, part
    assert f'href="/runbooks/{case.runbook}/#s5"' in text
    assert text.index("Why it is here") < text.index("Rows that failed") < text.index("Comments") < text.index("Dec")


def test_sample_rows_are_shown_to_those_who_may_have_the_bytes(case, client_of, body):
    text = body(client_of("reviewer").get(f"/quarantine/{case.pk}/samples/"))
    assert "required fields present" in text
    assert "<code>well_id</code>" in text
    assert "-99" not in text


def test_sample_rows_of_a_restricted_version_tell_no_place(case, client_of, body):
    label = PolicyLabel.objects.get(name="restricted_sensitive_location")
    type(case.version).objects.filter(pk=case.version_id).update(policy_label=label)
    page = client_of("steward").get(f"/quarantine/{case.pk}/samples/")
    assert "withheld" in body(page) or page.context["why_not"]
    assert client_of("steward").get(f"/quarantine/{case.pk}/failing.geojson").status_code == 404


def test_the_map_of_failing_geometries_has_a_text_twin(case, client_of, body, monkeypatch):
    square = [[-99.0, 38.0], [-98.0, 38.0], [-98.0, 39.5], [-99.0, 38.0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]}, "properties": {"row": 4}}
    found = Samples(geometries={"type": "FeatureCollection", "features": [feature]})
    monkeypatch.setattr(inbox, "samples_of", lambda *_: found)
    text = body(client_of("reviewer").get(f"/quarantine/{case.pk}/samples/"))
    assert "1 feature" in text
    assert "<td>4</td><td>Polygon</td>" in text
    drawn = json.loads(client_of("reviewer").get(f"/quarantine/{case.pk}/failing.geojson").content)["features"]
    assert [f["geometry"]["type"] for f in drawn] == ["MultiLineString", "Point"]
    assert {f["properties"]["row"] for f in drawn} == {4}


def test_every_failing_geometry_is_drawn_even_a_bow_tie():
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    mixed = {"type": "GeometryCollection", "geometries": [bow_tie, {"type": "Point", "coordinates": [5, 6, 7]}]}
    many = {"type": "MultiPolygon", "coordinates": [bow_tie["coordinates"]] * 2}
    empty = {"type": "Polygon", "coordinates": []}
    features = [
        {"type": "Feature", "geometry": g, "properties": {"row": n}} for n, g in enumerate((mixed, many, empty))
    ]
    drawn = outlined(features)["features"]
    assert [f["geometry"]["type"] for f in drawn] == ["MultiLineString", "Point", "Point", "MultiLineString", "Point"]
    assert len(positions(mixed)) == 6
    assert extent(features) == (0, 0, 5, 6)
    assert extent(features[2:]) is None


def test_claim_renew_and_give_up(case, post, body):
    assert "is yours until" in body(post("reviewer", "claim", follow=True))
    assert "Give it up" in body(post("reviewer", "claim", follow=True))
    refused = body(post("operator", "claim", follow=True))
    assert "Reviewer Test holds this case until" in refused
    assert "A steward may hand it over" in refused
    assert "free for others again" in body(post("reviewer", "unclaim", follow=True))


def test_an_act_from_the_list_goes_back_to_it(case, post):
    answer = post("reviewer", "claim", {"back": "?gate=E"})
    assert answer["Location"] == f"/quarantine/?gate=E#case-{case.pk}"
    odd = post("reviewer", "unclaim", {"back": "?//evil.example/&next=https://evil.example"})
    assert odd["Location"] == f"/quarantine/#case-{case.pk}"


def test_assign_and_hand_over(case, post, body):
    assert "they are told" in body(post("reviewer", "assign", {"owner": "operator"}, follow=True))
    case.refresh_from_db()
    assert case.owner == "operator"
    assert post("reviewer", "assign", {"owner": "operator"}).status_code == 409
    assert "Select a valid choice" in body(post("reviewer", "assign", {"owner": "council"}))
    assert "Only its holder" in body(post("reviewer", "hand-over", {"to": "reviewer2", "note": "Yours."}))
    assert "Handed over" in body(post("operator", "hand-over", {"to": "reviewer2", "note": "Yours."}, follow=True))
    case.refresh_from_db()
    assert (case.owner, case.claimed_by) == ("reviewer2", "reviewer2")


def test_comments_are_escaped_and_kept(case, post, body):
    text = body(post("operator", "comment", {"text": "<script>alert(1)</script>\n\nSecond."}, follow=True))
    assert "&lt;script&gt;" in text
    assert "<p>Second.</p>" in text
    assert post("auditor", "comment", {"text": "I watch."}).status_code == 409
    assert CaseComment.objects.filter(case=case).count() == 1


def test_an_auditor_reads_and_is_told_why_not(case, client_of, body):
    text = body(client_of("auditor").get(f"/quarantine/{case.pk}/"))
    assert "You have no role on test_ks_wells that works its quarantine cases." in text
    assert "Who can: Reviewer Test (reviewer)" in text
    assert '<form method="post" action="/quarantine' not in text


def test_the_pages_plan_leaves_the_owner_as_it_is(world, case, post, body):
    cases.assign(case_pk=case.pk, owner="operator", by=world.person("steward"), at=AT)
    due = (AT + timedelta(days=3)).date().isoformat()
    assert "The plan was kept." in body(post("reviewer", "plan", {"due": due, "plan": "Ask."}, follow=True))
    case.refresh_from_db()
    assert (case.owner, case.plan_by) == ("operator", "reviewer")


def test_release_needs_a_reason_and_the_gate(case, post, body):
    assert "Say why." in body(post("reviewer", "release", {"release-reason": " "}))
    refused = post("reviewer", "release", {"release-reason": "Fixed <b>now</b>."})
    assert refused.status_code == 409
    assert "Gate E does not pass" in body(refused)
    assert "Fixed &lt;b&gt;now" in body(refused)
    assert Standing.objects.get(version=case.version).state == "QUARANTINE"


def test_deny_ends_it_and_reopen_says_why_not(case, post, body, client_of):
    assert "Denied. The record stays." in body(post("steward", "deny", {"deny-reason": "Not fit."}, follow=True))
    text = body(client_of("reviewer").get(f"/quarantine/{case.pk}/"))
    assert "A denied version is denied for good." in text
    assert "denied for good" in body(post("reviewer", "reopen", follow=True))


def test_reopen_is_one_click(world, case, post, body, monkeypatch):
    made = body(post("reviewer", "metadata-only", {"reason": "Only the record."}))
    assert "What will happen" in made
    ended = _open_metadata_only(case, post)
    assert "Reopen" in body(post("reviewer", "comment", {"text": "Hm."}, follow=True))
    again = post("reviewer", "reopen", follow=True)
    later = QuarantineCase.objects.get(reopens=ended)
    assert f"Reopened as case {later.pk}" in body(again)
    assert "goes on from" in body(again)


def _open_metadata_only(case, post):
    shown = post("reviewer", "metadata-only", {"reason": "Only the record."})
    seen = shown.context["seen"].spec_hash
    done = post("reviewer", "metadata-only", {"reason": "Only the record.", "step": "open", "seen": seen})
    assert done.status_code == 302, done.content.decode()
    case.refresh_from_db()
    assert case.resolution == "metadata_only"
    return case


def test_a_derivative_is_shown_before_it_is_opened_and_is_what_was_shown(case, client_of, body):
    client, where = client_of("reviewer"), f"/quarantine/{case.pk}/derive/"
    typed = {"fields_removed": ["depth_m"], "label": "public", "reason": "Nobody needs the depth."}
    shown = client.post(where, typed | {"step": "preview"})
    seen = shown.context["seen"]
    assert seen.version_id in body(shown)
    assert seen.spec_hash in body(shown)
    assert "These fields are removed: depth_m." in body(shown)
    assert Job.objects.filter(spec__spec_hash=seen.spec_hash).count() == 0
    other = client.post(where, typed | {"min_cell_size_m": "1000", "step": "open", "seen": seen.spec_hash})
    assert "What you chose changed since it was shown." in body(other)
    opened = client.post(where, typed | {"step": "open", "seen": seen.spec_hash})
    job = Job.objects.get(spec__spec_hash=seen.spec_hash)
    assert opened["Location"] == reverse("promotions:job", args=[job.pk])
    case.refresh_from_db()
    assert (case.resolution, case.derivative_spec.spec_hash) == ("derived", seen.spec_hash)


def test_a_derivative_needs_an_obligation_a_label_and_a_reason(case, client_of, body):
    client, where = client_of("reviewer"), f"/quarantine/{case.pk}/derive/"
    assert "No obligation is chosen" in body(client.post(where, {"label": "public", "reason": "Safer."}))
    assert "This field is required." in body(client.post(where, {"label": "public", "k": "5"}))
    assert "greater than or equal to 2" in body(client.post(where, {"label": "public", "k": "1", "reason": "x"}))
    told = {"fields_removed": ["geometry"], "label": "public", "reason": "x"}
    assert "not one of the available choices" in body(client.post(where, told))


def test_a_contributor_is_told_who_opens_derivatives(case, client_of, body):
    text = body(client_of("contributor").get(f"/quarantine/{case.pk}/derive/"))
    assert "Only a reviewer or steward of test_ks_wells" in text
    assert "Who can: Reviewer Test (reviewer)" in text
    typed = {"k": "5", "label": "public", "reason": "x"}
    seen = client_of("reviewer").post(f"/quarantine/{case.pk}/derive/", typed).context["seen"].spec_hash
    client_of("contributor").post(f"/quarantine/{case.pk}/derive/", typed | {"step": "open", "seen": seen})
    case.refresh_from_db()
    assert case.resolution == ""


@pytest.mark.parametrize("way", ["claim", "comment", "release", "deny", "plan", "run", "reopen", "derive"])
def test_a_hidden_and_an_absent_case_refuse_alike_and_are_in_the_ledger(case, client_of, way):
    client, before = client_of("nobody"), ledger.size()
    assert client.post(f"/quarantine/{case.pk}/{way}/", {"text": "x"}).status_code == 404
    assert client.post(f"/quarantine/{10**6}/{way}/", {"text": "x"}).status_code == 404
    assert ledger.size() == before + 2


def test_there_is_no_other_way(case, client_of):
    assert client_of("steward").post(f"/quarantine/{case.pk}/force/").status_code == 404
    assert client_of("steward").get(f"/quarantine/{case.pk}/deny/").status_code == 405


def test_the_ledger_append_fails_nothing_changed(case, post, monkeypatch):
    def fail(**_):
        raise RuntimeError("no ledger")

    monkeypatch.setattr(transitions.ledger, "append", fail)
    with pytest.raises(RuntimeError, match="no ledger"):
        post("reviewer", "claim")
    case.refresh_from_db()
    assert case.claimed_by == ""


def test_rows_that_failed_for_another_reason_are_on_the_map_too_once_each():
    point = {"type": "Point", "coordinates": [-99.0, 38.0]}
    bad = {"type": "Feature", "geometry": point, "properties": {"row": 1}}
    rows = [{"row": 1, "geometry": point}, {"row": 2, "geometry": point}, {"row": 3, "geometry": None}]
    drawn = with_rows({"type": "FeatureCollection", "features": [bad]}, rows)
    assert [feature["properties"]["row"] for feature in drawn["features"]] == [1, 2]
