"""Design §6: what a list shows is what single decisions allow, cell by cell; hidden is absent; no one is special."""

from __future__ import annotations

from itertools import product

import pytest
from django.utils import timezone

from datasets import decisions
from datasets.enforcement import enforce, find_version, predicate, visible_versions
from datasets.models import Dataset, DatasetVersion, PolicyDecision
from datasets.people import PUBLIC, Person
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.requests import READING_ACTIONS, STANDINGS, Action
from datasets.policy.roles import Role
from promotions.models import Standing
from tests.world import World

pytestmark = pytest.mark.django_db
LABELS = [*BUILT_IN_LABELS, None]
READER = "reader"


@pytest.fixture
def matrix():
    """A version of every label (and none), standing and proposer, granted or not; rows only, made past the writers.

    A dataset has one published version, so each label and proposer has datasets of its own.
    """
    world = World.build()
    like = world.acquire()
    now = timezone.now()
    owners = list(product(("mine", "other"), LABELS, (READER, "someone")))
    datasets = Dataset.objects.bulk_create(
        Dataset(slug=f"{whose}_{n}", title="Matrix", registered_by="x", registered_at=now)
        for n, (whose, _, _) in enumerate(owners)
    )
    rows = DatasetVersion.objects.bulk_create(
        DatasetVersion(
            dataset=dataset,
            version_id=f"2026.{n:08x}",
            slice="2026",
            spec=like.spec,
            acquisition=like,
            inputs_digest="sha256:" + "0" * 64,
            policy_label_id=label,
            created_by=proposer,
            created_at=now,
        )
        for dataset, (_, label, proposer) in zip(datasets, owners, strict=True)
        for n in range(len(STANDINGS))
    )
    Standing.objects.bulk_create(
        Standing(version=row, dataset=row.dataset, state=STANDINGS[n % len(STANDINGS)], since=now)
        for n, row in enumerate(rows)
    )
    return world


def people(world):
    """Every role; the public; no role; and grants of each kind on one dataset alone."""
    everyone = [PUBLIC, Person(READER, "No role")]
    everyone += [Person(READER, role.value, frozenset({role})) for role in Role if role is not Role.PUBLIC]
    mine = list(Dataset.objects.filter(slug__startswith="mine_").values_list("pk", flat=True))
    for grants in ({"read_restricted"}, {"steward_dataset"}, {"operate_dataset", "read_restricted"}):
        everyone.append(Person(READER, "+".join(sorted(grants)), frozenset(), dict.fromkeys(mine, frozenset(grants))))
    everyone.append(
        Person(READER, "auditor+read", frozenset({Role.AUDITOR}), dict.fromkeys(mine, frozenset({"read_restricted"})))
    )
    return everyone


def allowed(person, action, row, labels):
    """The single decision about one version, asked as ``enforce`` asks."""
    resource = decisions.resource_of(row, person=person, standing=row.standing.state, has_bytes=True, reading=True)
    request = decisions.request_for(person, action, resource, dataset_pk=row.dataset_id)
    when = "2026-01-01T00:00:00Z"
    return decisions.engine.decide(request, labels=labels, decision_id="x", evaluated_at=when).allowed


@pytest.mark.parametrize("action", [Action(name) for name in READING_ACTIONS])
def test_c1_a_list_shows_exactly_what_single_decisions_allow(matrix, action):
    rows = list(DatasetVersion.objects.select_related("standing", "dataset").order_by("pk"))
    labels = decisions.label_facts()
    # every person with every cell would be 4,000 decisions an action: each person meets every third action, and each
    # time another eleventh of the cells
    for turn, person in enumerate(people(matrix)):
        if (turn + list(Action).index(action)) % 3:
            continue
        sample = [row for n, row in enumerate(rows) if (n + turn) % 11 == 0]
        shown = set(visible_versions(person, action).values_list("pk", flat=True))
        single = {row.pk for row in sample if allowed(person, action, row, labels)}
        assert shown & {row.pk for row in sample} == single, (person.name, action)


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
    with django_assert_num_queries(3):
        first = find_version(PUBLIC, hidden.dataset.slug, hidden.version_id)
    with django_assert_num_queries(3):
        second = find_version(PUBLIC, "no_such_dataset", "2026.00000000")
    assert first is second is None
    before = PolicyDecision.objects.count()
    assert not visible_versions(PUBLIC).filter(pk=hidden.pk).exists()
    assert PolicyDecision.objects.count() == before


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
