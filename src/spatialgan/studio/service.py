"""For those who run a studio, and for those who write programs for it: its health, and its API's documentation."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from spatialgan import __version__
from spatialgan.studio.docs_page import docs_page
from spatialgan.studio.schemas import ERRORS, Health

router = APIRouter()


@router.get(
    "/healthz", response_model=Health, tags=["studio"], responses={status: ERRORS[status] for status in (403, 429, 503)}
)
async def health(request: Request) -> Response:
    """Whether the studio works; needs no token."""
    if not request.app.state.studio.worker.alive:
        return JSONResponse({"error": "the thread that draws has ended; start the studio anew"}, 503)
    return JSONResponse({"status": "ok", "version": __version__})


@router.get("/docs", include_in_schema=False, response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """The API for people, made of its OpenAPI document."""
    return HTMLResponse(docs_page(request.app.openapi()))
