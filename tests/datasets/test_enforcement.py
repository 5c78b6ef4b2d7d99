"""Design §6: what a list shows is what single decisions allow, cell by cell; hidden is absent; no one is special."""

from __future__ import annotations

import json
from itertools import product

import pytest
from django.db.models import Exists, OuterRef
from django.utils import timezone

from audit.canonical import canonical_bytes
from datasets import decisions, enforcement, questions
from datasets.enforcement import enforce, find_version, may, predicate, visible_versions
from datasets.models import Dataset, DatasetSpec, DatasetVersion, Embargo, PolicyDecision, PolicyLabel
from datasets.people import GRANTS, PUBLIC, Person
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.requests import READING_ACTIONS, STANDINGS, Action
from datasets.policy.roles import Role
from datasets.viewing import Eyes, Viewed, viewed
from promotions.models import Dossier, Release, Standing
from tests.world import World

pytestmark = pytest.mark.django_db
LABELS = [*BUILT_IN_LABELS, "partners", None]
READER = "reader"
AT = timezone.now()


@pytest.fixture
def matrix():
    """A version of every label (and none), standing, proposer and embargo, granted or not; rows only, past the writers.

    A dataset has one published version, so each label, proposer and embargo has datasets of its own.
    """
    world = World.build()
    like = world.acquire()
    now = timezone.now()
    PolicyLabel.objects.create(
        name="partners", title="Partners", meaning="A label of ours.", readers=["contributor", "steward"],
        qa_readers=["operator"], sign_off_roles=["steward", "reviewer"], tightness=35, opened_by_grant=True,
    )  # fmt: skip
    bare = _bare_spec(like.spec)
    owners = list(product(("mine", "other"), LABELS, (READER, "someone"), ("", "embargoed", "bare")))
    datasets = Dataset.objects.bulk_create(
        Dataset(slug=f"{whose}_{n}", title="Matrix", registered_by="x", registered_at=now)
        for n, (whose, *_) in enumerate(owners)
    )
    Embargo.objects.bulk_create(
        Embargo(dataset=dataset, until="2026-01-01", reason="A test.", set_by="x", set_at=now)
        for dataset, (*_, kind) in zip(datasets, owners, strict=True)
        if kind == "embargoed"
    )
    rows = DatasetVersion.objects.bulk_create(
        DatasetVersion(
            dataset=dataset,
            version_id=f"2026.{n:08x}",
            slice="2026",
            spec=bare if kind == "bare" else like.spec,
            acquisition=like,
            inputs_digest="sha256:" + "0" * 64,
            policy_label_id=label,
            created_by=proposer,
            created_at=now,
        )
        for dataset, (_, label, proposer, kind) in zip(datasets, owners, strict=True)
        for n in range(len(STANDINGS))
    )
    Standing.objects.bulk_create(
        Standing(version=row, dataset=row.dataset, state=STANDINGS[n % len(STANDINGS)], since=now)
        for n, row in enumerate(rows)
    )
    published = [row for n, row in enumerate(rows) if STANDINGS[n % len(STANDINGS)] == "PUBLISHED"]
    digest = "sha256:" + "0" * 64
    dossiers = Dossier.objects.bulk_create(
        Dossier(version=row, digest=digest, canonical="{}", gathered_at=now) for row in published
    )
    Release.objects.bulk_create(
        Release(
            version=row, round=1, verb="publish", manifest="{}", manifest_digest=digest, dossier=dossier,
            released_by="x", released_at=now,
        )
        for row, dossier in zip(published, dossiers, strict=True)
    )  # fmt: skip
    return world


def _bare_spec(like):
    """The spec, letting only metadata out."""
    document = {**json.loads(like.canonical), "sensitivity": {"obligations": [{"type": "metadata_only"}]}}
    return DatasetSpec.objects.create(
        dataset=like.dataset,
        spec_hash="sha256:" + "1" * 64,
        canonical=canonical_bytes(document).decode(),
        recorded_by="x",
        recorded_at=timezone.now(),
    )


def people(world):
    """Every role; the public; no role; and each grant, and some together, on half of the datasets."""
    everyone = [PUBLIC, Person(READER, "No role")]
    everyone += [Person(READER, role.value, frozenset({role})) for role in Role if role is not Role.PUBLIC]
    mine = list(Dataset.objects.filter(slug__startswith="mine_").values_list("pk", flat=True))
    each = [{grant} for grant in sorted(GRANTS)]
    for grants in (*each, {"operate_dataset", "read_restricted"}):
        everyone.append(Person(READER, "+".join(sorted(grants)), frozenset(), dict.fromkeys(mine, frozenset(grants))))
    everyone.append(
        Person(READER, "auditor+read", frozenset({Role.AUDITOR}), dict.fromkeys(mine, frozenset({"read_restricted"})))
    )
    steward = Person("steward", "Steward", frozenset({Role.STEWARD}))
    return [*everyone, *(viewed(steward, eyes, mine[0]) for eyes in Eyes)]


