"""Whether an address is the user's own: strict, by all that its name leads to."""

from __future__ import annotations

import socket

import pytest

from feab.errors import FeabError
from feab.models.endpoints import find_endpoint, is_private


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("10.1.2.3", True), ("172.16.0.1", True), ("172.31.255.255", True),
        ("192.168.1.1", True), ("::1", True), ("fd00::1", True), ("fe80::1", True), ("::ffff:10.0.0.1", True),
        ("172.32.0.1", False), ("192.169.0.1", False), ("8.8.8.8", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("192.0.2.1", False), ("2001:db8::1", False),
        ("::ffff:8.8.8.8", False), ("64:ff9b::a00:1", False),
    ],
)  # fmt: skip
def test_addresses(address: str, private: bool) -> None:
    assert is_private(address) is private


def test_a_name_is_private_only_if_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"lab": ["10.0.0.1", "fd00::1"], "mixed": ["10.0.0.1", "93.184.216.34"], "odd": ["nonsense"]}

    def lookup(host, port, **kwargs):
        if host not in known:
            raise socket.gaierror("unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert [is_private(name) for name in ("lab", "mixed", "odd", "gone")] == [True, False, False, False]


def test_what_is_kept_of_an_address() -> None:
    found = find_endpoint("http://LocalHost:8000/v1/")
    assert (found.url, found.local, found.encrypted) == ("http://localhost:8000/v1", True, False)
    assert find_endpoint("https://[::1]:8443").url == "https://[::1]:8443"
    assert find_endpoint("http://127.0.0.1:8000//v1//").url == "http://127.0.0.1:8000//v1"


@pytest.mark.parametrize(
    "url", ["http://u@h/v1", "http://:p@h/v1", "http://h\\@evil/v1", "http://h:99999/", "http://", "x"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(FeabError, match="base_url"):
        find_endpoint(url)
