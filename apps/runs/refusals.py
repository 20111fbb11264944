"""The services' refusals as problem documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from apps.common.problems import Problem, not_found
from apps.engine.documents import DocumentError
from apps.runs.services import (
    CreditsRefused,
    InvalidGraph,
    NoEarlierRun,
    NoSuchNode,
    NoSuchRun,
    PriceRisen,
    RunNotFailed,
    SwitchedOff,
    WorkflowTrashed,
)


def invalid_graph(error: InvalidGraph) -> Problem:
    """Where and why the graph cannot run."""
    errors = [problem.as_dict() for problem in error.problems]
    return Problem("invalid-graph", 422, _("The graph cannot run"), str(error), errors=errors)


def malformed_graph(error: DocumentError) -> Problem:
    """A graph that is not one."""
    errors = [{"node": error.node, "port": None, "code": error.code, "message": error.detail}]
    status = 413 if error.code == "too-large-bytes" else 422
    return Problem("malformed-graph", status, _("Malformed graph"), error.detail, errors=errors)


@contextmanager
def as_problems() -> Iterator[None]:
    """Turn what a service refuses into the problem that the API answers."""
    try:
        yield
    except InvalidGraph as error:
        raise invalid_graph(error) from error
    except DocumentError as error:
        raise malformed_graph(error) from error
    except (CreditsRefused, PriceRisen) as error:
        raise error.problem() from error
    except SwitchedOff as error:
        raise Problem("switched-off", 503, _("Paused"), str(error)) from error
    except NoSuchNode as error:
        raise Problem("no-such-node", 422, _("No such node"), str(error)) from error
    except NoSuchRun as error:
        raise not_found() from error
    except NoEarlierRun as error:
        raise Problem("no-earlier-run", 422, _("No earlier run"), str(error)) from error
    except RunNotFailed as error:
        raise Problem("not-failed", 409, _("Nothing to retry"), str(error)) from error
    except WorkflowTrashed as error:
        raise Problem("workflow-trashed", 409, _("In the trash"), str(error)) from error
