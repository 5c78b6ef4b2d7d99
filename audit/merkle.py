"""The Merkle tree of RFC 6962 §2.1 and RFC 9162 §2.1, over SHA-256.

Decides what a tree's root is and whether a proof holds; never reads rows, never signs. A verifier here answers
``False`` for every malformed proof (wrong sizes, negative indexes, hashes of another length) and does not raise.
Keeps clause F2.

A subtree is named ``(level, position)``: it covers the 2^level leaves from ``position · 2^level`` on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree = tuple[int, int]
Nodes = Mapping[Subtree, bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ *leaf*), 32 bytes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ *left* ‖ *right*), 32 bytes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two smaller than *count* (≥ 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def complete_subtrees(begin: int, end: int) -> list[Subtree]:
    """The complete subtrees that tile leaves [*begin*, *end*), left to right, as the tree splits them."""
    tiles: list[Subtree] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        tiles.append((level, begin >> level))
        begin += 1 << level
    return tiles


def range_root(nodes: Nodes, begin: int, end: int) -> bytes:
    """MTH of leaves [*begin*, *end*), where *nodes* holds :func:`complete_subtrees`; KeyError when one is absent."""
    tiles = complete_subtrees(begin, end)
    if not tiles:
        return EMPTY_ROOT
    root = nodes[tiles[-1]]
    for tile in reversed(tiles[:-1]):
        root = node_hash(nodes[tile], root)
    return root


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose roots prove leaf *index* in a tree of *size*, leaf side first (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has no leaf {index}.")
    ranges: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose roots prove that the tree of *old_size* leaves starts that of *new_size* (§2.1.4.1)."""
    if not 0 < old_size <= new_size:
        raise ValueError(f"There is no consistency proof from {old_size} to {new_size} leaves.")
    ranges: list[tuple[int, int]] = []
    begin, end = 0, new_size
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:
        ranges.append((begin, end))
    return ranges[::-1]


def complete_nodes(leaf_hashes: Sequence[bytes]) -> dict[Subtree, bytes]:
    """Every complete subtree of the tree over *leaf_hashes*, with its hash."""
    nodes: dict[Subtree, bytes] = {(0, position): found for position, found in enumerate(leaf_hashes)}
    level, width = 0, len(leaf_hashes)
    while width > 1:
        width //= 2
        for position in range(width):
            pair = nodes[level, 2 * position], nodes[level, 2 * position + 1]
            nodes[level + 1, position] = node_hash(*pair)
        level += 1
    return nodes


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """MTH over *leaf_hashes* (RFC 9162 §2.1.1); of none: SHA-256 of nothing."""
    return range_root(complete_nodes(leaf_hashes), 0, len(leaf_hashes))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(*index*, *leaf_hashes*), RFC 9162 §2.1.3.1; ValueError when there is no such leaf."""
    nodes = complete_nodes(leaf_hashes)
    return [range_root(nodes, *found) for found in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(*old_size*, *leaf_hashes*), RFC 9162 §2.1.4.1; ValueError when *old_size* is 0 or larger than the tree."""
    nodes = complete_nodes(leaf_hashes)
    return [range_root(nodes, *found) for found in consistency_ranges(old_size, len(leaf_hashes))]


def _are_hashes(*hashes: bytes) -> bool:
    return all(isinstance(found, bytes) and len(found) == HASH_BYTES for found in hashes)


def _are_counts(*counts: int) -> bool:
    return all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether *proof* shows the leaf hash *leaf* at *index* of the tree (*size*, *expected_root*), §2.1.3.2."""
    if not _are_counts(index, size) or index >= size or not _are_hashes(leaf, expected_root, *proof):
        return False
    fn, sn, found = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(step, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == expected_root


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether *proof* shows that the tree (*new_size*, *new_root*) starts with (*old_size*, *old_root*); §2.1.4.2.

    From an empty tree nothing can be shown, so ``old_size`` 0 holds only for two equal empty trees without a proof.
    """
    if not _are_counts(old_size, new_size) or old_size > new_size or not _are_hashes(old_root, new_root, *proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (old_size > 0 or old_root == EMPTY_ROOT)
    if old_size == 0 or not proof:
        return False
    path = iter([old_root, *proof] if old_size & (old_size - 1) == 0 else proof)
    return _walk_consistency(old_size - 1, new_size - 1, path) == (old_root, new_root)


def _walk_consistency(fn: int, sn: int, path: Iterator[bytes]) -> tuple[bytes, bytes] | None:
    """RFC 9162 §2.1.4.2 steps 4 to 6: the two roots that *path* leads to, or None when it has a wrong length."""
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = next(path)
    for step in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            first, second = node_hash(step, first), node_hash(step, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, step)
        fn, sn = fn >> 1, sn >> 1
    return (first, second) if sn == 0 else None
