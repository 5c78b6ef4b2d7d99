"""The whole transition × role matrix: every verb, from every state, by every role (design §2).

The table below is written out by hand from the design; it shares nothing with ``states.RULES`` or ``roles.MAY``.
"""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.people import PIPELINE, PUBLIC, Person
from datasets.policy.roles import Role
from promotions import dossier, gates, releases, roles, states, transitions
from promotions.models import QuarantineCase, Standing, Transition
from promotions.states import ReasonCode, State, Verb
from tests.promotions import LEDGER, changed, put_standing, rows
from tests.world import World

MATRIX = {
    "normalize": ({"RAW"}, "WORK", {"operator", "pipeline"}),
    "process": ({"WORK"}, "PROCESSED", {"operator", "pipeline"}),
    "catalog": ({"PROCESSED"}, "CATALOG", {"operator", "pipeline"}),
    "publish": ({"CATALOG"}, "PUBLISHED", {"operator"}),
    "quarantine": ({"RAW", "WORK", "PROCESSED", "CATALOG"}, "QUARANTINE", {"reviewer", "pipeline"}),
    "release": ({"QUARANTINE"}, "WORK", {"reviewer"}),
    "deny": ({"QUARANTINE"}, "DENIED", {"steward"}),
    "withdraw": ({"PUBLISHED"}, "WITHDRAWN", {"steward"}),
    "restore": ({"SUPERSEDED", "WITHDRAWN"}, "PUBLISHED", {"operator"}),
}
GATES = {
    "normalize": "A",
    "process": "ABCE",
    "catalog": "ABCDE",
    "publish": "ABCDEFG",
    "restore": "ABCDEFG",
    "release": "E",
}
ACTORS = (
    "contributor",
    "operator",
    "reviewer",
    "steward",
    "council",
    "auditor",
    "admin",
    "pipeline",
    "nobody",
    "superuser",
    "public",
)
AT = timezone.now()


def actors(world: World) -> dict[str, Person]:
    return {name: {"pipeline": PIPELINE, "public": PUBLIC}.get(name) or world.person(name) for name in ACTORS}


def attempt(verb: str, pk: int, by: Person) -> Transition:
    common = {"version_pk": pk, "by": by, "at": AT}
    if verb in {"normalize", "process", "catalog"}:
        return transitions.advance(verb=Verb(verb), **common)
    more = {
        "publish": {"seen": "sha256:" + "1" * 64},
        "restore": {"seen": "sha256:" + "1" * 64, "reason": "Good again."},
        "withdraw": {"reason": "Bad.", "incident": "INC-1"},
        "quarantine": {"reason": "Odd.", "reason_code": ReasonCode.VALIDATION_FAILED, "findings": []},
        "release": {"reason": "Mended."},
        "deny": {"reason": "Never."},
    }
    return getattr(transitions, verb)(**common, **more[verb])


def test_the_table_is_the_designs():
    for verb, (sources, target, who) in MATRIX.items():
        rule = states.RULES[Verb(verb)]
        assert ({str(s) for s in rule.sources}, str(rule.target), set(roles.MAY[Verb(verb)])) == (sources, target, who)
        assert rule.gates == ("" if verb == "release" else GATES.get(verb, ""))  # a release's gate is its case's
        assert rule.quorum == (verb in {"publish", "restore"})
        assert rule.reason == (verb in {"quarantine", "release", "deny", "withdraw", "restore"})
    assert roles.MAY[Verb.SUPERSEDE] == frozenset()
    assert set(Verb) == {Verb(v) for v in MATRIX} | {Verb.INGEST, Verb.SUPERSEDE}
    assert set(transitions.CALLABLES) <= set(Verb)


def test_there_is_no_force_skip_or_override():
    for verb in transitions.CALLABLES.values():
        names = set(verb.__code__.co_varnames[: verb.__code__.co_kwonlyargcount])
        assert not names & {"force", "skip", "override", "bypass", "confirm"}


@pytest.fixture
def gathered(world, version, monkeypatch):
    """The dossier looked at once: what the gates find is for the other files; here it is who, and from where."""
    found = dossier.gather(world.standing(version))
    asked: list[str] = []

    def gather(standing, *, letters=gates.LETTERS, fresh=True):
        asked.append(letters)
        return found

    monkeypatch.setattr(dossier, "gather", gather)
    monkeypatch.setattr(gates, "evaluate_all", lambda evidence, letters: {g: gates.GateResult(g, ()) for g in letters})
    monkeypatch.setattr(dossier, "keep_evaluation", lambda gathered, results, **_: gathered)
    monkeypatch.setattr(releases, "check_quorum", lambda *_: None)
    return found, asked


@pytest.mark.parametrize("verb", MATRIX)
def test_refused_from_every_other_state_and_to_every_other_role(world, version, gathered, verb):
    people, before = actors(world), rows()
    sources, _, who = MATRIX[verb]
    cells = [(state, name) for state in State for name in ACTORS if not (state in sources and name in who)]
    for state in State:
        put_standing(version, state)
        size = ledger.size()
        for name in [n for s, n in cells if s == state]:
            with pytest.raises(Refused) as caught:
                attempt(verb, version.pk, people[name])
            assert caught.value.code == ("wrong_state" if name in who else "role_missing"), (state, name)
            entry = ledger.entries()[0]
            assert ledger.size() == (size := size + 1), (state, name)
            assert (entry.event, entry.actor) == (Event.ACTION_REFUSED, people[name].principal)
            assert entry.references == {"verb": verb, "code": caught.value.code}
            assert entry.subject == version.reference
        assert Standing.objects.get(version=version).state == state
    assert changed(before) == {*LEDGER, "promotions.Standing"}  # which the test itself puts


