"""Pages of labels, people and changes: who reaches them, what they say, and that nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import ledger
from datasets import accounts
from datasets.errors import Refused
from datasets.models import PolicyChange, PolicyLabel
from datasets.policy import bundle, diff
from datasets.policy.obligations import PRESETS
from promotions.readers import policy_diff
from tests.administration.conftest import confirm
from tests.administration.test_changes import edit, grant_for, role_for
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db

LISTS = [
    "/administration/labels/",
    "/administration/labels/of/internal/",
    "/administration/people/",
    "/administration/changes/",
]
FORMS = ["/administration/labels/new/", "/administration/labels/of/internal/edit/", "/administration/people/new/"]


def typed(**changes):
    """The form of ``internal``, as it is, with *changes*."""
    row = PolicyLabel.objects.get(name="internal")
    return {
        "title": row.title, "meaning": row.meaning, "colour": row.colour, "tightness": row.tightness,
        "readers": row.readers, "qa_readers": row.qa_readers, "sign_off_roles": row.sign_off_roles,
        "releasable": "on", "reason": "A test.", "obligation_0_kind": "", "obligation_0_value": "",
    } | changes  # fmt: skip


def hidden(page, name="seen") -> str:
    return re.search(rf'name="{name}" value="([^"]+)"', page.content.decode()).group(1)


@pytest.mark.parametrize("path", [*LISTS, *FORMS])
def test_who_reaches_the_pages(as_, path):
    looks = {"admin", "council", "auditor"} if path in LISTS else {"admin"}
    for name in ("admin", "council", "auditor", "steward", "operator", "contributor", "nobody", "superuser"):
        assert as_(name).get(path).status_code == (200 if name in looks else 403), name
    assert as_("").get(path).status_code == 302


NOWHERE = [
    "labels/of/none/",
    "labels/of/none/edit/",
    "people/999999/",
    f"people/{10**22}/",
    "changes/99999/",
    "people/1/take/role-king/",
    f"people/1/take/grant-{10**19}/",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_a_404(as_, path):
    assert as_("admin").get(f"/administration/{path}").status_code == 404


def test_an_edit_is_seen_before_it_is_saved_and_what_was_typed_is_kept(world, as_):
    admin, page = as_("admin"), "/administration/labels/of/internal/edit/"
    form = typed(tightness=25, meaning="Only <staff> & friends.")
    seen = admin.post(page, form | {"act": "preview"})
    assert (seen.status_code, PolicyChange.objects.count()) == (200, 0)
    assert "so it works at once" in seen.content.decode()
    back = admin.post(page, form | {"act": "back"}).content.decode()
    assert "Only &lt;staff&gt; &amp; friends." in back
    saved = admin.post(page, form | {"act": "save", "seen": hidden(seen)})
    assert saved.headers["location"] == "/administration/labels/of/internal/"
    assert PolicyLabel.objects.get(name="internal").tightness == 25


@pytest.mark.parametrize("token", ["", "forged", None])
def test_only_what_was_seen_is_saved(world, as_, token):
    admin, page = as_("admin"), "/administration/labels/of/internal/edit/"
    seen = hidden(admin.post(page, typed(tightness=25) | {"act": "preview"})) if token is None else token
    answer = admin.post(page, typed(tightness=26) | {"act": "save", "seen": seen})
    assert (answer.status_code, PolicyChange.objects.count()) == (409, 0)
    assert "Look again" in answer.content.decode()


def test_a_faulty_label_is_named_beside_its_fields(world, as_):
    form = typed(readers=["steward"], obligation_0_kind="generalize_geometry", obligation_0_value="a mile")
    answer = as_("admin").post("/administration/labels/of/internal/edit/", form | {"act": "preview"})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"obligation_0_value"}
    answer = as_("admin").post(
        "/administration/labels/of/internal/edit/", typed(readers=["steward"]) | {"act": "preview"}
    )
    assert set(answer.context["form"].errors) == {"readers"}
    form = typed(tightness=1, obligation_0_kind="", obligation_0_value="lost?")
    assert "lost?" in as_("admin").post("/administration/labels/of/internal/edit/", form).content.decode()


@pytest.mark.parametrize(
    ("kind", "value", "document"),
    [
        ("generalize_geometry", "1000", {"min_cell_size_m": 1000}),
        ("generalize_geometry", "5000 h3 cell", {"min_cell_size_m": 5000, "grid": "h3", "shape": "cell"}),
        ("generalize_geometry", "0.1_degree", {"min_cell_size_m": PRESETS["0.1_degree"]}),
        ("remove_attributes", "owner, phone", {"fields": ["owner", "phone"]}),
        ("generalize_time", "month", {"resolution": "month"}),
        ("suppress_small_counts", "5", {"k": 5}),
        ("show_notice", "Ask first, please.", {"message": "Ask first, please."}),
        ("require_attribution", "", {}),
    ],
)
def test_obligations_are_typed_as_rows(world, as_, kind, value, document):
    form = typed(obligation_0_kind=kind, obligation_0_value=value)
    admin, page = as_("admin"), "/administration/labels/of/internal/edit/"
    admin.post(page, form | {"act": "save", "seen": hidden(admin.post(page, form | {"act": "preview"}))})
    assert PolicyLabel.objects.get(name="internal").default_obligations == [{"type": kind} | document]
    assert value.split()[0:1] == [] or kind in admin.get(page).content.decode()


UNREADABLE = [
    ("generalize_geometry", ""),
    ("generalize_geometry", "1000 1000"),
    ("generalize_geometry", "-5"),
    ("generalize_geometry", "9" * 250),
    ("remove_attributes", ","),
    ("suppress_small_counts", "1"),
    ("suppress_small_counts", "\u0663"),
    ("generalize_time", "week"),
    ("show_notice", ""),
    ("metadata_only", "yes"),
]


@pytest.mark.parametrize(("kind", "value"), UNREADABLE)
def test_an_obligation_that_can_not_be_read_is_refused_beside_its_value(world, as_, kind, value):
    form = typed(obligation_0_kind=kind, obligation_0_value=value)
    answer = as_("admin").post("/administration/labels/of/internal/edit/", form)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["obligation_0_value"])


def test_the_council_confirms_with_the_password_and_a_second_click_says_who_did(world, as_):
    change = role_for(world)
    council, page = as_("council"), f"/administration/changes/{change.pk}/"
    assert "What it gives" in council.get(page).content.decode()
    size = ledger.size()
    wrong = council.post(page, {"act": "confirm", "password": "wrong"})
    assert (wrong.status_code, world.person("nobody").roles) == (422, frozenset())
    assert ledger.size() == size + 1
    assert council.post(page, {"act": "confirm"}).status_code == 422
    assert council.post(page, {"act": "confirm", "password": PASSWORD}).status_code == 302
    again = council.post(page, {"act": "confirm", "password": PASSWORD})
    assert (again.status_code, "Already applied by council" in again.content.decode()) == (409, True)
    assert {r.value for r in world.person("nobody").roles} == {"steward"}


@pytest.mark.parametrize(("name", "status"), [("admin", 409), ("auditor", 409), ("steward", 403), ("superuser", 403)])
def test_who_confirms_nothing_on_the_page(world, as_, name, status):
    change, size = role_for(world), ledger.size()
    answer = as_(name).post(f"/administration/changes/{change.pk}/", {"act": "confirm", "password": PASSWORD})
    assert (answer.status_code, world.person("nobody").roles) == (status, frozenset())
    assert ledger.size() == size + 1, "a refused try is in the ledger"


@pytest.mark.parametrize("act", ["", "drop", "confirm\x00"])
def test_an_unknown_act_is_no_server_fault(world, as_, act):
    answer = as_("council").post(f"/administration/changes/{role_for(world).pk}/", {"act": act, "password": PASSWORD})
    assert answer.status_code == 422
    assert "Choose what to do" in answer.content.decode()


def test_what_the_engine_can_not_say_is_not_shown_as_no_change(world, as_, monkeypatch):
    edit(world, tightness=25)
    waiting = edit(world, tightness=24)
    page, change = "/administration/labels/of/internal/edit/", f"/administration/changes/{waiting.pk}/"
    monkeypatch.setattr(policy_diff, "occurring", lambda _label: {("internal", "PUBLISHED"): 1})
    diff._shipped.cache_clear()

    def fails(_document):
        raise bundle.PolicyTimeout("late")

    with monkeypatch.context() as broken:
        broken.setattr(bundle, "evaluator", lambda: fails)
        unknown = as_("admin").post(page, typed(tightness=26) | {"act": "preview"})
        shown = as_("council").get(change)
    assert (unknown.status_code, "could not be asked" in unknown.content.decode()) == (409, True)
    assert (shown.status_code, shown.context["may_confirm"]) == (200, False)
    assert "could not be asked" in shown.content.decode()
    assert as_("admin").post(page, typed(tightness=26) | {"act": "preview"}).status_code == 200, "not remembered"
    assert as_("council").get(change).context["may_confirm"]


def test_a_change_is_refused_and_taken_back_on_its_page(world, as_):
    first, second = role_for(world), grant_for(world)
    assert (
        as_("council").post(f"/administration/changes/{first.pk}/", {"act": "refuse", "reason": ""}).status_code == 422
    )
    as_("council").post(f"/administration/changes/{first.pk}/", {"act": "refuse", "reason": "Not now."})
    as_("admin").post(f"/administration/changes/{second.pk}/", {"act": "take_back", "reason": "A slip."})
    assert sorted(PolicyChange.objects.values_list("state", flat=True)) == ["refused", "taken_back"]


def test_a_role_and_a_grant_are_asked_for_and_taken_on_the_persons_page(world, as_):
    admin, user = as_("admin"), User.objects.get(username="nobody")
    page = f"/administration/people/{user.pk}/"
    day = (timezone.now() + timedelta(days=30)).date()
    assert admin.post(f"{page}role/", {"role": "steward"}).status_code == 422
    assert admin.post(f"{page}role/", {"role": "pipeline", "reason": "x"}).status_code == 422
    assert admin.post(f"{page}role/", {"role": "steward", "reason": "x", "expires_at": "2020-01-01"}).status_code == 409
    asked = admin.post(f"{page}role/", {"role": "steward", "reason": "New.", "expires_at": day})
    assert asked.headers["location"].startswith("/administration/changes/")
    confirm(world, PolicyChange.objects.get())
    slug = world.dataset.slug
    given = admin.post(f"{page}grant/", {"dataset": slug, "grant": "contribute_dataset", "reason": "New."})
    assert given.headers["location"] == page
    shown = admin.get(page).content.decode()
    assert "confirmed by Council Test" in shown
    assert slug in shown
    assert admin.post(f"{page}take/role-steward/", {"reason": "Left."}).status_code == 302
    assert admin.post(f"{page}take/role-steward/", {"reason": "Left."}).status_code == 409
    assert world.person("nobody").roles == frozenset()


def test_an_account_is_opened_gets_its_password_by_a_link_once_and_is_closed(world, as_):
    admin, told = as_("admin"), {"username": "rosa.lopez", "first_name": "Rosa", "last_name": "López", "reason": "New."}
    for wrong in ("Rosa", "svc-x", "pipeline", "console", "admin", "a b", ""):
        assert admin.post("/administration/people/new/", told | {"username": wrong}).status_code == 422, wrong
    page = admin.post("/administration/people/new/", told).headers["location"]
    user = User.objects.get(username="rosa.lopez")
    assert (user.has_usable_password(), world.person("rosa.lopez").roles) == (False, frozenset())
    shown = admin.post(f"{page}link/").content.decode()
    path = re.search(r"http://testserver(/set-password/[^<\s]+)", shown).group(1)
    assert path.split("/")[3] not in str([e.references for e in ledger.entries()])
    someone = Client()
    where = someone.get(path).headers["location"]
    assert someone.post(where, {"new_password1": "short", "new_password2": "short"}).status_code == 200
    new = {"new_password1": "sunflower-on-the-plains", "new_password2": "sunflower-on-the-plains"}
    assert someone.post(where, new).headers["location"] == "/login/"
    entry = ledger.entries().order_by("-index").first()
    assert (entry.event, entry.actor, entry.subject) == ("account.password_set", "rosa.lopez", "user/rosa.lopez")
    assert Client().login(username="rosa.lopez", password=new["new_password1"])
    assert "This link opens nothing" in Client().get(path, follow=True).content.decode()
    assert admin.post(f"{page}link/", follow=True).content.decode().count("would let the admin act as them") == 1
    assert Client().get("/set-password/x/y/").status_code == 200
    assert admin.post(f"{page}close/", {"reason": "Left."}).status_code == 302
    assert not Client().login(username="rosa.lopez", password=new["new_password1"])
    assert admin.post("/administration/people/new/", told).status_code == 422


def opened(world, name="rosa.lopez"):
    names = {"username": name, "first_name": "Rosa", "last_name": "Lopez", "email": ""}
    return accounts.open_account(**names, reason="New.", by=world.person("admin"), at=timezone.now())


def test_without_its_ledger_entry_no_password_is_set(world, monkeypatch):
    user, size = opened(world), ledger.size()

    def failing(**_words):
        raise ledger.LedgerError("The disk is full.")

    monkeypatch.setattr(ledger, "append", failing)
    with pytest.raises(ledger.LedgerError), transaction.atomic():
        accounts.set_first_password(user_pk=user.pk, password="sunflower-on-the-plains", at=timezone.now())
    user.refresh_from_db()
    assert (user.has_usable_password(), ledger.size()) == (False, size)


def test_a_link_that_came_too_late_sets_nothing(world):
    """Two people opened it, or the account was closed while the page lay open."""
    words = {"password": "sunflower-on-the-plains", "at": timezone.now()}
    twice, closed = opened(world), opened(world, "jan.kerr")
    accounts.set_first_password(user_pk=twice.pk, **words)
    with pytest.raises(Refused, match="is set already"):
        accounts.set_first_password(user_pk=twice.pk, **words | {"password": "another-long-password"})
    accounts.close_account(user_pk=closed.pk, reason="Left.", by=world.person("admin"), at=timezone.now())
    with pytest.raises(Refused, match="is closed"):
        accounts.set_first_password(user_pk=closed.pk, **words)
    twice.refresh_from_db()
    assert twice.check_password(words["password"])


@pytest.mark.parametrize("name", ["admin", "council", "nobody", "superuser"])
def test_no_link_for_oneself_or_for_someone_with_a_password(world, as_, name):
    user = User.objects.get(username=name)
    answer = as_("admin").post(f"/administration/people/{user.pk}/link/", follow=True)
    assert "/set-password/" not in answer.content.decode()


def test_what_waits_is_counted_for_those_who_may_confirm(world, as_):
    change = role_for(world)
    assert f"/administration/changes/{change.pk}/" in as_("council").get("/").content.decode()
    for name in ("admin", "steward", "auditor"):
        assert f"/administration/changes/{change.pk}/" not in as_(name).get("/").content.decode()


@pytest.mark.parametrize("path", [*LISTS, *FORMS])
def test_a_page_costs_the_same_for_one_and_for_many(world, as_, path, django_assert_num_queries):
    role_for(world)
    edit(world, tightness=24)
    admin = as_("admin")
    admin.get(path)
    with CaptureQueriesContext(connection) as one:
        admin.get(path)
    usual = len(one)
    for number, name in enumerate(("auditor2", "operator2", "reviewer2")):
        role_for(world, name, end=timezone.now() + timedelta(days=30 + number))
        grant_for(world, name)
    edit(world, tightness=25)
    admin.get(path)  # the labels are new policies, which are kept once
    with django_assert_num_queries(usual):
        admin.get(path)
