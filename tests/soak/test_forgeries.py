"""Forgeries of every file of a package by the thousand: ``MUNIMENT_SOAK_FORGERIES`` says how many."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from ordeals.forging import FORGERIES, Forgery, Genuine, require_not_relied_on

FORGED = int(os.environ.get("MUNIMENT_SOAK_FORGERIES", "5000"))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Genuine:
    return Genuine(tmp_path_factory.mktemp("genuine"))


@settings(deadline=None, max_examples=FORGED, suppress_health_check=[HealthCheck.too_slow])
@given(FORGERIES)
def test_no_forgery_in_a_replica_is_handed_out_taken_for_kept_or_built_upon(kept: Genuine, forgery: Forgery):
    require_not_relied_on(kept, forgery)