@pytest.mark.parametrize(("verb", "source"), [(v, s) for v, (sources, *_) in MATRIX.items() for s in sorted(sources)])
def test_allowed_from_the_designs_states_to_the_designs_roles(world, version, gathered, monkeypatch, verb, source):
    monkeypatch.setattr(releases, "write_release", lambda **_: type("R", (), {"manifest_digest": "sha256:" + "2" * 64}))
    _, asked = gathered
    monkeypatch.setattr(transitions, "_digest", lambda _: "sha256:" + "1" * 64)
    people = actors(world)
    for name in sorted(MATRIX[verb][2]):
        put_standing(version, source)
        QuarantineCase.objects.all().delete()
        if source == "QUARANTINE":
            open_case(version)
        asked.clear()
        moved = attempt(verb, version.pk, people[name])
        assert (moved.from_state, moved.to_state, moved.actor) == (source, MATRIX[verb][1], people[name].principal)
        assert Standing.objects.get(version=version).state == moved.to_state
        assert ledger.entry(moved.ledger_index).subject == version.reference
        assert asked == ([GATES[verb]] if verb in GATES else [])


def open_case(version, **changes) -> QuarantineCase:
    facts = {
        "version": version,
        "reason_code": "VALIDATION_FAILED",
        "gate": "E",
        "from_state": "WORK",
        "reason": "Odd.",
        "due": AT.date(),
        "runbook": "RB-DATA-020",
        "opened_by": "reviewer",
        "opened_at": AT,
    }
    return QuarantineCase.objects.create(**{**facts, **changes})


@pytest.mark.parametrize("verb", ["quarantine", "release", "deny", "withdraw", "restore"])
def test_a_blank_reason_moves_nothing(world, version, verb):
    put_standing(version, min(MATRIX[verb][0]))
    by = actors(world)[min(MATRIX[verb][2] - {"pipeline"})]
    more = {
        "quarantine": {"reason_code": ReasonCode.VALIDATION_FAILED, "findings": []},
        "withdraw": {"incident": "INC-1"},
        "restore": {"seen": ""},
    }.get(verb, {})
    with pytest.raises(Refused) as caught:
        getattr(transitions, verb)(version_pk=version.pk, by=by, reason="  \n", at=AT, **more)
    assert caught.value.code == "reason_missing"
    assert ledger.entries()[0].references == {"verb": verb, "code": "reason_missing"}


@pytest.mark.parametrize("spoil", [{"plan_by": "reviewer"}, {}])
def test_the_author_of_the_fix_does_not_release_it(world, version, gathered, spoil):
    put_standing(version, "QUARANTINE")
    open_case(version, **spoil)
    if not spoil:  # who brought the version in is an author too
        type(version).objects.filter(pk=version.pk).update(created_by="reviewer")
    with pytest.raises(Refused) as caught:
        transitions.release(version_pk=version.pk, by=world.person("reviewer"), reason="Mended.", at=AT)
    assert caught.value.code == "author_releases"
    assert (
        transitions.release(version_pk=version.pk, by=world.person("reviewer2"), reason="Mended.", at=AT).to_state
        == "WORK"
    )


@pytest.mark.parametrize("verb", MATRIX)
def test_a_version_that_is_not_there_is_refused_and_recorded(world, verb):
    with pytest.raises(Refused) as caught:
        attempt(verb, 987_654, world.person("operator"))
    assert caught.value.code == "no_such_version"
    assert ledger.entries()[0].subject == "version/987654"


@pytest.mark.parametrize("verb", [v for v in Verb if v not in {Verb.NORMALIZE, Verb.PROCESS, Verb.CATALOG}])
def test_advance_takes_only_the_pipelines_steps(world, version, verb):
    with pytest.raises(Refused) as caught:
        transitions.advance(version_pk=version.pk, verb=verb, by=world.person("operator"), at=AT)
    assert caught.value.code == "not_a_step"


@pytest.mark.parametrize("name", ACTORS)
def test_only_those_who_ingest_give_a_first_standing(world, version, name):
    person = actors(world)[name]
    acquisition = world.acquire(slice_="2025")
    from datasets.steps.ingest import make_version

    fresh = make_version(acquisition)
    if name in {"contributor", "operator", "pipeline"}:
        assert transitions.begin(acquisition=acquisition, version=fresh, by=person, at=AT).to_state == "RAW"
    else:
        with pytest.raises(Refused):
            transitions.begin(acquisition=acquisition, version=fresh, by=person, at=AT)
        assert not Standing.objects.filter(version=fresh).exists()


def test_a_first_standing_needs_the_acquisition_it_was_made_from(world, version):
    with pytest.raises(Refused) as caught:
        transitions.begin(acquisition=world.acquire(slice_="2025"), version=version, by=PIPELINE, at=AT)
    assert caught.value.code == "other_acquisition"


def test_a_grant_on_another_dataset_moves_nothing(world, version, gathered):
    elsewhere = Person("olga", "Olga", frozenset(), {version.dataset_id + 1: frozenset({"operate_dataset"})})
    here = Person("olga", "Olga", frozenset(), {version.dataset_id: frozenset({"operate_dataset"})})
    put_standing(version, "RAW")
    with pytest.raises(Refused):
        attempt("normalize", version.pk, elsewhere)
    assert attempt("normalize", version.pk, here).role == Role.OPERATOR
