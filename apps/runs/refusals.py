"""The services' refusals as problem documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from apps.common.money import credits_text
from apps.common.problems import Problem
from apps.engine.documents import DocumentError
from apps.runs.services import InsufficientCredits, InvalidGraph, RunNotFailed, RunOverLimit, WorkflowTrashed


def invalid_graph(error: InvalidGraph) -> Problem:
    """Where and why the graph cannot run."""
    errors = [problem.as_dict() for problem in error.problems]
    return Problem("invalid-graph", 422, _("The graph cannot run"), str(error), errors=errors)


def malformed_graph(error: DocumentError) -> Problem:
    """A graph that is not one."""
    errors = [{"node": error.node, "port": None, "code": error.code, "message": error.detail}]
    status = 413 if error.code == "too-large-bytes" else 422
    return Problem("malformed-graph", status, _("Malformed graph"), error.detail, errors=errors)


def over_limit(error: RunOverLimit) -> Problem:
    """The run may cost more than its caller allows."""
    detail = _("This run may cost %(high)s, more than its limit of %(limit)s. Raise `max_credits` or run less.")
    detail %= {"high": credits_text(error.high), "limit": credits_text(error.limit)}
    return Problem("over-limit", 402, _("Over the limit"), detail, high=error.high, limit=error.limit)


@contextmanager
def as_problems() -> Iterator[None]:
    """Turn what a service refuses into the problem that the API answers."""
    try:
        yield
    except InvalidGraph as error:
        raise invalid_graph(error) from error
    except DocumentError as error:
        raise malformed_graph(error) from error
    except InsufficientCredits as error:
        raise error.problem() from error
    except RunOverLimit as error:
        raise over_limit(error) from error
    except RunNotFailed as error:
        raise Problem("not-failed", 409, _("Nothing to retry"), str(error)) from error
    except WorkflowTrashed as error:
        raise Problem("workflow-trashed", 409, _("In the trash"), str(error)) from error
