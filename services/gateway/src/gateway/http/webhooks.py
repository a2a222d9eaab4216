"""/webhooks/livekit."""

from typing import Any

from litestar import Request, post

from gateway.adapters.reach import StoreUnavailable
from gateway.handlers.webhooks import ForgedWebhook, ReplayedWebhook, StaleWebhook, Taken
from gateway.http.asking import TakesWebhooks


@post(
    "/webhooks/livekit",
    opt={
        "public": True,
        "accepts": "application/webhook+json",
        "refuses": (ForgedWebhook, StaleWebhook, ReplayedWebhook, StoreUnavailable),
    },
    status_code=200,
)
async def livekit_webhook(request: Request[Any, Any, Any], webhooks: TakesWebhooks) -> Taken:
    """LiveKit tells what happened in a room; the signature covers the body byte for byte."""
    return await webhooks.take(await request.body(), request.headers.get("authorization", ""))


ROUTES = [livekit_webhook]