def allowed(person, action, row, answers):
    """The single decision about one version as ``enforce`` asks it; the same question is asked of the engine once."""
    facts = enforcement._facts(row, person, enforcement.declared_obligations(row))
    roles = person.roles_on(row.dataset_id)
    key = (roles, action, facts.policy_label, facts.standing, facts.is_proposer, facts.embargo_until, facts.grants,
           bool(facts.obligations), person.name if isinstance(person, Viewed) else "")  # fmt: skip
    if key not in answers:
        answers[key] = may(person, row, action, AT, obligations=enforcement.declared_obligations(row))
    return answers[key]


@pytest.mark.parametrize("action", [Action(name) for name in READING_ACTIONS])
def test_c1_a_list_shows_exactly_what_single_decisions_allow(matrix, action):
    """The whole matrix: role × label × standing × grant × proposer × embargo × metadata only, for every action."""
    named = DatasetVersion.objects.select_related("standing", "dataset", "spec")
    until = Embargo.objects.filter(dataset=OuterRef("dataset"), lifted_at__isnull=True).values("until")[:1]
    rows = list(named.annotate(has_release=Exists(Release.objects.filter(version=OuterRef("pk"))), embargo_until=until))
    assert len(rows) >= 2 * 9 * 9 * 2 * 3
    answers = {}
    with questions.asking():  # labels are read once
        for person in people(matrix):
            shown = list(visible_versions(person, action).values_list("pk", flat=True))
            single = [row.pk for row in rows if allowed(person, action, row, answers)]
            assert sorted(shown) == sorted(single), (person.name, action)
    assert len(set(answers.values())) == 2


def test_c1_the_predicate_follows_the_policies(matrix, monkeypatch):
    """Nothing is written by hand in it: other policies, another list."""
    from datasets.policy import bundle, predicate

    def nothing(document):
        return {"decision": "deny", "reason_codes": ["no_rule_allows"], "rule_id": "kfm.test"}

    nothing.sources = bundle.policy_sources()
    assert visible_versions(matrix.person("steward"), Action.READ).exists()
    monkeypatch.setattr(bundle, "evaluator", lambda: nothing)
    for cached in (predicate.cell_answer, predicate._reach):
        cached.cache_clear()
    assert not visible_versions(matrix.person("steward"), Action.READ).exists()
    monkeypatch.undo()
    for cached in (predicate.cell_answer, predicate._reach):
        cached.cache_clear()


def test_c1_a_failing_engine_hides_and_is_not_remembered(matrix, monkeypatch):
    from datasets.policy import bundle, predicate

    def broken(document):
        raise OSError("no engine")

    broken.sources = bundle.policy_sources()
    for cached in (predicate.cell_answer, predicate._reach):
        cached.cache_clear()
    monkeypatch.setattr(bundle, "evaluator", lambda: broken)
    assert not visible_versions(PUBLIC).exists()
    monkeypatch.undo()
    assert visible_versions(PUBLIC).exists()


def test_c1_an_unlabelled_version_reads_as_quarantine(matrix):
    for person in people(matrix):
        shown = visible_versions(person, Action.READ)
        seen = {
            label: set(shown.filter(policy_label=label).values_list("dataset__slug", "standing__state"))
            for label in (None, "quarantine")
        }
        states = {label: {(s[:5], state) for s, state in found} for label, found in seen.items()}
        assert states[None] == states["quarantine"], person.name
        assert not (person.is_public and seen[None])


def test_hidden_and_absent_are_the_same_answer(matrix, django_assert_num_queries):
    hidden = DatasetVersion.objects.filter(policy_label="restricted").select_related("dataset").first()
    find_version(PUBLIC, "no_such_dataset", "2026.00000000")  # the first decision keeps its policies too
    before = PolicyDecision.objects.count()
    with django_assert_num_queries(4):  # labels, version, policies kept, decision
        first = find_version(PUBLIC, hidden.dataset.slug, hidden.version_id)
    with django_assert_num_queries(4):
        second = find_version(PUBLIC, "no_such_dataset", "2026.00000000")
    assert first is second is None
    assert PolicyDecision.objects.count() == before + 2


def test_a_superuser_sees_what_the_public_sees(matrix):
    boss = matrix.person("superuser")
    shown = visible_versions(boss).exclude(created_by=READER)
    assert set(shown) == set(visible_versions(PUBLIC).exclude(created_by=READER))


def test_many_grants_cost_two_queries(matrix, django_assert_num_queries):
    granted = Person(READER, "Reader", frozenset(), {pk: frozenset({"read_restricted"}) for pk in range(1, 500)})
    predicate(granted, Action.READ)
    with django_assert_num_queries(2):
        predicate(granted, Action.READ)
    visible_versions(granted, Action.READ).count()


def test_c1_enforcing_keeps_the_answer(matrix):
    row = (
        DatasetVersion.objects.filter(policy_label="restricted", standing__state="RAW")
        .select_related("dataset")
        .first()
    )
    kept = enforce(PUBLIC, row, Action.READ, at=timezone.now())
    assert (kept.decision, kept.version_id, kept.principal) == ("deny", row.pk, "public")
    assert decisions.ask_again(kept) == decisions.document_of(kept)
