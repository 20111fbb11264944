"""A mypy plugin: under Django, `@shared_task` makes a DjangoTask, which can wait for the transaction's commit."""

from __future__ import annotations

from collections.abc import Callable

from mypy.checker import TypeChecker
from mypy.nodes import MypyFile, TypeInfo
from mypy.plugin import FunctionContext, Plugin
from mypy.types import CallableType, Instance, Type, get_proper_type

TASK = "celery.app.task.Task"
DJANGO_TASK = "celery.contrib.django.task"


class CeleryUnderDjango(Plugin):
    """Replaces the class in the type that the decorator returns; arguments and result stay."""

    def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
        return [(10, DJANGO_TASK, -1)] if file.fullname == "celery.app" else []

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        return _django_task if fullname == "celery.app.shared_task" else None


def _django_task(context: FunctionContext) -> Type:
    found = get_proper_type(context.default_return_type)
    if isinstance(found, CallableType):
        return found.copy_modified(ret_type=_replaced(context, found.ret_type))
    return _replaced(context, found)


def _replaced(context: FunctionContext, found: Type) -> Type:
    task = get_proper_type(found)
    # mypy's own named_generic_type does not find what is only a dependency of another stub.
    if isinstance(task, Instance) and task.type.fullname == TASK and isinstance(context.api, TypeChecker):
        symbol = context.api.modules[DJANGO_TASK].names["DjangoTask"]
        if isinstance(symbol.node, TypeInfo):
            return Instance(symbol.node, task.args)
    return found


def plugin(version: str) -> type[Plugin]:
    """mypy's way in."""
    return CeleryUnderDjango
