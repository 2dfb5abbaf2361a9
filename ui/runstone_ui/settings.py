"""What a server is started with: where it listens, what it serves, who may ask."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
from dataclasses import dataclass, field, replace
from typing import Self

from runstone_writer.errors import UsageError
from runstone_writer.layout import Layout

PORT = 43800
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
SHORTEST_TOKEN = 16

_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_AUTHORITY = re.compile(r"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one server is to do. `checked()` says what is wrong with them, and fills in what follows from them.

    ``allowed_hosts`` are names (or name:port) under which the server is reached besides its own;
    ``base_path`` is what stands before all paths behind a reverse proxy; ``page`` is the folder of the built page.
    """

    layout: Layout
    host: str = "127.0.0.1"
    port: int = PORT
    read_only: bool = False
    base_path: str = ""
    token: str = field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ()
    ssl_keyfile: str | None = None
    ssl_certfile: str | None = None
    index: bool = True
    page: str = PAGE
    version: str = ""

    def checked(self) -> Self:
        """Return the settings in the form that the server goes by. Raises UsageError for what cannot be."""
        base = "/" + self.base_path.strip("/") if self.base_path.strip("/") else ""
        if not _BASE_PATH.fullmatch(base):
            raise UsageError(
                f"not a base path: {self.base_path!r}",
                hint="Give one such as /runstone: letters, digits, '-', '_', '.' and '~' between slashes.",
            )
        for name in self.allowed_hosts:
            if not _AUTHORITY.fullmatch(name.lower()):
                raise UsageError(f"not a host name: {name!r}", hint="Give a name, or name:port.")
        if bool(self.ssl_keyfile) != bool(self.ssl_certfile):
            raise UsageError("a key file and a certificate file go together", hint="Give both, or none.")
        hosts = tuple(name.lower() for name in self.allowed_hosts)
        return replace(self, base_path=base, token=self._checked_token(), allowed_hosts=hosts)

    def _checked_token(self) -> str:
        if not self.token:
            return "" if self.is_local else secrets.token_urlsafe(32)
        if len(self.token) < SHORTEST_TOKEN or not _TOKEN.fullmatch(self.token):
            raise UsageError(
                f"a token has at least {SHORTEST_TOKEN} characters, of A-Z a-z 0-9 . _ ~ -",
                hint="Leave --token away, and one is made up where it is needed.",
            )
        return self.token

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine can reach the server."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def is_everywhere(self) -> bool:
        """Whether the server listens on all addresses of the machine."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_unspecified
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        return "https" if self.ssl_certfile else "http"

    @property
    def name(self) -> str:
        """The host name that a browser on this machine, or for another bind on the network, is to be given."""
        if self.is_everywhere:
            return socket.gethostname().lower() or "localhost"
        host = self.host.strip("[]").lower()
        return f"[{host}]" if ":" in host else host

    @property
    def address(self) -> str:
        """Where the page is, without the token."""
        return f"{self.scheme}://{self.name}:{self.port}{self.base_path}/"

    @property
    def authorities(self) -> frozenset[str]:
        """Every text that a request's Host may be (but for addresses, where the server listens on all of them)."""
        own = {*LOCAL_NAMES, self.name}
        usual = 443 if self.ssl_certfile else 80
        found = {f"{name}:{self.port}" for name in own} | (own if self.port == usual else set())
        for name in self.allowed_hosts:
            if name.rpartition(":")[2].isdigit() and not name.endswith("]"):
                found.add(name)
            else:  # behind a proxy on the usual port a browser names no port
                found |= {name, f"{name}:{self.port}"}
        return frozenset(found)
