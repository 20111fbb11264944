"""Where requests to addresses that people gave may go: to public hosts only, whatever a name resolves to.

A name is resolved once, every address it has must be public, and the connection goes to one of those, so a name that
resolves differently a moment later (DNS rebinding) changes nothing. Redirects open new connections and are checked
anew. OWASP ASVS 5.0, 1.3.6.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

BODY_MAX = 1024 * 1024
REDIRECTS_MAX = 3
# Not told apart by `is_global`, or global and still a way inside: NAT64, 6to4, Teredo, protocol assignments.
_INWARD = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "2002::/16", "2001::/32", "192.0.0.0/24")]


class AddressRefused(OSError):
    """The name stands for an address that is not public."""


def public_address(host: str, port: int) -> str:
    """One address of ``host``. AddressRefused when any of its addresses is not public, OSError when it has none."""
    found = {str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    if not found or not all(is_public(address) for address in found):
        raise AddressRefused(AddressRefused.__doc__)
    return sorted(found, key=lambda text: (":" in text, text))[0]


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    return not any(parsed in network for network in _INWARD if network.version == parsed.version)


class _Guarded:
    """Connects to the address that was checked; the name stays for TLS and the Host header."""

    _dns_host: str
    port: int

    def _new_conn(self) -> Any:
        try:
            self._dns_host = public_address(self._dns_host, self.port)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]
        return super()._new_conn()  # type: ignore[misc]


class _PlainConnection(_Guarded, HTTPConnection):
    pass


class _TlsConnection(_Guarded, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class OutboundSession(requests.Session):
    """A session for addresses that people gave: https, public hosts, a time limit, a size limit, no proxies of ours.

    ``internal`` names hosts that whoever runs the site allows although they are not public; those may use http.
    """

    def __init__(self, *, timeout_s: float, internal: Collection[str] = ()) -> None:
        super().__init__()
        self.timeout_s, self.trust_env, self.max_redirects = timeout_s, False, REDIRECTS_MAX
        self.mount("http://", _Refusing())
        self.mount("https://", _GuardedAdapter())
        for host in internal:
            for scheme in ("http", "https"):
                self.mount(f"{scheme}://{host}/", HTTPAdapter())

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """The answer, read to its end; requests.RequestException when it is refused, late, or above 1 MiB."""
        answer = super().request(*args, **{**options, "timeout": self.timeout_s, "stream": True})
        body = answer.raw.read(BODY_MAX + 1, decode_content=True)
        answer.close()
        if len(body) > BODY_MAX:
            raise requests.exceptions.ContentDecodingError("the answer is larger than 1 MiB")
        answer._content = body
        return answer


class _Refusing(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        raise requests.exceptions.InvalidSchema(f"{request.url} is not https", request=request)
