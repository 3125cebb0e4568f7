"""What an address says of the line to the bucket, before anything is sent over it."""

from __future__ import annotations

import socket

import pytest
from services import ceph
from services.buckets import new_address, s3_store, speak_as_the_archive

from storage.stores.s3.bucket import BucketAddress


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "https://s3.example.org",
        "http://127.0.0.1:9000",
        "http://[::1]:9000/s3",
        "http://localhost:9000",
    ],
)
def test_tls_and_this_machine_are_no_line_that_others_listen_on(endpoint: str | None):
    assert not BucketAddress("maps", endpoint_url=endpoint).is_in_the_open


@pytest.mark.parametrize(
    "endpoint", ["http://s3.example.org", "http://192.0.2.7:9000", "http://[2001:db8::1]"]
)
def test_plain_http_to_another_machine_is_in_the_open(endpoint: str):
    assert BucketAddress("maps", endpoint_url=endpoint).is_in_the_open


def test_the_probe_warns_of_a_line_in_the_open(monkeypatch: pytest.MonkeyPatch):
    speak_as_the_archive()
    address = new_address()
    assert "warning" not in s3_store(address).probe()
    by_name = BucketAddress(
        address.bucket, address.prefix, f"http://gateway.example.org:{ceph.gateway().port}", addressing="path"
    )
    found = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: found(
            "127.0.0.1" if host == "gateway.example.org" else host, *rest, **more
        ),
    )
    assert "warning: over plain http" in s3_store(by_name).probe()
