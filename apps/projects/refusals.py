"""The services' refusals as problem documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from apps.common.problems import Problem, not_found
from apps.projects.envelopes import OperationRefused
from apps.projects.journal import BYTES_MAX, NODES_MAX, ClientSeqReused, DocumentTooLarge, row_json
from apps.projects.services import (
    BaseSeqUnknown,
    GraphConflict,
    GraphRefused,
    NameInvalid,
    WorkflowGone,
)
from apps.projects.versions import VersionCannotRun


def too_much_json() -> Problem:
    """More JSON than a graph may be."""
    detail = _("A graph may be at most 5 MB of JSON. Put large texts, tables and files into assets.")
    return Problem("graph-too-large", 413, _("Graph too large"), detail, limit=BYTES_MAX)


def document_too_large(error: DocumentTooLarge) -> Problem:
    """Which limit the graph would pass."""
    problem = too_much_json()
    if error.nodes > NODES_MAX:
        detail = _("A graph may have at most %(limit)s nodes; this one would have %(nodes)s.")
        detail %= {"limit": f"{NODES_MAX:,}", "nodes": f"{error.nodes:,}"}
        problem = Problem("graph-too-large", 422, _("Graph too large"), detail, limit=NODES_MAX)
    if error.client_seq is not None:
        problem.extra["client_seq"] = error.client_seq
    return problem


def graph_conflict(error: GraphConflict) -> Problem:
    """What changed meanwhile, as rows of the log."""
    detail = _("Somebody else changed the same parts of this graph. Read it again and apply your changes to it.")
    changes = [row_json(row) for row in error.rows]
    return Problem("graph-conflict", 409, _("Conflicting changes"), detail, seq=error.last_seq, changes=changes)


def operation_refused(error: OperationRefused) -> Problem:
    """Which operation of the request is malformed, and why."""
    place = {"index": error.index, "client_seq": error.client_seq}
    return Problem("malformed-operation", 422, _("Malformed operation"), error.detail, **place)


def client_seq_reused(error: ClientSeqReused) -> Problem:
    """A client counted wrong; applying or dropping its operation would both lose something."""
    detail = _("client_seq %(seq)d was already used by this client_id for another operation.")
    extra = {"client_seq": error.client_seq}
    return Problem("client-seq-reused", 409, _("Number used twice"), detail % {"seq": error.client_seq}, **extra)


def base_seq_unknown(error: BaseSeqUnknown) -> Problem:
    """A ``base_seq`` from the future."""
    detail = _("`base_seq` must lie between 0 and %(last)d, the last operation of this workflow.")
    return Problem("unknown-base-seq", 422, _("Unknown base"), detail % {"last": error.last_seq}, seq=error.last_seq)


@contextmanager
def as_problems() -> Iterator[None]:
    """Turn what a service refuses into the problem that the API answers."""
    try:
        yield
    except WorkflowGone as error:
        raise not_found() from error
    except NameInvalid as error:
        raise Problem("invalid-name", 422, _("Invalid name"), str(error)) from error
    except GraphRefused as error:
        raise Problem("invalid-graph", 422, _("Invalid graph"), error.detail, errors=error.errors) from error
    except VersionCannotRun as error:
        errors = [problem.as_dict() for problem in error.problems]
        raise Problem("invalid-graph", 422, _("The graph cannot run"), str(error), errors=errors) from error
    except DocumentTooLarge as error:
        raise document_too_large(error) from error
    except GraphConflict as error:
        raise graph_conflict(error) from error
    except OperationRefused as error:
        raise operation_refused(error) from error
    except ClientSeqReused as error:
        raise client_seq_reused(error) from error
    except BaseSeqUnknown as error:
        raise base_seq_unknown(error) from error
