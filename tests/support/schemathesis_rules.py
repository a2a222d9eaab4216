"""What Schemathesis checks of the API beside its own rules; loaded by it as its hooks.

Its rule of accepted data knows statuses alone, and is told that a request which fits the document may still be
refused for what it means: an unknown agent, a name that is taken, a cursor of another list. This one knows the
problem, too, and lets nothing be refused for its form that the document allows.
"""

import copy
from typing import Any

import schemathesis
from hypothesis import strategies as st


@schemathesis.check
def form_is_written_down(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A 400 that only repeats the framework's words about the form is the document's mistake."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    errors = problem.get("errors", [])
    if problem["code"] == "invalid_input" and all(one["code"] == "invalid" for one in errors):
        raise AssertionError(f"fits the document and is refused for its form: {errors or problem['detail']}")


@schemathesis.hook
def before_generate_case(
    context: schemathesis.HookContext, strategy: st.SearchStrategy[schemathesis.Case[Any]]
) -> st.SearchStrategy[schemathesis.Case[Any]]:
    """Now and then the body of the document's example, so that things come to be which later steps can use."""
    operation = context.operation
    assert operation is not None
    content = operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = content.get("examples", {}).get("usual", {}).get("value")
    if example is None:
        return strategy
    return st.builds(_with_example, strategy, st.just(example), st.booleans())


def _with_example(case: schemathesis.Case[Any], example: object, wanted: bool) -> schemathesis.Case[Any]:
    if wanted and case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = copy.deepcopy(example)
    return case
