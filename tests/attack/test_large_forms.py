"""A form that announces more than any form of ours holds is refused before its body is read."""

from __future__ import annotations

import io

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


class Unread(io.RawIOBase):
    """A body that must not be asked for."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


def posted(path: str, size: str) -> tuple[int, str]:
    answer = Client(enforce_csrf_checks=True).generic(
        "POST",
        path,
        content_type="multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": size, "wsgi.input": Unread()},
    )
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("path", ["/login/", "/datasets/new/"])
def test_a_form_announced_as_too_large_is_refused_unread(path, settings):
    status, text = posted(path, str(settings.KFM_MAX_FORM_BYTES + 1))
    assert status == 413
    assert "at most 10.0" in text


def test_a_form_of_ordinary_size_is_judged_by_its_token_and_not_by_its_size():
    status, text = posted("/login/", "0")
    assert status == 403
    assert "too large" not in text
