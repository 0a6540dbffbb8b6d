"""The web application: addresses, who may use them, and what they answer."""

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena import __version__
from arena.errors import ArenaError
from arena.serve import messages
from arena.serve.batching import Overloaded
from arena.serve.limits import Limits, Rates
from arena.serve.messages import BadRequest
from arena.serve.metrics import CONTENT_TYPE, ServerCounts
from arena.serve.models import Model, Models

Endpoint = Callable[[Request], Awaitable[Response]]

LOOPBACK_HOSTS = frozenset(("localhost", "127.0.0.1", "[::1]"))
"""Names by which a browser or client may call a server that listens on this machine alone; a page of another name may not."""
DISCARDED_RATIO = 4
"""Largest ratio of a body's size to the limit at which it is read and discarded: a client that still sends doesn't read the refusal."""
LENGTH_HEADER = "inference-header-content-length"
"""Header of the inference protocol: how much of a body is JSON, with bytes behind it."""


class Refused(Exception):
    """Raised for a request that is answered with a status and a sentence.

    Args:
        status: HTTP status.
        message: The sentence.
        reason: Word for metrics.
    """

    def __init__(self, status: int, message: str, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


def make_app(models: Models, metrics: ServerCounts, limits: Limits, *, token: str | None = None, any_host: bool = False) -> Starlette:
    """Returns the application.

    Args:
        models: Policies to serve.
        metrics: Counts, also those of the policies.
        limits: Limits of requests.
        token: Word that each request but those for health must carry, as `Authorization: Bearer TOKEN`; None asks for none.
        any_host: Whether clients may call the server by any name, and not by those of this machine alone.
    """
    service = _Service(models, metrics, limits, token, any_host)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(model.batcher.run()) for model in models]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(routes=service.routes(), lifespan=lifespan, exception_handlers={HTTPException: service.no_such_address})


