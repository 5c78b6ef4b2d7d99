"""The ledger's pages: who reads them, what they show, what they cost."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import override_settings
from django.urls import include, path

from audit import ledger, merkle, presenters
from tests.audit.conftest import NOW, write
from tests.audit.test_tampering import spoil

urlpatterns = [
    path("ledger/", include("audit.urls")),
    path("login/", lambda request: None, name="login"),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.audit.test_pages")]


def person(name, *, reader, **fields):
    user = User.objects.create_user(name, **fields)
    if reader:
        group, _ = Group.objects.get_or_create(name="auditor")
        group.permissions.add(Permission.objects.get(content_type__app_label="audit", codename="read_ledger"))
        user.groups.add(group)
    return user


@pytest.fixture
def auditor(client):
    client.force_login(person("Ari", reader=True))
    return client


ADDRESSES = ["/ledger/", "/ledger/0/", "/ledger/export/", "/ledger/checkpoint/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_ledger_is_read_by_its_readers_only(client, address):
    write()
    ledger.checkpoint(NOW)
    assert client.get(address).status_code == 302
    for other in (person("Bo", reader=False), person("Root", reader=False, is_superuser=True)):
        client.force_login(other)
        assert client.get(address).status_code == 403
        assert client.post("/ledger/verify/").status_code == 403
    client.force_login(person("Ari", reader=True))
    assert client.get(address).status_code == 200


def test_the_list_filters_by_its_address_and_pages(auditor):
    write(60)
    write(1, actor="Bo", subject="kfm://dataset/other")
    page = auditor.get("/ledger/").content.decode()
    assert "Bo (steward) published other." in page
    assert "Page 1 of 2" in page
    page = auditor.get("/ledger/?actor=Bo&subject=kfm://dataset/oth&event=version.published").content.decode()
    assert "Bo (steward) published other." in page
    assert "Ada Diaz" not in page.split("<table")[1]
    assert "No entry answers" in auditor.get("/ledger/?event=made.up").content.decode()


def test_the_list_costs_the_same_for_few_and_many(auditor, django_assert_max_num_queries):
    write(50)
    with django_assert_max_num_queries(11):
        auditor.get("/ledger/")


def test_an_entry_is_shown_with_its_proof(auditor):
    write(3)
    assert "Not proven yet" in auditor.get("/ledger/1/").content.decode()
    ledger.checkpoint(NOW)
    page = auditor.get("/ledger/1/").content.decode()
    assert page.count("✓") == 3
    assert "Ada Diaz (steward) published ks_counties @ 2025.ab12cd34." in page
    assert auditor.get("/ledger/3/").status_code == 404


def test_a_changed_entry_is_shown_as_changed(auditor):
    write(3)
    ledger.checkpoint(NOW)
    spoil("UPDATE audit_ledgerentry SET body = '{}' WHERE \"index\" = 1")
    assert "The body does not hash to the leaf" in auditor.get("/ledger/1/").content.decode()
    assert "broken from entry 1 on" in auditor.post("/ledger/verify/").content.decode()


def test_the_check_is_a_post_and_says_what_it_found(auditor):
    write(2)
    assert auditor.get("/ledger/verify/").status_code == 405
    assert "The ledger holds." in auditor.post("/ledger/verify/").content.decode()


def test_the_export_hashes_to_the_signed_root(auditor):
    write(5)
    ledger.checkpoint(NOW)
    write(1)
    first, *bodies = b"".join(auditor.get("/ledger/export/").streaming_content).decode().splitlines()
    head = json.loads(first)
    assert (head["size"], len(bodies)) == (5, 5)
    root = merkle.root([merkle.leaf_hash(body.encode()) for body in bodies])
    assert root.hex() == ledger.latest_checkpoint().root


@override_settings(DEBUG=False)
def test_text_in_an_entry_is_escaped(auditor):
    write(actor="<b>Ada</b>")
    assert "<b>Ada</b>" not in auditor.get("/ledger/0/").content.decode()


def test_every_event_has_a_sentence_and_an_unknown_one_is_named():
    entry = write()[0]
    assert presenters.sentence(entry) == "Ada Diaz (steward) published ks_counties @ 2025.ab12cd34."
    entry.event = "made.up"
    assert "something unknown" in presenters.sentence(entry)
    assert presenters.by_day([entry])[0].lines[0].tone == "danger"


def test_people_are_named_and_the_pipeline_is_nobody(auditor, django_user_model):
    django_user_model.objects.create_user("carla", first_name="Carla", last_name="Yoder")
    write(actor="carla", role="contributor")
    write(actor="pipeline", role="pipeline")
    page = auditor.get("/ledger/?actor=yoder").content.decode()
    assert "Carla Yoder (contributor) published" in page
    assert "The pipeline published" not in page
    assert "The pipeline published" in auditor.get("/ledger/").content.decode()
