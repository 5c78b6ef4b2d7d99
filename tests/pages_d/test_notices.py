"""What a person was told: counted in the frame, listed, opened and marked as read; each sees only their own."""

from __future__ import annotations

import pytest
from django.utils import timezone

from promotions import notices
from promotions.models import Notice

AT = timezone.now()


@pytest.fixture
def told(case):
    """Two for the reviewer, one for the steward."""
    for n in range(2):
        notices.tell(
            principals=["reviewer"], kind="case.assigned", text=f"Case {n} is yours.", path=f"/quarantine/{case.pk}/",
            key=f"k{n}", at=AT,
        )  # fmt: skip
    notices.tell(principals=["steward"], kind="case.assigned", text="Not yours.", path="/", key="other", at=AT)
    return list(Notice.objects.filter(principal="reviewer"))


def test_the_frame_counts_the_unread(told, client_of, body):
    assert '<span class="bell-count">2</span>' in body(client_of("reviewer").get("/queue/"))
    assert "Notices, none unread" in body(client_of("operator").get("/queue/"))
    assert 'href="/notices/"' not in body(client_of("anonymous").get("/login/"))


def test_each_sees_only_their_own(told, client_of, body):
    text = body(client_of("reviewer").get("/notices/"))
    assert "Case 0 is yours." in text
    assert "Not yours." not in text
    assert "Nothing is unread." in body(client_of("operator").get("/notices/"))
    assert "You were not told anything yet." in body(client_of("operator").get("/notices/?show=all"))


def test_opening_marks_as_read_and_leads_there(told, case, client_of):
    answer = client_of("reviewer").post(f"/notices/{told[0].pk}/")
    assert answer["Location"] == f"/quarantine/{case.pk}/"
    assert notices.unread("reviewer").count() == 1


def test_anothers_notice_is_absent_and_stays_unread(told, client_of):
    client = client_of("reviewer")
    theirs = Notice.objects.get(principal="steward")
    assert client.post(f"/notices/{theirs.pk}/").status_code == 404
    assert client.post(f"/notices/{10**6}/").status_code == 404
    client.post("/notices/read/", {"pk": [theirs.pk, "x"]})
    assert notices.unread("steward").count() == 1


def test_one_or_all_are_marked(told, client_of, body):
    client = client_of("reviewer")
    assert "1 notice marked" in body(client.post("/notices/read/", {"pk": told[0].pk}, follow=True))
    assert "1 notice marked" in body(client.post("/notices/read/", {"all": "1"}, follow=True))
    assert "0 notices marked" in body(client.post("/notices/read/", {}, follow=True))
    assert client.get("/notices/read/").status_code == 405


def test_a_path_to_elsewhere_is_not_followed(told, client_of):
    Notice.objects.filter(pk=told[0].pk).update(path="//evil.example/")
    assert client_of("reviewer").post(f"/notices/{told[0].pk}/")["Location"] == "/notices/"
