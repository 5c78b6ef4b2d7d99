"""The commands: the shell begins with people and then only asks; other policies are compared before they ship."""

from __future__ import annotations

import importlib
import json
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from guardian.shortcuts import assign_perm

from datasets.models import DatasetGrant, PolicyChange
from datasets.persons import person_for
from datasets.policy.bundle import policy_sources
from datasets.policy.roles import Role
from promotions.states import State

pytestmark = pytest.mark.django_db


def assign(*words: str) -> str:
    out = StringIO()
    call_command("assign_role", *words, "--reason", "A test.", stdout=out)
    return out.getvalue()


def roles(name: str) -> set[Role]:
    return set(person_for(User.objects.get(username=name)).roles)


def test_the_shell_appoints_until_two_could_confirm_and_then_only_asks():
    for name in ("ada", "ben", "cal"):
        User.objects.create_user(name)
    assign("ada", "admin")
    with pytest.raises(CommandError):
        assign("ben", "steward")
    assert "appoint a second soon" in assign("ben", "council", "--by", "ada")
    assert "Asked, as change" in assign("cal", "steward", "--by", "ada")
    assert (roles("ben"), roles("cal")) == ({Role.COUNCIL}, set())
    assign("cal", "contributor", "--by", "ada")
    assert roles("cal") == {Role.CONTRIBUTOR}
    assign("ben", "council", "--by", "ada", "--revoke")
    assert roles("ben") == set()
    with pytest.raises(CommandError, match="own roles"):
        assign("ada", "steward", "--by", "ada")
    with pytest.raises(CommandError, match="admin already"):
        assign("cal", "admin")
    assert PolicyChange.objects.filter(state="pending").count() == 1


def compare(directory, *words: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("diff_policies", str(directory), *words, stdout=out, stderr=out)
    return ended.value.code, out.getvalue()


@pytest.fixture
def policies(tmp_path):
    """``policies(("reading.rego", old, new))``: a directory with the shipped policies, but for that."""

    def write(*changes: tuple[str, str, str]):
        for name, text in policy_sources().items():
            for changed, old, new in changes:
                assert changed != name or old in text
                text = text.replace(old, new) if changed == name else text  # noqa: PLW2901 - a text made anew
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_same_policies_change_nothing(policies):
    assert compare(policies()) == (0, "No decision changes.\n")


def test_other_policies_say_what_closes_and_for_which_versions(world, policies):
    version = world.version_in(State.RAW)
    version.policy_label_id = "public"
    version.save()
    other = policies(("reading.rego", 'workflow_roles := {"operator", ', "workflow_roles := {"))
    code, said = compare(other)
    assert (code, "closes: read of public in RAW, for operator (1 versions)" in said) == (1, True)
    assert f"{version.dataset.slug}@{version.version_id}" in said
    code, said = compare(other, "--json")
    document = json.loads(said)
    assert (code, document["versions"]) == (1, [f"{version.dataset.slug}@{version.version_id}"])
    assert {change["direction"] for change in document["changes"]} <= {"closes", "reasons"}


@pytest.mark.parametrize("text", ["package kfm.policy\n\nallow if {", "", "\x00"])
def test_what_can_not_be_compared_says_so(tmp_path, text):
    (tmp_path / "broken.rego").write_text(text, encoding="utf-8")
    code, said = compare(tmp_path)
    assert (code, "Nothing was compared." in said) == (2, True)


def test_an_absent_directory_says_so(tmp_path):
    assert compare(tmp_path / "none")[0] == 2


def test_grants_from_before_get_their_row(world):
    """Migration 0009: a permission that was given when grants had no row counts again, with a row that says so."""
    user = User.objects.get(username="nobody")
    assign_perm("datasets.steward_dataset", user, world.dataset)
    assign_perm("datasets.change_dataset", user, world.dataset)
    keep = importlib.import_module("datasets.migrations.0009_grants_have_their_row").keep
    for _ in range(2):
        keep(apps, None)
    row = DatasetGrant.objects.get()
    assert (row.grant, row.given_by, row.history.exists()) == ("steward_dataset", "console", True)
    assert row.given_at <= timezone.now()
    assert world.person("nobody").roles_on(world.dataset.pk) == {Role.STEWARD}
