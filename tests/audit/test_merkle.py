"""The tree against the published proofs, and its laws (RFC 9162 §2.1; clause F2)."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from tests.cases import CASES

TLOG = CASES / "tlog" / "merkle-rfc6962"
INCLUSION = sorted(str(path.relative_to(TLOG)) for path in TLOG.glob("inclusion/**/*.json"))
CONSISTENCY = sorted(str(path.relative_to(TLOG)) for path in TLOG.glob("consistency/**/*.json"))


def read(name):
    case = json.loads((TLOG / name).read_text())
    return case, [base64.b64decode(step) for step in case["proof"] or []]


def test_the_vectors_are_here():
    if not TLOG.exists():
        pytest.skip("case tlog/merkle-rfc6962 is not on this machine")
    assert (len(INCLUSION) > 40, len(CONSISTENCY) > 20) == (True, True)


@pytest.mark.parametrize("name", INCLUSION)
def test_f2_inclusion_vector(name):
    case, proof = read(name)
    leaf, root = (base64.b64decode(case[key] or "") for key in ("leafHash", "root"))
    assert merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root) is not case["wantErr"]


@pytest.mark.parametrize("name", CONSISTENCY)
def test_f2_consistency_vector(name):
    case, proof = read(name)
    old, new = (base64.b64decode(case[key] or "") for key in ("root1", "root2"))
    assert merkle.verify_consistency(case["size1"], case["size2"], proof, old, new) is not case["wantErr"]


def plain_root(leaves):
    """MTH as RFC 9162 §2.1.1 states it, recursively."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def leaves_of(count):
    return [merkle.leaf_hash(bytes([number])) for number in range(count)]


@given(st.integers(0, 70))
def test_the_root_is_that_of_the_definition(count):
    assert merkle.root(leaves_of(count)) == plain_root(leaves_of(count))


@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proven_and_no_other_place_is(count, data):
    index = data.draw(st.integers(0, count - 1))
    leaves, root = leaves_of(count), merkle.root(leaves_of(count))
    proof = merkle.inclusion_proof(leaves, index)
    assert merkle.verify_inclusion(leaves[index], index, count, proof, root)
    wrong = data.draw(st.integers(-1, count + 2).filter(lambda other: other != index))
    assert not merkle.verify_inclusion(leaves[index], wrong, count, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, count, [*proof, root], root)
    assert not merkle.verify_inclusion(leaves[index], index, count, proof[:-1], root) or not proof


@given(st.integers(1, 70), st.data())
def test_every_older_tree_is_consistent_and_no_other_is(count, data):
    old = data.draw(st.integers(1, count))
    leaves = leaves_of(count)
    old_root, root = merkle.root(leaves[:old]), merkle.root(leaves)
    proof = merkle.consistency_proof(leaves, old)
    assert merkle.verify_consistency(old, count, proof, old_root, root)
    assert not merkle.verify_consistency(old, count, proof, merkle.leaf_hash(b"other"), root)
    assert not merkle.verify_consistency(old, count, proof, old_root, merkle.leaf_hash(b"other"))
    assert not merkle.verify_consistency(old, count, [*proof, root], old_root, root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, -1), (True, 3), (1.0, 3), ("1", 3)])
def test_malformed_sizes_do_not_hold_and_do_not_raise(index, size):
    leaf = leaves_of(1)[0]
    assert not merkle.verify_inclusion(leaf, index, size, [], leaf)
    assert not merkle.verify_consistency(size, index, [], leaf, merkle.EMPTY_ROOT)


@pytest.mark.parametrize("bad", [b"", b"short", b"x" * 33, "x" * 32, None])
def test_malformed_hashes_do_not_hold_and_do_not_raise(bad):
    leaf = leaves_of(1)[0]
    assert not merkle.verify_inclusion(bad, 0, 1, [], bad)
    assert not merkle.verify_inclusion(leaf, 0, 2, [bad], leaf)
    assert not merkle.verify_consistency(1, 2, [bad], leaf, leaf)
    assert not merkle.verify_consistency(1, 1, [], bad, bad)
