"""Which media a session may use, and the nine profiles that have names (founding document §5.4)."""

from typing import Literal

import msgspec

Source = Literal["camera", "screen"]
SourceMode = Literal["off", "on_request", "on_start"]


class ModalityProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Which media a session may use; audio is always on."""

    camera: SourceMode = "off"
    screen: SourceMode = "off"


PresetName = Literal[
    "general_chat",
    "interview_verbal",
    "interview_identity",
    "interview_code",
    "interview_full",
    "it_support_verbal",
    "it_support_screen",
    "sales_demo",
    "tutoring_screen",
]

PRESETS: dict[PresetName, ModalityProfile] = {
    "general_chat": ModalityProfile(),
    "interview_verbal": ModalityProfile(),
    "interview_identity": ModalityProfile(camera="on_start"),
    "interview_code": ModalityProfile(screen="on_start"),
    "interview_full": ModalityProfile(camera="on_start", screen="on_start"),
    "it_support_verbal": ModalityProfile(),
    "it_support_screen": ModalityProfile(screen="on_request"),
    "sales_demo": ModalityProfile(camera="on_start", screen="on_request"),
    "tutoring_screen": ModalityProfile(screen="on_request"),
}
"""The rows of §5.4 in its order. A source that a row has is `on_start` where the scenario begins with it (an interview,
a demo's camera) and `on_request` where the talk leads to it (§5.3: the user shares a screen when asked)."""
