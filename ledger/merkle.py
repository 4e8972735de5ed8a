"""Merkle trees as RFC 6962 (Certificate Transparency) §2.1 defines them, over SHA-256.

A leaf's hash is SHA-256(0x00 ‖ data) and a node's SHA-256(0x01 ‖ left ‖ right), so that neither can pass for the
other. A tree of n leaves is split at the largest power of two below n.
"""

from collections.abc import Sequence
from hashlib import sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two sub-trees."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree's root over leaf hashes; the empty tree's is SHA-256 of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], leaf_no: int) -> list[bytes]:
    """The sub-tree hashes, from the leaf upward, that lead from leaf `leaf_no` (from 0) to the root."""
    return inclusion_proofs(leaves, [leaf_no])[0]


def inclusion_proofs(leaves: Sequence[bytes], leaf_nos: Sequence[int]) -> list[list[bytes]]:
    """Those of several leaves of one tree, which is hashed once."""
    for leaf_no in leaf_nos:
        if not 0 <= leaf_no < len(leaves):
            raise IndexError(f"leaf {leaf_no} of a tree of {len(leaves)}")
    level, positions = list(leaves), list(leaf_nos)
    paths: list[list[bytes]] = [[] for _ in leaf_nos]
    while len(level) > 1:
        for position, path in zip(positions, paths, strict=True):
            if position ^ 1 < len(level):
                path.append(level[position ^ 1])
        level, positions = _next_level(level), [position // 2 for position in positions]
    return paths


def root_from_proof(leaf: bytes, leaf_no: int, leaf_count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to, or None where its length does not fit the tree."""
    current, position, last = leaf, leaf_no, leaf_count - 1
    siblings = iter(path)
    while last > 0:
        if position < last or position & 1:
            sibling = next(siblings, None)
            if sibling is None:
                return None
            current = node_hash(sibling, current) if position & 1 else node_hash(current, sibling)
        position, last = position // 2, last // 2
    return current if next(siblings, None) is None else None


def _next_level(level: list[bytes]) -> list[bytes]:
    # Pairing neighbours and carrying an odd last one up gives RFC 6962's tree: its split at the largest power of
    # two makes every left sub-tree full.
    pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]
