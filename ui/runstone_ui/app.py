"""The application: every route of the table of endpoints, the page, and the gate before them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from runstone_writer.errors import ReadOnlyError

from . import blobs, edits, openapi, views
from .blobs import Blobs
from .clerk import Clerk
from .endpoints import ENDPOINTS, Endpoint
from .following import Follower
from .gate import Gate
from .live import Live
from .lookout import Lookout
from .outgoing import Outgoing, client_of
from .pages import Pages
from .parameters import parsed_body, parsed_places, parsed_query
from .pool import Pool
from .project import project
from .refusals import RefusedError, refusal_reply, reply
from .settings import Settings

EXPORT_SECONDS = 120.0  # for a file that somebody waits for; everything of 100,000 runs takes about ten

Arguments = dict[str, Any]


class Application:
    """What a server does. ``asgi`` is to be served; what runs beside it starts and ends with its lifespan."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pages = Pages(settings.page, settings.base_path)
        self.live = Live(Lookout(settings.layout))
        self.follower = Follower(settings.layout)
        self._outgoing = Outgoing(settings.layout)
        self._pool: Pool | None = None  # there while the application runs
        self._clerk = Clerk(settings.layout, read_only=settings.read_only)
        self._blobs = Blobs(settings.layout)
        self.asgi = self._gated()

    def _gated(self) -> Gate:
        self._routes = [
            Route(
                f"/api/{endpoint.path}",
                self._route(endpoint),
                methods=[endpoint.method],
                name=endpoint.answer,
            )
            for endpoint in ENDPOINTS
        ]
        page = Route("/{path:path}", self._page, name="page")
        app = Starlette(
            routes=[*self._routes, page],
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False  # where to is written by Host, and nobody needs it
        return Gate(
            app,
            self.settings,
            methods=self._methods,
            is_page=self.pages.is_page,
            is_public=self.pages.is_public,
            is_figure_script=self.pages.is_figure_script,
        )

    def _methods(self, path: str) -> frozenset[str]:
        """Return what may be done with a path. Where there is nothing, it may still be asked for."""
        named = [route.methods or () for route in self._routes if route.path_regex.match(path)]
        return frozenset().union(*named) or frozenset(("GET", "HEAD"))

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        if self.settings.index and not self.settings.read_only:
            self.follower.start()
        self._pool = Pool(self.settings.layout.root, answered=self._outgoing.freed)
        try:
            yield
        finally:
            await self.live.close()
            await asyncio.gather(self.follower.close(), self._pool.close())
            self._clerk.close()
            self._blobs.close()

    # -- routes ----------------------------------------------------------------------------------------

    def _route(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        ask = self._ask if endpoint.is_asked else self._do

        async def route(request: Request) -> Response:
            try:
                places = parsed_places(endpoint, request.path_params)
                arguments = parsed_query(endpoint, request.scope["query_string"]) | places
                body = {} if endpoint.body is None else parsed_body(await request.body(), endpoint.body)
                found: Any = await _while_wanted(request, ask(endpoint, request, arguments, body))
            except Exception as error:
                found = refusal_reply(error, self.settings.layout)
            return found  # type: ignore[no-any-return]  # an ASGI application, which is all that is asked of it

        return route

    async def _ask(
        self, endpoint: Endpoint, request: Request, arguments: Arguments, _body: Arguments
    ) -> ASGIApp:
        if self._pool is None:
            raise RefusedError("BusyError", "the server is starting")
        seconds = EXPORT_SECONDS if endpoint.answer == "export" else None
        client = client_of(request.scope)
        answered = await self._pool.ask(endpoint.answer, arguments, seconds, client)
        name = answered.header.get("name")
        headers = None if name is None else {"content-disposition": f'attachment; filename="{name}"'}
        return self._outgoing.reply(
            Response(answered.body, headers=headers, media_type=answered.header["type"])
        )

    async def _do(
        self, endpoint: Endpoint, _request: Request, arguments: Arguments, body: Arguments
    ) -> ASGIApp:
        done: Awaitable[ASGIApp] = getattr(self, f"_{endpoint.answer}")(arguments, body)
        return await done

    async def _page(self, request: Request) -> Response:
        found = self.pages.answer(request)
        if found is None and "text/html" in request.headers.get("accept", ""):
            return self.pages.lost()
        if found is None:
            return refusal_reply(
                RefusedError("MissingError", "there is nothing at this path"), self.settings.layout
            )
        return found

    async def _project(self, _arguments: Arguments, _body: Arguments) -> ASGIApp:
        now = await self.live.now()
        indexed = self.live.indexed
        return reply(project(self.settings, now, indexed, is_indexing=self.follower.is_indexing))

    async def _openapi(self, _arguments: Arguments, _body: Arguments) -> ASGIApp:
        return reply(openapi.described(self.settings))

    async def _live(self, _arguments: Arguments, _body: Arguments) -> ASGIApp:
        return self.live.listen()

    async def _blob(self, arguments: Arguments, _body: Arguments) -> ASGIApp:
        return await self._blobs.blob(arguments["digest"])

    async def _artifact(self, arguments: Arguments, _body: Arguments) -> ASGIApp:
        run, name = arguments["hash"], arguments["name"]
        digest = await self._clerk.do(lambda repo: blobs.artifact_digest(repo, run, name))
        return await self._blobs.artifact(digest, name)

    async def _edit(self, _arguments: Arguments, body: Arguments) -> ASGIApp:
        return await self._changed(lambda repo: edits.edit(repo, body), lambda found: found["done"])

    async def _add_note(self, arguments: Arguments, body: Arguments) -> ASGIApp:
        run = arguments["hash"]
        return await self._changed(
            lambda repo: {"id": edits.add_note(repo, run, body["text"])}, lambda _: [run]
        )

    async def _edit_note(self, arguments: Arguments, body: Arguments) -> ASGIApp:
        run, note = arguments["hash"], arguments["id"]

        def change(repo: Any) -> dict[str, Any]:
            edits.edit_note(repo, run, note, body["text"])
            return {"id": note}

        return await self._changed(change, lambda _: [run])

    async def _views(self, _arguments: Arguments, _body: Arguments) -> ASGIApp:
        return reply(await asyncio.to_thread(views.listed, self.settings.layout))

    async def _add_view(self, _arguments: Arguments, body: Arguments) -> ASGIApp:
        return await self._changed(lambda repo: views.added(repo.layout, body), lambda _: [])

    async def _edit_view(self, arguments: Arguments, body: Arguments) -> ASGIApp:
        view = arguments["id"]
        return await self._changed(lambda repo: views.changed(repo.layout, view, body), lambda _: [])

    async def _changed(
        self, change: Callable[[Any], dict[str, Any]], runs: Callable[[dict[str, Any]], list[str]]
    ) -> ASGIApp:
        self._refuse_if_read_only()
        found = await self._clerk.do(change)
        self.live.touched(runs(found))
        return reply(found)

    def _refuse_if_read_only(self) -> None:
        if self.settings.read_only:
            raise ReadOnlyError("the server was started read-only")


async def _while_wanted(request: Request, answer: Awaitable[ASGIApp]) -> ASGIApp:
    """Return what is answered; nothing goes on for a client that has gone."""
    asked = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        raise RefusedError("SlowRequestError", "the connection was closed")
    finally:
        gone.cancel()
        asked.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
