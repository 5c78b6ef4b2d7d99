"""The board and its actions, through the pages: sign, publish, withdraw, restore; refusals and void signatures."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from audit import ledger
from datasets.models import Artifact, DatasetVersion
from datasets.stores import console_store
from promotions import labels
from promotions.models import SignOff, Standing
from promotions.states import State
from tests.world import PASSWORD, wells

pytestmark = pytest.mark.slow


def body(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def without_token(response) -> str:
    """The page without the CSRF token, which is masked anew each time, and without its audit reference."""
    return re.sub(r'(X-CSRFToken": |csrfmiddlewaretoken" value=)"\w+"|<p class="soft">Audit.*?</p>', "", body(response))


def seen_in(response) -> str:
    return re.search(r'name="seen" value="(sha256:[0-9a-f]{64})"', response.content.decode())[1]


def sign(client, where, role):
    seen = seen_in(client.get(where))
    return client.post(where, {"seen": seen, "role": role, "password": PASSWORD}, follow=True)


@pytest.fixture
def cataloged(world):
    return world.version_in(State.CATALOG)


def test_board_shows_fourteen_clauses_and_who_can(world, cataloged, client_of, address):
    page = body(client_of("reviewer").get(address(cataloged)))
    codes = ("A1", "A2", "B1", "B2", "C1", "C2", "D1", "D2", "D3", "E1", "E2", "F1", "F2", "G1")
    assert all(f'<b class="clause-code">{code}</b>' in page for code in codes)
    assert "None of two signatures; needs a steward and a reviewer who did not propose it." in page
    assert "Sign as reviewer" in page
    assert "Who can: Operator Test (operator)" in page


def test_whole_promotion_through_the_pages(world, cataloged, client_of, address):
    for role in ("steward", "reviewer"):
        assert "Signed as" in body(sign(client_of(role), address(cataloged, "sign"), role))
    operator, where = client_of("operator"), address(cataloged, "publish")
    seen = seen_in(operator.get(where))
    assert "Published by Operator Test." in body(operator.post(where, {"seen": seen}, follow=True))
    again = operator.post(where, {"seen": seen})
    assert again.status_code == 409
    assert "Already published by operator at" in body(again)
    assert cataloged.dataset.title in body(client_of("anonymous").get("/"))
    withdrawn = client_of("steward").post(
        address(cataloged, "withdraw"), {"reason": "A county is missing.", "incident": "INC-7"}, follow=True
    )
    assert "Withdrawn. A tombstone with your reason" in body(withdrawn)
    for role in ("steward", "reviewer"):
        sign(client_of(role), address(cataloged, "sign"), role)
    where = address(cataloged, "restore")
    restored = operator.post(where, {"seen": seen_in(operator.get(where)), "reason": "It was there."}, follow=True)
    assert "Restored." in body(restored)


def test_c1_the_changed_label_voids_a_signature_and_the_board_says_what(world, cataloged, client_of, address):
    sign(client_of("reviewer"), address(cataloged, "sign"), "reviewer")
    labels.assign_label(
        version_pk=cataloged.pk,
        label="restricted",
        by=world.person("steward"),
        reason="Wells on farms.",
        at=timezone.now(),
    )
    page = body(client_of("steward").get(address(cataloged)))
    assert "VOID" in page
    assert "What was signed has changed since" in page
    assert "field: policy_label" in page
    assert "restricted" in page


def test_g1_a_changed_byte_voids_a_signature_and_names_the_file(world, cataloged, client_of, address):
    sign(client_of("reviewer"), address(cataloged, "sign"), "reviewer")
    file = cataloged.files.get(part="preview")
    store = console_store()
    target = next(
        p
        for p in store.root.rglob("*")
        if p.is_file() and file.artifact_id.removeprefix("sha256:") in str(p).replace("/", "")
    )
    target.chmod(0o644)
    target.write_bytes(b'{"type":"FeatureCollection","features":[]}')
    page = body(client_of("steward").get(address(cataloged)))
    assert "VOID" in page
    assert f"file: {file.path}" in page
    refused = client_of("operator").post(address(cataloged, "publish"), {"seen": world.digest(cataloged)})
    assert refused.status_code == 409


def test_what_changes_between_look_and_signature_is_said(world, cataloged, client_of, address):
    client, where = client_of("reviewer"), address(cataloged, "sign")
    seen = seen_in(client.get(where))
    labels.assign_label(
        version_pk=cataloged.pk, label="internal", by=world.person("steward"), reason="Not yet.", at=timezone.now()
    )
    refused = client.post(where, {"seen": seen, "role": "reviewer", "password": PASSWORD})
    assert refused.status_code == 409
    assert "What changed since you looked" in body(refused) or "does not pass" in body(refused)
    assert not SignOff.objects.filter(version=cataloged).exists()


def test_wrong_password_signs_nothing_and_says_so(world, cataloged, client_of, address):
    client, where = client_of("reviewer"), address(cataloged, "sign")
    refused = client.post(where, {"seen": seen_in(client.get(where)), "role": "reviewer", "password": "wrong"})
    assert refused.status_code == 409
    assert "The password is not right, so nothing was signed." in body(refused)
    assert not SignOff.objects.exists()


def test_second_signature_is_answered_already_done(world, cataloged, client_of, address):
    client, where = client_of("reviewer"), address(cataloged, "sign")
    seen = seen_in(client.get(where))
    answers = {"seen": seen, "role": "reviewer", "password": PASSWORD}
    assert client.post(where, answers).status_code == 302
    second = client.post(where, answers)
    assert second.status_code == 409
    assert "You signed as reviewer at" in body(second)


def test_proposer_signs_nothing_and_the_refusal_is_in_the_ledger(world, cataloged, client_of, address):
    before = ledger.size()
    answers = {"seen": world.digest(cataloged), "role": "steward", "password": PASSWORD}
    refused = client_of("contributor").post(address(cataloged, "sign"), answers)
    assert refused.status_code == 409
    assert ledger.entry(before).event == "action.refused"


def test_superuser_without_a_role_sees_no_board_of_work(world, cataloged, client_of, address):
    page = client_of("superuser").get(address(cataloged))
    assert page.status_code == 404


def test_changes_are_asked_for_and_answered(world, cataloged, client_of, address):
    asked = client_of("reviewer").post(address(cataloged, "request-changes"), {"note": "Name the datum."}, follow=True)
    assert "Reviewer Test asked for changes; the proposer answers first." in body(asked)
    again = client_of("contributor").post(address(cataloged, "propose"), {"note": "It is WGS 84."}, follow=True)
    assert "Proposed." in body(again)


def test_label_can_only_be_tightened(world, cataloged, client_of, address):
    where = address(cataloged, "label")
    done = client_of("steward").post(where, {"label": "restricted", "reason": "Wells on farms."}, follow=True)
    assert "The label is restricted now." in body(done)
    refused = client_of("steward").post(where, {"label": "public", "reason": "Open it."})
    assert "public" not in re.findall(r'name="label" value="(\w+)"', refused.content.decode())
    assert DatasetVersion.objects.get(pk=cataloged.pk).policy_label_id == "restricted"


def test_evaluate_again_keeps_the_answers(world, cataloged, client_of, address):
    page = client_of("reviewer").post(address(cataloged, "evaluate"), follow=True)
    assert "Every byte was read again. Gates A, B, C, D, E, F, G pass." in body(page)


def test_raw_version_shows_later_letters_as_not_run(world, client_of, address):
    raw = world.version_in(State.RAW)
    page = body(client_of("operator").get(address(raw)))
    assert page.count("not run") >= 6
    assert "Propose" in page


def test_board_by_role(world, cataloged, client_of, address):
    for name in ("contributor", "operator", "reviewer", "steward", "council", "auditor", "nobody", "anonymous"):
        expected = {"nobody": 404, "anonymous": 302}.get(name, 200)
        assert client_of(name).get(address(cataloged)).status_code == expected, name


def test_hidden_and_absent_boards_are_the_same_answer(world, cataloged, client_of, address):
    client = client_of("nobody")
    hidden = client.get(address(cataloged))
    absent = client.get(address(cataloged).replace(cataloged.version_id, "2031.00000000"))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert without_token(hidden) == without_token(absent)


def test_the_board_of_a_public_version_is_not_public(world, cataloged, client_of, address):
    Standing.objects.filter(version=cataloged).update(state=State.PUBLISHED)
    hidden = client_of("nobody").get(address(cataloged))
    absent = client_of("nobody").get(address(cataloged).replace(cataloged.version_id, "2031.00000000"))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert without_token(hidden) == without_token(absent)


def test_board_query_count_is_bounded(world, cataloged, client_of, address, django_assert_max_num_queries):
    client = client_of("reviewer")
    with django_assert_max_num_queries(75):
        client.get(address(cataloged))


def test_evidence_is_hashed_again_and_the_line_is_marked(world, cataloged, client_of):
    report = cataloged.files.get(part="qa_report")
    where = f"/evidence/{cataloged.dataset.slug}/{cataloged.version_id}/{report.artifact_id}/"
    page = body(client_of("reviewer").get(where, {"where": "checks/0/verdict"}))
    assert "✓ the bytes have this digest" in page
    assert "document-line marked" in page
    assert client_of("nobody").get(where).status_code == 404
    other = Artifact.objects.exclude(pk=report.artifact_id).get(pk=cataloged.acquisition.source_id)
    assert client_of("reviewer").get(where.replace(report.artifact_id, other.digest)).status_code == 404


def test_what_changes_against_the_published_version(world, client_of, address):
    world.version_in(State.PUBLISHED)
    second = world.version_in(State.CATALOG, content=wells(9, start=50))
    page = body(client_of("reviewer").get(address(second)))
    assert "against" in page
    assert "+3" in page
