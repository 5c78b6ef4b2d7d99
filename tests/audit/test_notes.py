"""Signed notes against the keys and signatures published with Go's note package; checkpoints; the signing key."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import keys
from audit.notes import InvalidNote, VerifierKey, open_checkpoint, open_note, sign_checkpoint, sign_note

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{TEXT}\n\u2014 PeterNeumann {SIGNATURE}\n"
KEY = VerifierKey.parse(VKEY)


def test_a_published_note_opens_and_is_signed_to_the_same_bytes():
    assert open_note(NOTE, KEY) == TEXT
    assert str(KEY) == VKEY
    assert sign_note(TEXT, name="PeterNeumann", private_key=Ed25519PrivateKey.from_private_bytes(SEED)) == NOTE


@pytest.mark.parametrize(
    "spoiled",
    [
        NOTE.replace("problem", "Problem"),
        NOTE.replace("x08go/Z", "x08go/Y"),
        NOTE.replace("\u2014", "-"),
        NOTE.rstrip("\n"),
        NOTE + "\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("PeterNeumann", "Peter Neumann"),
        NOTE.replace("PeterNeumann", "Someone"),
        NOTE.replace("\n", "\r\n"),
        TEXT,
        "",
        "\n",
    ],
)
def test_a_spoiled_note_is_refused(spoiled):
    with pytest.raises(InvalidNote):
        open_note(spoiled, KEY)


@pytest.mark.parametrize(
    "vkey", ["", "a", "a+b", VKEY.replace("c74", "c75"), VKEY[:-4], VKEY.replace("+AR", "+AB"), " " + VKEY, VKEY + "\n"]
)
def test_a_malformed_verifier_key_is_refused(vkey):
    with pytest.raises(InvalidNote):
        VerifierKey.parse(vkey)


def test_a_checkpoint_states_its_tree_head():
    private = Ed25519PrivateKey.generate()
    key = VerifierKey.of("example.test/log", private)
    note = sign_checkpoint(origin="example.test/log", size=7, root=b"r" * 32, private_key=private)
    head = open_checkpoint(note, key)
    assert (head.origin, head.size, head.root) == ("example.test/log", 7, b"r" * 32)
    with pytest.raises(InvalidNote):
        open_checkpoint(note, key, origin="example.test/other")


ROOT = base64.b64encode(b"r" * 32).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"other.test/log\n7\n{ROOT}\n",
        f"example.test/log\n07\n{ROOT}\n",
        f"example.test/log\n-7\n{ROOT}\n",
        f"example.test/log\n7\n{ROOT[:-4]}\n",
        "example.test/log\n7\nnot base64\n",
        "example.test/log\n7\n",
        "example.test/log\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text):
    private = Ed25519PrivateKey.generate()
    note = sign_note(text, name="example.test/log", private_key=private)
    with pytest.raises(InvalidNote):
        open_checkpoint(note, VerifierKey.of("example.test/log", private))


def test_the_key_file_is_made_once_for_its_owner_alone(settings):
    first = keys.verifier_key()
    assert keys.verifier_key() == first
    assert settings.KFM_LEDGER_KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.KFM_LEDGER_KEY_FILE.parent.glob("ledger_ed25519.pem*")] == [
        "ledger_ed25519.pem"
    ]
    settings.KFM_LEDGER_KEY_FILE.chmod(0o644)
    with pytest.raises(keys.LedgerKeyError, match="chmod 600"):
        keys.signing_key()


def test_production_makes_no_key(settings):
    settings.PRODUCTION = True
    with pytest.raises(keys.LedgerKeyError, match="KFM_LEDGER_KEY is not set"):
        keys.signing_key()
    settings.KFM_LEDGER_KEY = "no key"
    with pytest.raises(keys.LedgerKeyError, match="no readable private key"):
        keys.signing_key()