class _Service:
    """The endpoints."""

    def __init__(self, models: Models, metrics: ServerCounts, limits: Limits, token: str | None, any_host: bool) -> None:
        self._models, self._metrics, self._limits = models, metrics, limits
        self._token, self._any_host = token, any_host
        self._rates = Rates(limits.requests_per_second)

    def routes(self) -> list[Route]:
        model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
        named: list[tuple[str, str, Endpoint, bool]] = [
            ("GET", "/health", self.health, True),
            ("GET", "/metrics", self.metrics, False),
            ("POST", "/act", self.act, False),
            ("POST", "/act/{model}", self.act, False),
            ("POST", "/act/{model}/versions/{version}", self.act, False),
            ("GET", "/v2", self.about, False),
            ("GET", "/v2/health/live", self.health, True),
            ("GET", "/v2/health/ready", self.health, True),
        ]
        for path in (model, version):
            named.append(("GET", path, self.metadata, False))
            named.append(("GET", f"{path}/ready", self.ready, False))
            named.append(("POST", f"{path}/infer", self.infer, False))
        return [Route(path, self._guarded(path, endpoint, is_open), methods=[method]) for method, path, endpoint, is_open in named]

    async def health(self, request: Request) -> Response:
        del request
        return JSONResponse({"status": "ready", "policies": [f"{model.name}/{model.version}" for model in self._models]})

    async def metrics(self, request: Request) -> Response:
        del request
        waiting = {f"{model.name}/{model.version}": model.batcher.num_waiting for model in self._models}
        return Response(self._metrics.text(waiting), media_type=CONTENT_TYPE)

    async def about(self, request: Request) -> Response:
        del request
        return JSONResponse({"name": "arena", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def metadata(self, request: Request) -> Response:
        model = self._model(request)
        return JSONResponse(messages.model_metadata(model.name, self._models.versions(model.name), model.signature))

    async def ready(self, request: Request) -> Response:
        self._model(request)
        return JSONResponse({"ready": True})

    async def act(self, request: Request) -> Response:
        model = self._model(request)
        observations = messages.read_act(await self._body(request), model.signature, self._limits.max_observations)
        answer = await model.batcher.ask(observations)
        value = {"policy": model.name, "version": model.version, "actions": answer.actions.tolist()}
        return JSONResponse(value | {"action_scores": answer.action_scores.tolist()})

    async def infer(self, request: Request) -> Response:
        model = self._model(request)
        body, length = await self._body(request), request.headers.get(LENGTH_HEADER)
        asked = messages.read_infer(body, length, model.signature, self._limits.max_observations)
        content, json_length = messages.write_infer(asked, await model.batcher.ask(asked.observations), model.name, model.version)
        if json_length is None:
            return Response(content, media_type="application/json")
        return Response(content, media_type="application/octet-stream", headers={LENGTH_HEADER: str(json_length)})

    async def no_such_address(self, request: Request, error: Exception) -> Response:
        """Returns the answer to an address that isn't there (404), or not for this method (405)."""
        assert isinstance(error, HTTPException)
        is_absent = error.status_code == 404
        self._metrics.add("refused", 1, reason="unknown address" if is_absent else "wrong method")
        what = "no such address" if is_absent else f"this address does not take {request.method}"
        response = _error(error.status_code, f"{what}; docs/serving.md lists the addresses")
        response.headers.update(error.headers or {})
        return response

    def _model(self, request: Request) -> Model:
        name, version = request.path_params.get("model"), request.path_params.get("version")
        model = self._models.find(name, version)
        if model is None:
            names = sorted({each.name for each in self._models})
            raise Refused(404, f"no such policy or version; there are {', '.join(names)} (GET /health lists all)", "unknown policy")
        return model

    async def _body(self, request: Request) -> bytes:
        limit = self._limits.max_body_bytes
        too_large = Refused(413, f"the body is larger than {limit} bytes", "too large")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "send the body without compression", "compressed")
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared[:20]) > DISCARDED_RATIO * limit:
            raise too_large
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= limit:
                        body += chunk
                    elif size > DISCARDED_RATIO * limit:
                        break
        except TimeoutError:
            raise Refused(408, f"the body was not there after {self._limits.read_seconds:g} seconds", "too slow") from None
        if size > limit:
            raise too_large
        return bytes(body)

    def _admit(self, request: Request, *, is_open: bool) -> None:
        host = request.headers.get("host", "")
        if not self._any_host and _without_port(host) not in LOOPBACK_HOSTS:
            raise Refused(421, "this server answers to the names of its own machine only", "host")
        if not self._rates.allows(request.client.host if request.client else ""):
            raise Refused(429, f"more than {self._limits.requests_per_second:g} requests in a second", "rate")
        given = request.headers.get("authorization", "").encode()
        if self._token is not None and not is_open and not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise Refused(401, "a token is asked for: Authorization: Bearer TOKEN", "token")

    def _guarded(self, route: str, endpoint: Endpoint, is_open: bool) -> Endpoint:
        async def answer(request: Request) -> Response:
            start = time.perf_counter()
            try:
                self._admit(request, is_open=is_open)
                response = await endpoint(request)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Refused as refusal:
                self._metrics.add("refused", 1, reason=refusal.reason)
                response = _error(refusal.status, str(refusal))
            except BadRequest as error:
                self._metrics.add("refused", 1, reason="malformed")
                response = _error(400, str(error))
            except Overloaded:
                self._metrics.add("refused", 1, reason="overloaded")
                response = _error(503, "too many requests wait already; come again")
            except ArenaError as error:
                response = _error(500, f"the policy gave no answer: {error}")
            self._metrics.note_request(route, response.status_code, time.perf_counter() - start)
            return response

        return answer


def _error(status: int, message: str) -> Response:
    """Returns the answer to a request that failed; what of its body wasn't read is never read."""
    headers: dict[str, Any] = {"connection": "close"}
    if status in (429, 503):
        headers["retry-after"] = "1"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"error": message[:1_000]}, status_code=status, headers=headers)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
