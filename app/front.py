"""Read bodies without holding a thread, answer plain requests at once, leave the rest to Flask."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from multiprocessing import parent_process
from urllib.parse import unquote_to_bytes

import msgspec
from flask import Flask
from werkzeug import Response
from werkzeug.exceptions import abort

from app import JSON
from errors import HEADERS, PROBLEM, describe_error
from metrics import count_request, new_request_id


def is_plain(scope) -> bool:  # scope: the request, in RSGI's words
    "Say whether a request asks for predictions, for a program, of JSON that is not compressed."
    headers = scope.headers
    return (
        scope.method == "POST"
        and scope.path in ("/predict", "/invocations")
        and headers.get("content-type") == JSON
        and "content-encoding" not in headers
        and "html" not in headers.get("accept", "")
    )


def make_environ(
    scope,  # what RSGI knows about the request
    body: bytes,  # all of it
    request_id: str,  # from the client, or ours
) -> dict:
    "Describe a request as WSGI does (PEP 3333)."
    server, _, port = scope.server.rpartition(":")
    path = unquote_to_bytes(scope.path).decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope.method, "SCRIPT_NAME": "", "PATH_INFO": path,
        "QUERY_STRING": scope.query_string, "SERVER_NAME": server, "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}", "wsgi.version": (1, 0),
        "REMOTE_ADDR": scope.client.rpartition(":")[0], "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False, "request_id": request_id,
    }  # fmt: skip
    for name, value in scope.headers.items():
        if "_" not in name and name not in ("content-length", "transfer-encoding"):
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    kind = environ.pop("HTTP_CONTENT_TYPE", "")
    return environ | {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}


SILENCE, DEADLINE = 10.0, 25.0  # seconds without a byte of a body, and for all of it
MOST_PIECES = 10_000  # of a body: each of them costs the loop a turn
LARGE = 2**16  # bytes: such a body is scored in a thread, so that no other request waits for it
ROOM = 16 * 2**20  # bytes of bodies that are held at once, before a large one is refused
MOST_WAITING = 200  # requests that wait for a thread


async def read_at_once(protocol) -> AsyncIterator[bytes]:  # protocol: the connection
    "Read a small body as a single piece; nothing of one that breaks off."
    try:
        piece = await protocol()
    except RuntimeError:  # the client has gone
        return
    yield piece


class Bodies:
    "Reads bodies, within the limits of each and of all that are in memory."

    def __init__(self, most_bytes: int):  # of one body
        self.most_bytes, self.held = most_bytes, 0

    async def read(self, headers, protocol, body: bytearray) -> None:  # body: empty, to be filled
        "Read a body, all of it; raises the HTTP error that says why that cannot be."
        length, now, pieces = headers.get("content-length"), asyncio.get_running_loop().time, 0
        if length is None and "transfer-encoding" not in headers:
            return
        if length is None and not headers.get("content-type", "").lower().startswith(JSON):
            abort(411, "expected a Content-Length, for half of anything but JSON looks whole")
        most, deadline = int(length or self.most_bytes), now() + DEADLINE
        too_much = f"expected at most {self.most_bytes} bytes in {MOST_PIECES} pieces, got more"
        if most > self.most_bytes:
            abort(413, too_much)
        try:
            async with asyncio.timeout(SILENCE) as limit:
                small = length and most < LARGE  # in one go: a quarter more requests a second
                async for chunk in read_at_once(protocol) if small else protocol:
                    body += chunk
                    self.held += len(chunk)
                    pieces += 1
                    if len(body) > most or pieces > MOST_PIECES:
                        abort(413, too_much)
                    if len(body) >= LARGE and self.held > ROOM:
                        abort(503, "too many large requests at once; send it again")
                    limit.reschedule(min(now() + SILENCE, deadline))
        except TimeoutError:
            abort(408, f"expected a body within {DEADLINE:g} seconds, and no pause of {SILENCE:g}")
        if length and len(body) < most:
            abort(400, f"expected {length} bytes, got fewer")


class Front:
    "The app as granian calls it (RSGI)."

    def __init__(self, app: Flask):
        self.app, service = app, app.extensions["service"]
        self.predict_rows, self.clock = service.predict_rows, service.clock
        self.bodies, self.waiting = Bodies(app.config["MAX_CONTENT_LENGTH"]), 0
        self.threads = ThreadPoolExecutor(8, "flask")
        self.scorer = ThreadPoolExecutor(1, "score")  # one large request after the other

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watch = loop.create_task(end_with_parent())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watch.cancel()
        if log := self.app.extensions["service"].log:
            log.close()

    async def __rsgi__(self, scope, protocol) -> None:
        "Answer a request; its body counts as held until the answer has been sent."
        body = bytearray()
        try:
            await self.answer(scope, protocol, body)
        finally:
            self.bodies.held -= len(body)

    async def answer(self, scope, protocol, body: bytearray) -> None:  # body: empty, to be filled
        "Read the body, and send the answer: ours to a plain request, else Flask's, or a problem."
        began, plain = time.perf_counter(), is_plain(scope)
        request_id = new_request_id(self.clock)
        try:
            await self.bodies.read(scope.headers, protocol, body)
            if not plain:
                environ = make_environ(scope, bytes(body), request_id)
                response = await self.run(self.threads, Response.from_app, self.app, environ, True)
                headers = response.headers.to_wsgi_list()
                await send(protocol, response.status_code, headers, response.get_data())
                return
            threads = self.scorer if len(body) >= LARGE else None
            content = await self.run(threads, self.predict_rows, body, request_id)
            status, headers = 200, [("content-type", JSON)]
        except Exception as error:
            status, problem = describe_error(error, request_id)
            headers, content = [("content-type", PROBLEM)], msgspec.json.encode(problem)
            if status in (408, 411, 413):  # the rest of the body is not read
                headers.append(("connection", "close"))
        route = scope.path if plain else "other"
        count_request(request_id, scope.method, route, status, time.perf_counter() - began)
        headers += [("x-request-id", request_id), *HEADERS.items()]
        await send(protocol, status, headers, content)

    async def run(self, threads: ThreadPoolExecutor | None, function: Callable, *arguments):
        "Call function(*arguments) in threads, without any at once; raises an HTTP error when full."
        if threads is None:
            return function(*arguments)
        if self.waiting >= MOST_WAITING:
            abort(503, "too many requests at once; send it again")
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, function, *arguments)
        finally:
            self.waiting -= 1


async def send(protocol, status: int, headers: list, answer: bytes) -> None:  # headers: pairs
    "Send an answer; a large one in pieces, and only to a client that reads them in time."
    if len(answer) < LARGE:
        protocol.response_bytes(status, headers, answer)
        return
    stream = protocol.response_stream(status, [*headers, ("content-length", str(len(answer)))])
    try:
        async with asyncio.timeout(DEADLINE):
            for start in range(0, len(answer), LARGE):
                await stream.send_bytes(answer[start : start + LARGE])
    except (TimeoutError, RuntimeError):  # the latter from a client that has gone
        pass


async def end_with_parent() -> None:
    "End this process when its parent has ended, however it did: nobody could stop it any more."
    parent = parent_process()  # who that was, even if it has ended before this process could look
    while os.getppid() == parent.pid and parent.is_alive():
        await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
