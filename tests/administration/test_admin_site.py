"""Django's admin shows accounts, and never the hash of a password: it could be guessed at, and signed with."""

from __future__ import annotations

from django.contrib.auth.models import User


def test_no_page_of_an_account_shows_its_hash(world, as_):
    steward = User.objects.get(username="steward")
    assert steward.password
    for name in ("admin", "auditor"):
        User.objects.filter(username=name).update(is_staff=True)
        for page in ("", f"{steward.pk}/change/", f"{steward.pk}/history/"):
            answer = as_(name).get(f"/admin/auth/user/{page}")
            assert answer.status_code == 200, page
            assert steward.password not in answer.content.decode(), page
            assert steward.password.rsplit("$", 1)[-1] not in answer.content.decode(), page
