"""The S3 service of the tests: a real Ceph RADOS Gateway, or a reason to skip."""

from __future__ import annotations

import pytest

from demonstration import rados_gateway
from demonstration.rados_gateway import (
    ARCHIVE,
    FULL,
    STRANGER,
    Gateway,
    Keys,
    let_go,
    mortal_gateway,
    new_name,
)

__all__ = [
    "ARCHIVE",
    "FULL",
    "STRANGER",
    "Gateway",
    "Keys",
    "gateway",
    "let_go",
    "mortal_gateway",
    "new_name",
]


def gateway() -> Gateway:
    """Return the session's server, started where it does not run yet; skip where it cannot be had."""
    try:
        return rados_gateway.gateway()
    except rados_gateway.CephMissingError as error:
        pytest.skip(str(error))
