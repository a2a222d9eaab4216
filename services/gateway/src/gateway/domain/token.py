"""What the LiveKit token of a session's participant may do: one room, least grants, a short life.

The token itself is made by an adapter; here is decided what stands in it.
"""

import hashlib
import hmac

import msgspec

from contracts.events.session import SessionRequested
from contracts.ids import PanelId, SessionId, TemplateId
from contracts.template_version import ModalityProfile

MAX_TTL_S = 600


class TokenMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what the founding document lists; its holder can read it."""

    session_template_id: TemplateId
    user_id: str
    modality_profile: ModalityProfile
    enabled_panels: list[PanelId]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One participant in one room. Never admin, never its own metadata; `sources` in LiveKit's words."""

    room: str
    identity: str
    sources: list[str]
    metadata: str
    ttl_s: int


def grant_for(requested: SessionRequested, *, ttl_s: int) -> Grant:
    """What the participant of a session gets, the same at every issue; `ttl_s` is cut to 600."""
    profile = requested.modality_profile
    metadata = TokenMetadata(
        session_template_id=requested.template_id,
        user_id=requested.user_id,
        modality_profile=profile,
        enabled_panels=requested.panels,
    )
    return Grant(
        room=requested.room,
        identity=requested.identity,
        sources=publishable(profile),
        metadata=msgspec.json.encode(metadata).decode(),
        ttl_s=min(ttl_s, MAX_TTL_S),
    )


def publishable(profile: ModalityProfile) -> list[str]:
    """LiveKit's track sources that the profile allows: the microphone always, what is `off` never."""
    sources = ["microphone"]
    if profile.camera != "off":
        sources.append("camera")
    if profile.screen != "off":
        sources.append("screen_share")
    return sources


def participant_identity(secret: bytes, *, session: SessionId, user_id: str) -> str:
    """Unguessable without `secret`, and the same for the same person in the same session (HMAC-SHA-256, 128 bits)."""
    digest = hmac.new(secret, f"{session}/{user_id}".encode(), hashlib.sha256).hexdigest()
    return f"user-{digest[:32]}"
