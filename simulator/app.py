"""Which address does what."""

import json
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from simulator import batch_endpoints, messages
from simulator.calls import BATCH_LIMIT_BYTES, Call, Endpoint, error_response
from simulator.errors import ApiError, not_found
from simulator.models import MODELS, describe, find
from simulator.options import Options
from simulator.world import World


def create_app(options: Options) -> Starlette:
    """The application with a world of its own; close `app.state.world` when done."""
    routes = [Route("/v1/messages", Endpoint("messages", messages.create), methods=["POST"])]
    if not options.is_local_server:
        routes += _full_routes()
    app = Starlette(
        routes=routes + _inspection_routes(),
        exception_handlers={HTTPException: _plain_404 if options.is_local_server else _api_404},
    )
    app.router.redirect_slashes = False
    app.state.world = World(options)
    return app


def _full_routes() -> list[Route]:
    batch, one = "/v1/messages/batches", "/v1/messages/batches/{batch_id}"
    create = Endpoint("batches.create", batch_endpoints.create, limit_bytes=BATCH_LIMIT_BYTES)
    return [
        Route("/v1/messages/count_tokens", Endpoint("count_tokens", messages.count_tokens), methods=["POST"]),
        Route("/v1/models", Endpoint("models", _list_models), methods=["GET"]),
        Route("/v1/models/{model_id}", Endpoint("models", _show_model), methods=["GET"]),
        Route(batch, create, methods=["POST"]),
        Route(batch, Endpoint("batches.list", batch_endpoints.list_page), methods=["GET"]),
        Route(one, Endpoint("batches.retrieve", batch_endpoints.retrieve), methods=["GET"]),
        Route(one, Endpoint("batches.delete", batch_endpoints.delete), methods=["DELETE"]),
        Route(f"{one}/cancel", Endpoint("batches.cancel", batch_endpoints.cancel), methods=["POST"]),
        Route(f"{one}/results", Endpoint("batches.results", batch_endpoints.results), methods=["GET"]),
    ]


def _inspection_routes() -> list[Route]:
    return [
        Route("/health", _health, methods=["GET"]),
        Route("/_sim/faults", _add_faults, methods=["POST"]),
        Route("/_sim/faults", _clear_faults, methods=["DELETE"]),
        Route("/_sim/faults", _count_faults, methods=["GET"]),
        Route("/_sim/requests", _requests, methods=["GET"]),
        Route("/_sim/release", _release, methods=["POST"]),
        Route("/_sim/bill", _bill, methods=["GET"]),
        Route("/_sim/reset", _reset, methods=["POST"]),
    ]


async def _list_models(call: Call) -> ASGIApp:
    limit, after_id, before_id = batch_endpoints.page_params(call)
    ids = [model.id for model in MODELS]
    if before_id is not None:
        newer = MODELS[: _index_of(ids, before_id)]
        shown, has_more = newer[-limit:], len(newer) > limit
    else:
        start = 0 if after_id is None else _index_of(ids, after_id) + 1
        shown, has_more = MODELS[start : start + limit], len(MODELS) > start + limit
    return call.json(batch_endpoints.page(list(shown), [describe(model) for model in shown], has_more=has_more))


async def _show_model(call: Call) -> ASGIApp:
    model_id = str(call.request.path_params["model_id"])
    model = find(model_id)
    if model is None:
        raise not_found(f"model: {model_id}")
    return call.json(describe(model))


def _index_of(ids: list[str], id_: str) -> int:
    if id_ not in ids:
        raise not_found(f"model: {id_}")
    return ids.index(id_)


def _world(request: Request) -> World:
    return request.app.state.world


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _add_faults(request: Request) -> Response:
    try:
        added = _world(request).faults.add(json.loads(await request.body()))
    except ApiError as error:
        return error_response(error, "req_faults")
    return JSONResponse({"added": added})


async def _clear_faults(request: Request) -> Response:
    _world(request).faults.clear()
    return JSONResponse({"cleared": True})


async def _count_faults(request: Request) -> Response:
    return JSONResponse({"struck": _world(request).faults.struck})


async def _requests(request: Request) -> Response:
    since = int(request.query_params.get("since", "0"))
    return JSONResponse({"requests": _world(request).log.since(since)})


async def _release(request: Request) -> Response:
    return JSONResponse({"released": await _world(request).late.release()})


async def _bill(request: Request) -> Response:
    return JSONResponse(_world(request).report())


async def _reset(request: Request) -> Response:
    _world(request).reset()
    return JSONResponse({"reset": True})


def _status_of(error: Exception) -> int:
    return error.status_code if isinstance(error, HTTPException) else 500


async def _api_404(request: Request, error: Exception) -> Response:
    type_: str = "not_found_error" if _status_of(error) == 404 else "invalid_request_error"
    refusal = ApiError(type_, f"{request.method} {request.url.path}: Not Found", status=_status_of(error))
    return error_response(refusal, "req_none")


async def _plain_404(request: Request, error: Exception) -> Response:
    content: dict[str, Any] = {"error": f"{request.method} {request.url.path} is not served here"}
    return JSONResponse(content, status_code=_status_of(error))
