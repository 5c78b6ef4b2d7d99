"""The ledger: one door, one order, no values, proofs for all (clause F2)."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from audit import keys, ledger, merkle, notes
from audit.events import Event
from audit.models import Checkpoint, LedgerEntry, LedgerNode
from tests.audit.conftest import NOW, VERSION, write


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 13, 33])
def test_f2_roots_and_proofs_from_stored_subtrees_equal_the_tree_over_all_leaves(count):
    leaves = [bytes.fromhex(entry.leaf_hash) for entry in write(count)]
    assert ledger.size() == count
    for size in range(count + 1):
        assert ledger.root(size) == merkle.root(leaves[:size])
    for old in range(1, count + 1):
        proof = ledger.consistency_proof(old, count)
        assert list(proof) == merkle.consistency_proof(leaves, old)
        assert merkle.verify_consistency(old, count, proof, ledger.root(old), ledger.root(count))


@pytest.mark.django_db
def test_f2_every_entry_has_an_inclusion_proof_under_a_signed_checkpoint():
    write(11)
    ledger.checkpoint(NOW)
    write(3)
    for index in range(11):
        proof = ledger.inclusion_proof(index)
        assert proof.holds()
        head = notes.open_checkpoint(proof.checkpoint, keys.verifier_key())
        assert (head.size, head.root) == (11, proof.root)
    with pytest.raises(ledger.NotInLedger, match="covers entry 11"):
        ledger.inclusion_proof(11)
    with pytest.raises(ledger.NotInLedger, match="no entry 14"):
        ledger.inclusion_proof(14)
    ledger.checkpoint(NOW)
    assert ledger.inclusion_proof(11).size == 14
    assert ledger.inclusion_proof(3, 11).holds()
    with pytest.raises(ledger.NotInLedger):
        ledger.inclusion_proof(3, 12)


@pytest.mark.django_db
def test_a_checkpoint_is_signed_only_when_the_ledger_grew():
    write(2)
    first = ledger.checkpoint(NOW)
    assert ledger.checkpoint(NOW + dt.timedelta(minutes=1)) == first
    write(1)
    assert ledger.checkpoint(NOW).size == 3
    assert Checkpoint.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_append_outside_a_transaction_is_refused():
    with pytest.raises(ledger.LedgerError, match="inside the transaction"):
        write()
    assert ledger.size() == 0


@pytest.mark.django_db(transaction=True)
def test_an_entry_rolls_back_with_what_it_records():
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    assert (ledger.size(), LedgerNode.objects.count()) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spoiled",
    [
        {"references": {"reason": "The rights holder called and asked us to."}},
        {"references": {"reason": "x" * 201}},
        {"references": {"uri": "https://user:pass@example.test/x"}},
        {"references": {"path": "raw/ks/file"}},
        {"references": {"key": "ghp_0123456789abcdefABCDEF0123456789"}},
        {"references": {"key": "AKIAIOSFODNN7EXAMPLE"}},
        {"references": {"Bad Name": "ok"}},
        {"references": {"number": 3}},
        {"references": {"empty": ""}},
        {"actor": ""},
        {"actor": "two\nlines"},
        {"role": "Steward of all"},
        {"subject": "a sentence about something"},
        {"subject": "https://example.test/"},
        {"subject": "kind/../id"},
        {"at": dt.datetime(2026, 1, 1)},  # noqa: DTZ001 - the point
    ],
)
def test_words_that_the_ledger_does_not_hold_are_refused(spoiled):
    with pytest.raises(ledger.LedgerError):
        write(**spoiled)


@pytest.mark.django_db
def test_an_unknown_event_is_refused():
    with pytest.raises(ledger.LedgerError, match="made up"):
        write(event="made up")


@pytest.mark.django_db
def test_an_append_reads_a_bounded_number_of_rows(django_assert_max_num_queries):
    write(63)
    with django_assert_max_num_queries(5):  # one of them is PostgreSQL's lock
        write()


@pytest.mark.django_db(transaction=True)
def test_a_refused_action_is_recorded_in_a_transaction_of_its_own():
    entry = ledger.refuse(
        actor="Bo", role="operator", verb="publish", subject=VERSION, code="separation_of_duties", at=NOW
    )
    assert entry.kind is Event.ACTION_REFUSED
    with transaction.atomic(), pytest.raises(RuntimeError):
        ledger.refuse(actor="Bo", role="operator", verb="publish", subject=VERSION, code="x", at=NOW)
    assert ledger.size() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("model", [LedgerEntry, LedgerNode, Checkpoint])
@pytest.mark.parametrize("verb", ["update", "delete", "replace", "truncate"])
def test_the_database_refuses_to_change_history(model, verb):
    write(2)
    ledger.checkpoint(NOW)
    table = model._meta.db_table
    column = connection.ops.quote_name(model._meta.fields[-1].column)
    statements = {
        "update": f"UPDATE {table} SET {column} = {column}",
        "delete": f"DELETE FROM {table}",
        "replace": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "truncate": f"TRUNCATE {table} CASCADE",
    }
    wrong = {"replace": "postgresql", "truncate": "sqlite"}
    if wrong.get(verb) == connection.vendor:
        pytest.skip(f"{connection.vendor} has no {verb}")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements[verb])
    assert model.objects.exists()


def closing(work):
    try:
        return work()
    finally:
        connection.close()


def test_writers_at_the_same_time_get_unique_consecutive_indexes(transactional_db):
    def many():
        for _ in range(5):
            with transaction.atomic():
                write()

    with ThreadPoolExecutor(4) as pool:
        for written in [pool.submit(closing, many) for _ in range(4)]:
            written.result()
    rows = list(LedgerEntry.objects.order_by("index").values_list("index", "leaf_hash"))
    assert [index for index, _ in rows] == list(range(20))
    assert ledger.root(20) == merkle.root([bytes.fromhex(leaf) for _, leaf in rows])
