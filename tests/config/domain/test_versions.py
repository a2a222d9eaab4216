"""Given, when, then: restoring a version, moving an alias; and what differs between two versions."""

import msgspec
import pytest

from config.domain import template
from config.domain.difference import difference
from config.domain.template import TEMPLATE, Drafted, InvalidAliasTargets, NoSuchAlias, NoSuchVersion, Share
from contracts.aliases import AliasTarget
from contracts.events.template import (
    TemplateAliasMoved,
    TemplateAliasRemoved,
    TemplateArchived,
    TemplateCreated,
    TemplatePublished,
    TemplateRevised,
)
from contracts.ids import AgentId, TemplateId, VersionHash
from contracts.template_version import AgentDefinition, Limits, TemplateDraft, TemplateVersion, VersionAgent

pytestmark = pytest.mark.unit

DRAFT = TemplateDraft(name="Help", agents=[AgentId("a")], initial_agent=AgentId("a"))
OLDER = msgspec.structs.replace(DRAFT, name="Older")
ONE, TWO = VersionHash("1" * 64), VersionHash("2" * 64)
HISTORY = [
    TemplateCreated(draft=OLDER),
    TemplatePublished(version=ONE, number=1),
    TemplateRevised(draft=DRAFT),
    TemplatePublished(version=TWO, number=2),
]
STATE = TEMPLATE.fold(HISTORY)
MOVED = TemplateAliasMoved(
    alias="prod",
    targets=[AliasTarget(number=1, version=ONE, weight=90), AliasTarget(number=2, version=TWO, weight=10)],
)


def test_restoring_publishes_the_old_version_under_a_new_number_with_its_draft() -> None:
    events = TEMPLATE.decide(template.Restore(1, OLDER), STATE)
    assert events == [
        TemplateRevised(draft=OLDER),
        TemplatePublished(version=ONE, number=3, restored_from=1),
    ]
    state = TEMPLATE.fold([*HISTORY, *events])
    assert isinstance(state, Drafted)
    assert (state.number, state.version) == (3, ONE)


def test_restoring_what_is_current_changes_nothing() -> None:
    assert TEMPLATE.decide(template.Restore(2, DRAFT), STATE) == []


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_version_that_was_never_published_is_not_restored(number: int) -> None:
    with pytest.raises(NoSuchVersion):
        TEMPLATE.decide(template.Restore(number, DRAFT), STATE)


def test_an_alias_is_moved_by_one_event_and_to_where_it_leads_already_by_none() -> None:
    command = template.MoveAlias("prod", [Share(1, 90), Share(2, 10)])
    assert TEMPLATE.decide(command, STATE) == [MOVED]
    assert TEMPLATE.decide(command, TEMPLATE.fold([*HISTORY, MOVED])) == []


def test_an_alias_is_removed_once() -> None:
    state = TEMPLATE.fold([*HISTORY, MOVED])
    removed = TEMPLATE.decide(template.RemoveAlias("prod"), state)
    assert removed == [TemplateAliasRemoved(alias="prod")]
    with pytest.raises(NoSuchAlias):
        TEMPLATE.decide(template.RemoveAlias("prod"), TEMPLATE.fold([*HISTORY, MOVED, *removed]))


WRONG_SHARES = {
    "none": ([], ("/targets", "length")),
    "three": ([Share(1, 50), Share(2, 25), Share(1, 25)], ("/targets", "length")),
    "an unknown version": ([Share(9)], ("/targets/0/number", "unknown_version")),
    "no weight": ([Share(1, 100), Share(2, 0)], ("/targets/1/weight", "out_of_range")),
    "too little": ([Share(1, 50), Share(2, 10)], ("/targets", "weights")),
    "one that is not whole": ([Share(1, 50)], ("/targets", "weights")),
    "twice the same": ([Share(1, 50), Share(1, 50)], ("/targets", "repeated")),
}


@pytest.mark.parametrize("name", WRONG_SHARES)
def test_an_alias_leads_only_where_it_can(name: str) -> None:
    shares, expected = WRONG_SHARES[name]
    with pytest.raises(InvalidAliasTargets) as caught:
        TEMPLATE.decide(template.MoveAlias("prod", shares), STATE)
    assert (caught.value.errors[0].pointer, caught.value.errors[0].code) == expected


def test_a_template_has_no_more_aliases_than_its_bound() -> None:
    moved = [TemplateAliasMoved(alias=f"a{number}", targets=MOVED.targets) for number in range(template.MAX_ALIASES)]
    full = TEMPLATE.fold([*HISTORY, *moved])
    with pytest.raises(InvalidAliasTargets, match="at most"):
        TEMPLATE.decide(template.MoveAlias("one-more", [Share(1)]), full)
    assert TEMPLATE.decide(template.MoveAlias("a0", [Share(1)]), full)


def test_an_archived_template_moves_no_alias_and_restores_nothing() -> None:
    state = TEMPLATE.fold([*HISTORY, TemplateArchived()])
    for command in (template.MoveAlias("prod", [Share(1)]), template.Restore(1, OLDER), template.RemoveAlias("prod")):
        with pytest.raises(template.TemplateIsArchived):
            TEMPLATE.decide(command, state)


def a_version(draft: TemplateDraft = DRAFT, **agents: AgentDefinition) -> TemplateVersion:
    listed = [VersionAgent(id=AgentId(id), definition=definition) for id, definition in agents.items()]
    return TemplateVersion(template_id=TemplateId("tpl"), draft=draft, agents=listed, panel_kinds={})


def test_what_differs_is_told_by_pointers_with_both_values() -> None:
    old, new = AgentDefinition(name="A", instructions="X"), AgentDefinition(name="A", instructions="Y", language="de")
    before = a_version(a=old, gone=old)
    after = a_version(msgspec.structs.replace(DRAFT, limits=Limits(grace_s=60), agents=[AgentId("b")]), a=new)
    changes = {change.pointer: change for change in difference(before, after)}
    assert set(changes) == {
        "/agents/a/instructions",
        "/agents/a/language",
        "/agents/gone",
        "/draft/agents/0",
        "/draft/limits/grace_s",
    }
    assert (changes["/draft/limits/grace_s"].before, changes["/draft/limits/grace_s"].after) == (30, 60)
    assert changes["/agents/a/language"].before is msgspec.UNSET
    assert changes["/agents/gone"].after is msgspec.UNSET


def test_equal_versions_do_not_differ() -> None:
    assert difference(a_version(), a_version()) == []
