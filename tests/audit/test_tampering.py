"""verify_ledger finds every kind of tampering, by the first entry that can't be relied on (clause F2)."""

from __future__ import annotations

import hashlib

import pytest
from django.core.management import call_command
from django.db import connection

from audit import keys, ledger, notes
from audit.verify import verify
from tests.audit.conftest import NOW, write
from tests.ledger_triggers import without_append_only

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept():
    """A ledger of 13 entries, signed at 5 and 9; the text of the checkpoint at 9."""
    write(5)
    ledger.checkpoint(NOW)
    write(4)
    note = ledger.checkpoint(NOW).note
    write(4)
    return note


def spoil(*statements, parameters=()):
    with without_append_only(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters or None)


def test_an_untouched_ledger_holds(kept):
    report = verify(kept)
    assert (report.holds, report.size, report.checkpoints, report.first_bad_index) == (True, 13, 3, None)
    assert report.root == ledger.root(13).hex()
    assert report.unprotected == ()


def test_an_empty_ledger_holds():
    assert verify().holds
    ledger.checkpoint(NOW)
    assert verify().checkpoints == 1


@pytest.mark.parametrize("index", [0, 4, 7, 12])
@pytest.mark.parametrize(
    "change",
    [
        "actor = 'Mallory'",
        "role = 'admin'",
        "event = 'version.denied'",
        "subject = 'kfm://dataset/other'",
        "at = '2020-01-01 00:00:00+00:00'",
        "\"references\" = '{}'",
        "\"references\" = '[]'",
        "body = '{}'",
        "leaf_hash = '00'",
    ],
)
def test_a_changed_entry_is_found(kept, index, change):
    spoil(f'UPDATE audit_ledgerentry SET {change} WHERE "index" = {index}')
    assert verify().first_bad_index == index


@pytest.mark.parametrize(
    "change", ["at = 'never'", "at = '2020-13-45 00:00:00'", "\"references\" = '{'", "actor = x'ff'"]
)
def test_an_unreadable_entry_is_found(kept, change):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's types refuse such values")
    unchecked, checked = ("PRAGMA ignore_check_constraints = 1", "PRAGMA ignore_check_constraints = 0")
    spoil(unchecked, f'UPDATE audit_ledgerentry SET {change} WHERE "index" = 6', checked)  # the connection lives on
    assert verify().first_bad_index == 6


@pytest.mark.parametrize("index", [0, 5, 11])
def test_an_entry_rewritten_with_its_leaf_hash_is_found(kept, index):
    body = ledger.entry(index).body.replace("Ada Diaz", "Mallory")
    leaf = hashlib.sha256(b"\x00" + body.encode()).hexdigest()
    spoil(
        f"UPDATE audit_ledgerentry SET actor = 'Mallory', body = %s, leaf_hash = %s WHERE \"index\" = {index}",
        parameters=(body, leaf),
    )
    assert verify().first_bad_index == index


@pytest.mark.parametrize("index", [0, 6, 11])
def test_a_missing_entry_is_found(kept, index):
    spoil(f'DELETE FROM audit_ledgerentry WHERE "index" = {index}')
    assert verify().first_bad_index == index


def test_reordered_entries_are_found(kept):
    spoil(
        'UPDATE audit_ledgerentry SET "index" = 100 WHERE "index" = 3',
        'UPDATE audit_ledgerentry SET "index" = 3 WHERE "index" = 8',
        'UPDATE audit_ledgerentry SET "index" = 8 WHERE "index" = 100',
    )
    assert verify().first_bad_index == 3


@pytest.mark.parametrize("left", [0, 7, 9, 12])
def test_entries_cut_off_the_end_are_found(kept, left):
    spoil(f'DELETE FROM audit_ledgerentry WHERE "index" >= {left}')
    report = verify()
    assert (report.findings[0].code, report.first_bad_index) == ("truncated", left)


def rebuild(count, **changes):
    """Writes the whole ledger anew, with the writer's own means: only what was signed tells the difference."""
    spoil("DELETE FROM audit_ledgerentry", "DELETE FROM audit_ledgernode", "DELETE FROM audit_checkpoint")
    write(count, **changes)


def test_a_ledger_cut_off_below_a_kept_checkpoint_is_found(kept):
    rebuild(8)
    assert verify().holds
    assert verify(kept).first_bad_index == 8


def test_a_ledger_written_anew_is_found_by_a_kept_checkpoint(kept):
    rebuild(13, actor="Mallory")
    assert verify().holds
    assert verify(kept).findings[0].code == "root_differs"


@pytest.mark.parametrize("change", ["hash = '00'", "position = position + 1000"])
def test_a_changed_subtree_is_found(kept, change):
    spoil(f"UPDATE audit_ledgernode SET {change} WHERE level = 1 AND position = 2")
    assert verify().first_bad_index == 4


def test_a_planted_subtree_is_found(kept):
    spoil("INSERT INTO audit_ledgernode (level, position, hash) VALUES (0, 13, '00')")
    assert verify().first_bad_index == 13


@pytest.mark.parametrize("change", ["size = 6", "root = '00'", "note = 'nothing'", "note = replace(note, '9', '8')"])
def test_a_changed_checkpoint_is_found(kept, change):
    spoil(f"UPDATE audit_checkpoint SET {change} WHERE size = 9")
    assert verify().first_bad_index == 5


def test_a_checkpoint_signed_by_another_key_is_found(kept, settings, tmp_path):
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "another.pem"
    assert verify().findings[0].code == "checkpoint_signature"


def test_a_previous_key_still_counts_when_it_is_named(kept, settings, tmp_path):
    settings.KFM_LEDGER_PREVIOUS_KEYS = [str(keys.verifier_key())]
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "another.pem"
    assert verify(kept).holds


def test_without_a_key_in_production_nothing_is_called_fine(kept, settings, tmp_path):
    settings.PRODUCTION = True
    settings.KFM_LEDGER_KEY_FILE = tmp_path / "absent.pem"
    report = verify()
    assert (report.holds, report.findings[0].kind) == (False, "error")


def test_nothing_is_signed_over_a_break(kept):
    spoil("UPDATE audit_ledgernode SET hash = '" + "00" * 32 + "' WHERE level = 3 AND position = 0")
    with pytest.raises(ledger.LedgerError, match="nothing is signed"):
        ledger.checkpoint(NOW)


def test_the_command_says_the_first_bad_index_and_exits_1(kept, tmp_path, capsys):
    file = tmp_path / "checkpoint"
    file.write_text(kept)
    call_command("verify_ledger", "--checkpoint", str(file))
    assert capsys.readouterr().out.startswith("holds: 13 entries")
    spoil("UPDATE audit_ledgerentry SET actor = 'Mallory' WHERE \"index\" = 7")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger")
    assert ended.value.code == 1
    assert "first bad index: 7" in capsys.readouterr().err


def test_the_command_exits_2_when_the_checkpoint_can_not_be_read(kept, tmp_path):
    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger", "--checkpoint", str(tmp_path / "absent"))
    assert ended.value.code == 2


def test_a_forged_kept_checkpoint_fails(kept):
    assert not verify(kept.replace("\n9\n", "\n8\n")).holds
    assert not verify("").holds
    text = notes.open_note(kept, keys.verifier_key())
    assert not verify(text).holds
