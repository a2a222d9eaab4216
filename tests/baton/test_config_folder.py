"""A folder of configuration: read strictly, written shortly, and the same after both."""

from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
import yaml

from baton.commands.configuration import described
from baton.config_folder import BadFolder, ConfigFolder, read_folder, write_folder
from baton.plan_steps import Step
from config.domain.difference import Change
from config.http.examples import EXAMPLES
from contracts.conditions import Condition
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.panels.kind import PanelKindFile
from contracts.speech import SpeechTuning
from contracts.template_version import AgentDefinition, HandoffTarget, LlmChoice, TemplateDraft
from contracts.variables import Declaration

pytestmark = pytest.mark.unit

TUTOR = AgentDefinition(
    name="Tutor",
    instructions="You teach.\nYou say on, off and no.\n",
    greeting="Grüß dich, {{user.name}}",
    handoff_targets=[
        HandoffTarget(
            agent=AgentId("host"),
            policy="summary",
            arguments={"type": "object", "properties": {"topic": {"type": "string"}}},
            guard=Condition(every=[Condition(negated=Condition(variable="topic", equals="off"))]),
        )
    ],
    llm=LlmChoice(model="gpt-4.1", max_output_tokens=400),
    panels=[PanelId("notepad")],
    speech=SpeechTuning(pronunciations={"SQL": "sequel"}),
    panel_attach={PanelId("notepad"): "always"},
)
DRAFT = TemplateDraft(
    name="Teaching",
    agents=[AgentId("tutor")],
    initial_agent=AgentId("tutor"),
    modality_profile="tutoring_screen",
    variables={"topic": Declaration(default="off")},
)
POLL = msgspec.convert(EXAMPLES["write_panel_kind"]["request"], PanelKindFile)
CONTENT = ConfigFolder(
    agents={AgentId("tutor"): TUTOR},
    templates={TemplateId("teaching"): DRAFT},
    panel_kinds={PanelId("poll"): POLL},
)


def test_what_is_written_reads_back_and_is_not_written_again(tmp_path: Path) -> None:
    assert len(write_folder(tmp_path, CONTENT)) == 3
    assert read_folder(tmp_path) == CONTENT
    assert write_folder(tmp_path, CONTENT) == []


def test_a_file_holds_what_somebody_decided_and_no_defaults(tmp_path: Path) -> None:
    write_folder(tmp_path, CONTENT)
    written = yaml.safe_load((tmp_path / "agents" / "tutor.yaml").read_text("utf-8"))
    assert "voice" not in written
    assert written["handoff_targets"][0]["guard"] == {"all": [{"not": {"variable": "topic", "equals": "off"}}]}
    assert written["llm"] == {"model": "gpt-4.1", "max_output_tokens": 400}
    assert "instructions: |\n" in (tmp_path / "agents" / "tutor.yaml").read_text("utf-8")


def test_a_file_that_says_the_same_in_its_own_way_is_left_alone(tmp_path: Path) -> None:
    write_folder(tmp_path, CONTENT)
    path = tmp_path / "templates" / "teaching.yaml"
    mine = "# ours\n" + path.read_text("utf-8") + "panels: []\n"
    path.write_text(mine, "utf-8")
    assert write_folder(tmp_path, CONTENT) == []
    assert path.read_text("utf-8") == mine


def test_the_demos_customer_is_such_a_folder() -> None:
    demo = read_folder(files("baton") / "demo" / "customer")
    assert set(demo.agents) == {"triage", "coding_expert"}
    assert demo.templates[TemplateId("demo")].initial_agent == "triage"


#: In YAML `on` is no text.
LAMP = "title: Lamp\ndescription: A lamp.\ncommands: {}\nevents: {}\nstate_schema: {type: object}\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("agents/tutor.yaml", "name: Tutor\n"),
        ("agents/tutor.yaml", "name: Tutor\ninstructions: X\ncolour: red\n"),
        ("agents/tutor.yaml", "name: [\n"),
        ("agents/a.b.yaml", "name: Tutor\ninstructions: X\n"),
        ("panel-kinds/lamp.yaml", f"{LAMP}open: {{schema: {{type: object}}, initial: {{view: {{on: false}}}}}}\n"),
        ("templates/t.yaml", "name: T\nagents: [a]\ninitial_agent: a\nmodality_profile: party\n"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(BadFolder) as caught:
        read_folder(tmp_path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFolder):
        read_folder(tmp_path)


def test_a_step_is_shown_with_each_of_its_changes() -> None:
    change = Change(pointer="/name", before="A", after="B" * 200)
    lines = described(Step(action="revise", kind="agent", id="tutor", changes=[change, Change(pointer="/x", after=1)]))
    assert lines[0] == "~ revise agent tutor"
    assert lines[1].startswith('    /name: "A" -> "BBB')
    assert len(lines[1]) < 120
    assert lines[2] == "    /x: (nothing) -> 1"
    assert described(Step(action="publish", kind="template", id="t", number=2)) == ["> publish template t as version 2"]
