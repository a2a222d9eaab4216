"""What all agents of a session share (founding document §4.4): who the participant is, and what was learned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contracts.events.session import UserPersonal, Variable
from contracts.ids import PanelId
from contracts.session_state import Panel, RunState
from contracts.template_version import ModalityProfile

OBSERVATIONS = "observations"


@dataclass(kw_only=True)
class SessionContext:
    """`userdata` of the AgentSession. Every change of it is an event before it is here; `panels` reads the board."""

    user: UserPersonal = field(default_factory=UserPersonal)
    user_id: str = ""
    session_id: str = ""
    modality: ModalityProfile = field(default_factory=ModalityProfile)
    observations: list[str] = field(default_factory=list)
    flags: dict[str, object] = field(default_factory=dict)
    panels: Callable[[], Mapping[PanelId, Panel]] = dict

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What the customer gave this session for the templates of instructions and greetings."""
        return self.user.variables

    @property
    def panel_state(self) -> dict[PanelId, dict[str, object]]:
        """What each open panel holds now."""
        return {name: dict(panel.state or {}) for name, panel in self.panels().items() if panel.open}

    def restore(self, run: RunState) -> None:
        """Go on from what the log says."""
        for name, value in run.context_values.items():
            area, _, key = name.partition(".")
            if area == OBSERVATIONS:
                self.observations.append(str(value))
            elif area == "flags":
                self.flags[key] = value
