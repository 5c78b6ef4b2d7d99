"""``/healthz`` tells a reachable database from an unreachable one."""

from __future__ import annotations

import json
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from kfm_console.health import healthz


@pytest.mark.django_db
def test_a_reachable_database_answers_200() -> None:
    answer = healthz(RequestFactory().get("/healthz"))
    assert answer.status_code == 200
    assert json.loads(answer.content)["status"] == "ok"


def test_an_unreachable_database_answers_503() -> None:
    with mock.patch.object(connection, "cursor", side_effect=OperationalError("no server")):
        answer = healthz(RequestFactory().get("/healthz"))
    assert answer.status_code == 503
    assert "no server" not in answer.content.decode()
