"""The gate before all routes: who may ask at all. It goes by what came over the wire, before anything is parsed.

A page of another site must not be able to ask anything, whatever it makes a browser do: by DNS rebinding (Host), by
requests across sites (Origin, Sec-Fetch-Site), by a frame (headers of replies). Without a token, whoever may use the
network address may ask; where others than this machine can reach it, there always is a token.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .headers import completed
from .refusals import RefusedError, internal_error, refusal_page, refusal_reply
from .settings import Settings

LONGEST_ADDRESS = 16 * 1024
LONGEST_HEADERS = 64 * 1024
LARGEST_BODY = 1024 * 1024
BODY_SECONDS = 20.0  # for a whole body to arrive
PIECE = (
    256 * 1024
)  # of a reply: so much is handed to the connection before it is waited for the client to take it

_FROM_HERE = (b"same-origin", b"none")  # in Sec-Fetch-Site: the page itself, or the user's own doing


class Gate:
    """ASGI middleware that lets in what may come in.

    ``methods`` tells what may be done with a path; ``is_page`` whether it is that of a document, to which links from
    elsewhere may lead; ``is_public`` whether it is a part of the page, which says nothing of the repository and needs
    no token; ``is_figure_script`` whether it is the one part that a frame without an origin may load.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        methods: Callable[[str], frozenset[str]],
        is_page: Callable[[str], bool],
        is_public: Callable[[str], bool],
        is_figure_script: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._settings = settings
        self._authorities = frozenset(name.encode() for name in settings.authorities)
        self._methods = methods
        self._is_page = is_page
        self._is_public = is_public
        self._is_figure_script = is_figure_script
        self._pass = Pass(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = _Reply(send)
        try:
            try:
                early = self._admitted(scope)
                if early is None and scope["method"] == "POST":
                    receive = _replayed(await _body(scope, receive), receive)
            except RefusedError as refusal:
                is_seen = _is_visited(scope)
                early = refusal_page(refusal) if is_seen else refusal_reply(refusal, self._settings.layout)
                if _has_body(scope):
                    early.headers["connection"] = "close"  # what comes of it is nobody's
            await (early or self._app)(scope, receive, reply)
        except Exception as error:
            if reply.is_begun:
                internal_error(error)
                raise
            await internal_error(error)(scope, receive, reply)

    def _admitted(self, scope: Scope) -> Response | None:
        """Let a request in, or answer it here. Raises RefusedError."""
        self._check_address(scope)
        self._check_host(scope)
        path = self._without_base(scope)
        self._check_site(scope, path)
        methods = self._methods(path)
        if scope["method"] not in methods:
            allow = ", ".join(sorted(methods))
            raise RefusedError(
                "MethodError", "this path has no such method", hint=f"It has {allow}.", allow=allow
            )
        if scope["method"] != "POST" and _has_body(scope):
            raise RefusedError("UsageError", "a request that changes nothing has no body")
        link = self._by_link(scope, path)
        if link is not None:
            return link
        if not self._is_public(path) and not self._pass.is_shown(scope):
            raise RefusedError(
                "TokenError",
                "this server asks for a token",
                hint="Open the address that `runstone up` printed, or send `Authorization: Bearer TOKEN`.",
            )
        scope["path"], scope["root_path"] = path, ""
        return None

    def _check_address(self, scope: Scope) -> None:
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        if len(raw) + len(scope["query_string"]) > LONGEST_ADDRESS:
            raise RefusedError("TooLargeError", f"the address is longer than {LONGEST_ADDRESS:,} bytes")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LONGEST_HEADERS:
            raise RefusedError("TooLargeError", f"the headers have more than {LONGEST_HEADERS:,} bytes")
        if not raw.startswith(b"/") or raw.startswith(b"//"):
            raise RefusedError("HostError", "the address names a host", hint="Ask for a path.")
        if not _is_plain(scope["path"]) or b"%2f" in raw.lower() or b"%5c" in raw.lower():
            raise RefusedError("MissingError", "there is nothing at this path")

    def _check_host(self, scope: Scope) -> None:
        """A name that is not ours may have been made to lead here by somebody who wants to read the replies."""
        host = _only(scope, b"host")
        if host is None or not (host.lower() in self._authorities or self._is_own_address(scope, host)):
            raise RefusedError(
                "HostError",
                "this server does not go by that host name",
                hint="If it is right, start `runstone up` with --allowed-host NAME (or NAME:PORT).",
            )

    def _is_own_address(self, scope: Scope, host: bytes) -> bool:
        """Whether Host is the IP address at which the request arrived: that is no name that could be rebound."""
        if not self._settings.is_everywhere or not scope.get("server"):
            return False
        address, port = scope["server"]
        address = address.removeprefix("::ffff:")
        named = f"[{address}]" if ":" in address else address
        usual = 443 if self._settings.ssl_certfile else 80
        return host.lower() in {f"{named}:{port}".encode(), named.encode() if port == usual else b""}

    def _without_base(self, scope: Scope) -> str:
        """Return the path behind the base path: a proxy may take that away, or leave it there."""
        path: str = scope["path"]
        base = self._settings.base_path
        return path[len(base) :] if base and path.startswith(base + "/") else path

    def _check_site(self, scope: Scope, path: str) -> None:
        origins, sites = _all(scope, b"origin"), _all(scope, b"sec-fetch-site")
        host = (_only(scope, b"host") or b"").lower()
        own = {b"http://" + host, b"https://" + host}
        is_ours = all(origin.lower() in own for origin in origins) and len(origins) <= 1
        if len(sites) > 1 or any(site not in _FROM_HERE for site in sites):
            is_ours = is_ours and not origins and self._is_visit(scope, path)
        if not is_ours and not self._is_of_figure(scope, path):
            raise RefusedError(
                "ForbiddenError",
                "this request comes from another site",
                hint="Only the page of this server, and programs, may ask.",
            )

    def _is_visit(self, scope: Scope, path: str) -> bool:
        """Whether somebody follows a link to the page: the document alone, in a window of its own."""
        return (
            scope["method"] in ("GET", "HEAD")
            and _only(scope, b"sec-fetch-site") in (b"cross-site", b"same-site")
            and _only(scope, b"sec-fetch-mode") == b"navigate"
            and _only(scope, b"sec-fetch-dest") == b"document"
            and self._is_page(path)
        )

    def _is_of_figure(self, scope: Scope, path: str) -> bool:
        """Whether a frame that has no origin loads the script which draws figures: the same for everybody."""
        return (
            scope["method"] in ("GET", "HEAD")
            and _all(scope, b"origin") in ([], [b"null"])
            and _all(scope, b"sec-fetch-site") in ([], [b"cross-site"])
            and _only(scope, b"sec-fetch-dest") in (None, b"script")
            and self._is_figure_script(path)
        )

    def _by_link(self, scope: Scope, path: str) -> Response | None:
        """Answer `/?token=...`: the token goes into a cookie, and out of the address."""
        if path != "/" or scope["method"] != "GET" or b"token=" not in scope["query_string"]:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if len(given) != 1 or not self._pass.fits(given[0].encode()):
            raise RefusedError(
                "TokenError",
                "this token is not the server's",
                hint="Has it been started anew since? Open the address that `runstone up` printed last.",
            )
        headers = {"location": f"{self._settings.base_path}/"}
        if self._settings.token:
            headers["set-cookie"] = self._pass.cookie()
        return Response(status_code=303, headers=headers)


class Pass:
    """The token, and the cookie that a browser gets for it."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token.encode()
        self._path = f"{settings.base_path}/"
        self._secure = "; Secure" if settings.ssl_certfile else ""
        # Cookies are of a host, whatever the port: those of two servers must not be in each other's way.
        self._name = f"runstone-{hashlib.sha256(self._token).hexdigest()[:12]}"
        self._value = hmac.digest(self._token, b"the cookie of runstone up", "sha256").hex()

    def fits(self, token: bytes) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return not self._token or hmac.compare_digest(token, self._token)

    def is_shown(self, scope: Scope) -> bool:
        """Whether a request shows the token, or its cookie."""
        if not self._token:
            return True
        kind, _, token = (_only(scope, b"authorization") or b"").partition(b" ")
        if kind.lower() == b"bearer" and self.fits(token.strip()):
            return True
        return any(hmac.compare_digest(value, self._value.encode()) for value in self._cookies(scope))

    def _cookies(self, scope: Scope) -> list[bytes]:
        """Return what has the cookie's name: whatever other servers on this host have set beside it."""
        pairs = (pair.partition(b"=") for header in _all(scope, b"cookie") for pair in header.split(b";"))
        return [value.strip() for name, _, value in pairs if name.strip() == self._name.encode()]

    def cookie(self) -> str:
        """Return the header that sets the cookie."""
        return f"{self._name}={self._value}; Path={self._path}; HttpOnly; SameSite=Strict{self._secure}"


class _Reply:
    """Sends a reply with the headers of all replies, in pieces."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            await self._send({**message, "headers": completed(message.get("headers", ()))})
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        for start in range(0, len(body) or 1, PIECE):
            is_last = start + PIECE >= len(body)
            piece = {**message, "body": body[start : start + PIECE], "more_body": more or not is_last}
            await self._send(piece)


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _only(scope: Scope, name: bytes) -> bytes | None:
    """Return the value of a header that is there once; None if it is not, or more than once."""
    values = _all(scope, name)
    return values[0] if len(values) == 1 else None


def _is_visited(scope: Scope) -> bool:
    """Whether a browser shows the reply to somebody, rather than hand it to a script."""
    return scope["method"] == "GET" and any(b"text/html" in value for value in _all(scope, b"accept"))


def _is_plain(path: str) -> bool:
    """Whether a path has nothing in it that somebody could take for a way out."""
    return path.isprintable() and "\\" not in path and not {".", ".."} & set(path.split("/"))


def _has_body(scope: Scope) -> bool:
    lengths = _all(scope, b"content-length")
    return bool(_all(scope, b"transfer-encoding")) or any(length.strip(b"0 ") for length in lengths)


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Return the body of a request. Raises RefusedError if it is too large, or too slow."""
    kind = (_only(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise RefusedError(
            "UsageError", "the body is not JSON", hint="Send `Content-Type: application/json`."
        )
    length = _only(scope, b"content-length") or b"0"
    if not length.isdigit() or len(length) > 12 or int(length) > LARGEST_BODY:
        raise _too_large()
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError("SlowRequestError", "the connection was closed")
                found += message.get("body", b"")
                if len(found) > LARGEST_BODY:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(found)
    except TimeoutError:
        raise RefusedError("SlowRequestError", f"the body took longer than {BODY_SECONDS:g} s") from None


def _too_large() -> RefusedError:
    return RefusedError("TooLargeError", f"the body is larger than {LARGEST_BODY:,} bytes")


def _replayed(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def again() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return again
