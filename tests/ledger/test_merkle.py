"""Merkle trees against RFC 6962: its definition, written out again here, and its well-known test vectors."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import inclusion_proof, leaf_hash, root, root_from_proof

# The leaves and roots of Certificate Transparency's own tests (google/certificate-transparency, merkle_tree_test).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# leaf (from 0), leaves, path
PATHS = [
    (0, 1, ""),
    (2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (
        0,
        8,
        """96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7
           5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
           6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4""",
    ),
    (
        5,
        8,
        """bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b
           ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0
           d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7""",
    ),
    (
        1,
        5,
        """6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
           5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
           bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b""",
    ),
]
HASHES = [leaf_hash(bytes.fromhex(data)) for data in LEAVES]


def tree_hash(data: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word for word."""
    match len(data):
        case 0:
            return sha256(b"").digest()
        case 1:
            return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + tree_hash(data[:k]) + tree_hash(data[k:])).digest()


def audit_path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1, word for word."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*audit_path(m, data[:k]), tree_hash(data[k:])]
    return [*audit_path(m - k, data[k:]), tree_hash(data[:k])]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("count", range(1, 9))
def test_the_well_known_roots_are_found(count: int) -> None:
    assert root(HASHES[:count]).hex() == ROOTS[count - 1]


@pytest.mark.parametrize(("leaf_no", "count", "path"), PATHS)
def test_the_well_known_paths_are_found(leaf_no: int, count: int, path: str) -> None:
    found = inclusion_proof(HASHES[:count], leaf_no)
    assert [step.hex() for step in found] == path.split()
    assert root_from_proof(HASHES[leaf_no], leaf_no, count, found) == bytes.fromhex(ROOTS[count - 1])


@pytest.mark.parametrize("count", range(71))
def test_roots_and_paths_are_those_of_the_definition(count: int) -> None:
    data = [bytes([number]) * (number % 7) for number in range(count)]
    leaves = [leaf_hash(each) for each in data]
    assert root(leaves) == tree_hash(data)
    for leaf_no in range(count):
        path = inclusion_proof(leaves, leaf_no)
        assert path == audit_path(leaf_no, data)
        assert root_from_proof(leaves[leaf_no], leaf_no, count, path) == root(leaves)


def test_a_leaf_cannot_pass_for_a_node() -> None:
    left, right = HASHES[:2]
    assert leaf_hash(left + right) != root([left, right])


@pytest.mark.parametrize("leaf_no", [-1, 3, 4])
def test_there_is_no_proof_of_a_leaf_that_the_tree_does_not_have(leaf_no: int) -> None:
    with pytest.raises(IndexError):
        inclusion_proof(HASHES[:3], leaf_no)


@given(st.integers(1, 200), st.data())
def test_a_proof_leads_to_the_root_from_its_own_leaf_and_place_alone(count: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(number.to_bytes(2)) for number in range(count)]
    leaf_no = data.draw(st.integers(0, count - 1))
    path = inclusion_proof(leaves, leaf_no)
    assert root_from_proof(leaf_hash(b"another"), leaf_no, count, path) != root(leaves)
    for other in range(count):
        if other != leaf_no:
            assert root_from_proof(leaves[leaf_no], other, count, path) != root(leaves)
    assert root_from_proof(leaves[leaf_no], leaf_no, count, [*path, bytes(32)]) is None
    if path:
        assert root_from_proof(leaves[leaf_no], leaf_no, count, path[:-1]) is None
