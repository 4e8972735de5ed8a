"""Tests of one group share a worker, and so what is made once for all of them."""

import os

import pytest


@pytest.mark.xdist_group("house")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs them all")
def test_a_group_is_told_apart_by_the_workers(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@house"), "pytest and pytest-xdist no longer agree on groups"
