"""Where questions are sent: an address without secrets in it, and whether it is the user's own machine or network."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from feab.errors import FeabError

PRIVATE = tuple(
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
)
"""Loopback and private networks (RFC 1918, RFC 4193, IPv6 link-local). Strict by our choice: neither shared carrier
addresses (100.64/10) nor IPv4 link-local ones (169.254/16, where clouds answer) count."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP address that questions are sent to."""

    url: str
    """Scheme, host, port and path; no credentials, query or final slash."""
    local: bool
    """Whether every address that its host has is loopback or private."""
    encrypted: bool
    """Whether it is https."""


def find_endpoint(base_url: str) -> Endpoint:
    """Check a base URL and look up (DNS) whether its host is the user's own.

    Raises:
        FeabError: for anything but http(s)://host[:port][/path], or with a user name, password, query or fragment in it
            (which is not repeated in the message: it may be a secret).
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), None, None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise FeabError("base_url: holds a user name or password; give the key in an environment variable (key_env)")
    if parts.query or parts.fragment:
        raise FeabError("base_url: holds a ?query or #fragment; give only scheme, host, port and path")
    printable = base_url.isascii() and base_url.isprintable() and not set(base_url) & set(" <>\"'\\^`{}|")
    if parts.scheme not in ("http", "https") or not host or not printable or len(base_url) > 500:
        raise FeabError("base_url: write http(s)://HOST[:PORT]/PATH, as in http://127.0.0.1:8000/v1")
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port is None else f"{shown}:{port}"
    url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return Endpoint(url, local=is_private(host), encrypted=parts.scheme == "https")


def is_private(host: str) -> bool:
    """Whether a host name or address leads to loopback or private addresses only; one that leads nowhere does not."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_private(address) for address in found)


def _is_private(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])  # fe80::1%eth0
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip.version == net.version and ip in net for net in PRIVATE)
