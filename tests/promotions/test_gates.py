"""How any gate is read: what was not gathered or crashed never passes; three kinds of failure are never mixed up."""

from __future__ import annotations

import importlib

import pytest

from promotions import gates
from promotions.gates import ClauseFinding, ClauseState, GateResult
from tests.promotions.gate_world import VALID


def test_seven_gates_and_fourteen_clauses():
    assert "".join(gates.MODULES) == gates.LETTERS == "ABCDEFG"
    assert len(gates.CLAUSES) == 14
    assert set(gates.MENDS) == set(gates.CLAUSES)
    assert {letter for letter, outcome in gates.OUTCOMES.items() if outcome == "quarantine"} == set("BCE")


def test_all_valid_evidence_passes_all():
    assert all(result.passed and result.state is ClauseState.PASS for result in gates.evaluate_all(VALID).values())


@pytest.mark.parametrize("letter", gates.LETTERS)
def test_evidence_that_was_not_gathered_is_missing_under_every_clause(letter):
    result = gates.evaluate(letter, None)
    assert {(f.clause, f.code, f.kind) for f in result.findings} == {
        (c, "not_evaluated", "missing") for c in gates.clauses_of(letter)
    }
    assert not result.passed
    assert not gates.evaluate_all({}, letter)[letter].passed


@pytest.mark.parametrize("letter", gates.LETTERS)
def test_a_crash_in_a_check_is_an_error_under_every_clause_and_never_a_pass(letter, monkeypatch):
    module = importlib.import_module(f"promotions.gates.{gates.MODULES[letter]}")
    monkeypatch.setattr(module, "evaluate", lambda evidence: {}["a"])
    result = gates.evaluate(letter, VALID[letter])
    assert {(f.clause, f.kind) for f in result.findings} == {(c, "error") for c in gates.clauses_of(letter)}
    assert result.state is ClauseState.ERROR
    assert not result.passed
    assert "KeyError" in result.findings[0].message


@pytest.mark.parametrize("letter", gates.LETTERS)
def test_a_crash_halfway_keeps_no_half_answer(letter, monkeypatch):
    def half(evidence):
        yield from ()
        raise ZeroDivisionError

    monkeypatch.setattr(importlib.import_module(f"promotions.gates.{gates.MODULES[letter]}"), "evaluate", half)
    assert {f.code for f in gates.evaluate(letter, VALID[letter]).findings} == {"check_crashed"}


@pytest.mark.parametrize("letter", gates.LETTERS)
@pytest.mark.parametrize("nonsense", [object(), 7, "evidence", {}, []])
def test_evidence_of_the_wrong_kind_never_passes(letter, nonsense):
    assert not gates.evaluate(letter, nonsense).passed


def finding(clause: str, kind: str) -> ClauseFinding:
    return ClauseFinding(clause, "x", "x", "x", "x", kind)


@pytest.mark.parametrize(
    ("letter", "kinds", "state"),
    [
        ("A", ["error"], ClauseState.ERROR),
        ("A", ["violated"], ClauseState.BLOCK),
        ("A", ["missing"], ClauseState.BLOCK),
        ("A", ["error", "violated"], ClauseState.BLOCK),
        ("E", ["violated"], ClauseState.QUARANTINE),
        ("E", ["error"], ClauseState.ERROR),
        ("E", [], ClauseState.PASS),
    ],
)
def test_could_not_check_is_not_violated_and_not_fine(letter, kinds, state):
    clause = f"{letter}1"
    result = GateResult(letter, tuple(finding(clause, kind) for kind in kinds))
    assert result.clause_state(clause) is result.state is state


def test_each_clause_has_its_own_state():
    result = GateResult("A", (finding("A1", "error"), finding("A2", "violated")))
    assert (result.clause_state("A1"), result.clause_state("A2")) == (ClauseState.ERROR, ClauseState.BLOCK)
    assert result.state is ClauseState.BLOCK


def test_a_stored_answer_reads_back_the_same():
    result = gates.evaluate("E", None)
    assert GateResult.from_json(result.as_json()) == result
