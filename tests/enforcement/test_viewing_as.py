"""A steward sees a version's pages as someone else would: never more than themself, and nothing is done that way."""

from __future__ import annotations

import re

import pytest

from datasets.models import PolicyDecision, PolicyLabel
from promotions.states import State


def page(version, rest="", eyes="public"):
    mark = "&" if "?" in rest else "?"
    return f"/datasets/{version.dataset.slug}/versions/{version.version_id}/{rest}{mark}as={eyes}"


def test_the_public_page_is_shown_with_a_strip_and_its_links_keep_the_eyes(api):
    answer = api.client("steward").get(page(api.public))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "You are looking as the public" in text
    links = re.findall(
        rf'href="(/datasets/{api.public.dataset.slug}/versions/{api.public.version_id}/[^"]*|\?[^"]*)"', text
    )
    assert len(links) > 3
    assert all("as=" in link for link in links), links
    assert 'href="?tab=history' not in text


def test_what_those_eyes_do_not_find_is_said_with_the_reason(api):
    for eyes in ("public", "contributor"):
        answer = api.client("steward").get(page(api.restricted, eyes=eyes))
        assert answer.status_code == 404
        assert "would find nothing here" in answer.content.decode()
        assert "Why, and what would open it" in answer.content.decode()
    assert api.client("steward").get(page(api.restricted, eyes="partner")).status_code == 200


def test_the_map_and_the_files_obey_too(api):
    client = api.client("steward")
    assert client.get(page(api.public, "preview.geojson")).status_code == 200
    assert client.get(page(api.restricted, "preview.geojson")).status_code == 404
    assert client.get(page(api.restricted, "preview.geojson", "partner")).status_code == 200
    assert client.get(page(api.hidden[State.CATALOG], "preview.geojson", "contributor")).status_code == 404


@pytest.mark.parametrize("who", [None, "contributor", "operator", "reviewer", "auditor", "admin", "superuser"])
def test_others_are_refused_and_told_nothing(api, who):
    client = api.client(who)
    there = client.get(page(api.public))
    hidden = client.get(page(api.restricted))
    absent = client.get(page(api.restricted).replace(api.restricted.version_id, "2031.0123abcd"))
    assert {there.status_code, hidden.status_code, absent.status_code} == {403}
    token = r'(X-CSRFToken": |csrfmiddlewaretoken" value=)"\w+"'
    assert re.sub(token, "", hidden.content.decode()) == re.sub(token, "", absent.content.decode())


def test_nothing_is_done_as_someone_else(api):
    client = api.client("steward")
    review = "review/withdraw/?as=contributor"
    path = f"/datasets/{api.public.dataset.slug}/versions/{api.public.version_id}/{review}"
    assert client.post(path, {"reason": "x", "incident": "INC-1"}).status_code == 403
    api.public.standing.refresh_from_db()
    assert api.public.standing.state == "PUBLISHED"


def test_no_form_of_the_page_can_be_sent(api):
    text = api.client("steward").get(page(api.public, "review/", "contributor")).content.decode()
    own = f"/datasets/{api.public.dataset.slug}/"
    checked = 0
    for form in re.findall(r"<form\b[^>]*>", text):
        action = re.search(r'action="([^"]*)"', form)
        if "post" in form.lower() and (action is None or action[1].startswith(own)):
            checked += 1
            assert "inert" in form
            assert action is None or "as=contributor" in action[1]
    assert checked, "the page has such forms"


@pytest.mark.parametrize(
    "address", ["/queue/?as=public", "/?as=public", "/datasets/?as=public", "/api/v1/datasets/?as=public"]
)
def test_other_pages_refuse_it(api, address):
    assert api.client("steward").get(address).status_code == (400 if "/api/" in address else 403)


def test_a_word_that_is_none_is_refused_and_self_leads_out(api):
    client = api.client("steward")
    assert client.get(page(api.public, eyes="admin")).status_code == 403
    out = client.get(page(api.public, "?tab=files", "self"))
    assert (out.status_code, out["Location"].endswith("?tab=files")) == (302, True)


def test_a_page_for_who_is_signed_in_says_so(api):
    text = api.client("steward").get(page(api.public, "review/")).content.decode()
    assert "asked to sign in" in text


def test_the_decision_says_who_really_asked_and_as_whom(api):
    api.client("steward").get(page(api.public))
    assert PolicyDecision.objects.latest("decided_at").principal == "steward viewing as public"


def test_it_never_shows_more_than_the_viewer_may_see(api):
    """A label that stewards don't read, and contributors do: through a contributor's eyes a steward sees nothing."""
    PolicyLabel.objects.create(
        name="closed_circle", title="Closed", meaning="Ours.", readers=["contributor"],
        sign_off_roles=["steward", "reviewer"], tightness=45,
    )  # fmt: skip
    type(api.public).objects.filter(pk=api.public.pk).update(policy_label="closed_circle")
    plain = api.client("contributor").get(page(api.public).partition("?")[0])
    assert plain.status_code == 200
    answer = api.client("steward").get(page(api.public, eyes="contributor"))
    assert answer.status_code == 404
    assert "would find nothing here" not in answer.content.decode()
    assert api.public.dataset.title not in answer.content.decode()


def test_a_reader_of_the_page_costs_the_same_queries_as_someone_else(api, django_assert_max_num_queries):
    client = api.client("steward")
    client.get(page(api.public))
    with django_assert_max_num_queries(40):
        client.get(page(api.public))
