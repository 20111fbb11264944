"""The matrix beyond routes: tasks, keys of the store, groups and caches, and who may look across workspaces.

What is enumerated here is what there is: something new without a line fails. The figure is left in
``var/reports/tenancy.txt``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection

from apps.accounts.models import User
from apps.assets import storage
from apps.assets.models import Asset
from apps.assets.services import AssetMissing
from apps.common.tenancy import unscoped
from apps.datasets.selection import Selection
from apps.datasets.services import version_freeze
from apps.workspaces.models import Workspace
from tests.tenancy.routes import lines
from tests.tenancy.samples import SAMPLES, Place

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path for folder in ("apps", "config") for path in sorted((ROOT / folder).rglob("*.py"))]
CODE = [path for path in SOURCES if "migrations" not in path.parts]

# --- Tasks ---------------------------------------------------------------------------------------------------------

# Given ids of two workspaces they must do nothing: a made thing of the one, the id of the other.
WITH_WORKSPACE: dict[str, Callable[[Place, Place], dict[str, Any]]] = {
    "apps.assets.tasks.asset_verify": lambda here, there: {"asset_id": _made("asset_id", here, there)},
    "apps.assets.tasks.blob_preview": lambda here, there: {"blob_id": _blob(here)},
    "apps.billing.tasks.budget_alert_refused": lambda here, there: {
        "budget_id": _made("budget_id", here, there),
        "period_start": "2026-01-01",
        "subject": "",
        "used": 1,
    },
    "apps.datasets.tasks.version_fix": lambda here, there: {"version_id": _freezing(here)},
    "apps.datasets.tasks.video_measure": lambda here, there: {"blob_id": _blob(here)},
    "apps.datasets.tasks.export_make": lambda here, there: {"export_id": _made("export_id", here, there)},
    "apps.generations.tasks.generation_collect": lambda here, there: {
        "generation_id": _made("generation_id", here, there)
    },
    "apps.generations.tasks.generation_cancel_send": lambda here, there: {
        "generation_id": _made("generation_id", here, there)
    },
}
# One id, which nobody can guess, tells the workspace; whoever sends it has been let in to the row.
ONE_ID = {
    "apps.billing.tasks.budget_alert": "the alert's row tells workspace, budget and whom to write to",
    "apps.billing.tasks.inbox_event": "the event names an object of Stripe's, and our row of that tells the workspace",
    "apps.billing.tasks.plan_end": "asks for that workspace's own subscription, whatever is in the message",
    "apps.billing.tasks.topup": "buys by that workspace's own rule and card, if it is low",
    "apps.runs.tasks.advance_run": "the run's lease tells the workspace, and everything after it happens in its scope",
    "apps.runs.tasks.advance_runs": "as advance_run, for several",
    "apps.runs.tasks.begin_runs": "as advance_run; told nothing, it begins pending runs, each in its own scope",
    "apps.runs.tasks.send_letter": "the letter's row tells the workspace",
    "apps.workspaces.tasks.mail_send": "the mail's row tells workspace and address",
    "apps.workspaces.tasks.audit_verify": "only recomputes that workspace's log",
    "apps.workspaces.tasks.erase_workspace": "only where that workspace's days are over",
}
# They are told nothing and look over all workspaces, each row in its own scope.
SWEEPS = {
    "apps.assets.tasks.assets_purge", "apps.assets.tasks.assets_sweep", "apps.assets.tasks.orphans_sweep",
    "apps.billing.tasks.budget_alerts_sweep", "apps.billing.tasks.inbox_tick", "apps.billing.tasks.ledger_check",
    "apps.billing.tasks.lots_expire", "apps.billing.tasks.plan_sweep", "apps.billing.tasks.purchase_sweep",
    "apps.billing.tasks.reconcile", "apps.billing.tasks.topup_tick",
    "apps.datasets.tasks.datasets_sweep", "apps.datasets.tasks.records_flush",
    "apps.datasets.tasks.versions_check", "apps.generations.tasks.generations_poll",
    "apps.generations.tasks.generation_submit", "apps.generations.tasks.generations_dispatch",
    "apps.generations.tasks.generations_sweep", "apps.runs.tasks.evict_results", "apps.runs.tasks.execute_io_step",
    "apps.runs.tasks.execute_work_step", "apps.runs.tasks.sweep_approvals", "apps.runs.tasks.sweep_runs",
    "apps.runs.tasks.sweep_steps", "apps.workspaces.tasks.answers_forget", "apps.workspaces.tasks.audits_verify",
    "apps.workspaces.tasks.erasures_begin", "apps.workspaces.tasks.mails_tick",
}  # fmt: skip
# The sandbox is a vendor next door: it knows no workspaces.
NO_TENANT = {
    "apps.sandbox.tasks.sandbox_render", "apps.sandbox.tasks.sandbox_sweep", "apps.sandbox.tasks.sandbox_tick",
    "apps.sandbox.tasks.sandbox_webhook_send",
}  # fmt: skip


def _made(name: str, here: Place, there: Place) -> str:
    here.made[name] = made = SAMPLES[name](here)
    return str(made)


def _freezing(here: Place) -> str:
    """A version that waits to be frozen."""
    dataset_id = SAMPLES["dataset_id"](here)
    ids: dict[str, Any] = {"workspace_id": here.workspace.id, "actor_id": here.owner.id}
    return str(version_freeze(dataset_id=dataset_id, selection=Selection(states=("failed",)), **ids).id)


def _blob(here: Place) -> str:
    asset = Asset.objects.for_workspace(here.workspace.id).get(id=_made("asset_id", here, here))
    return str(asset.blob_id or uuid4())


def _tasks() -> dict[str, Any]:
    from config.celery import app

    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith("apps.")}


def test_every_task_is_in_the_table() -> None:
    table = {*WITH_WORKSPACE, *ONE_ID, *SWEEPS, *NO_TENANT}
    assert set(_tasks()) == table, "say of each task how it keeps to its workspace"


def _rows_of(workspace_id: UUID) -> dict[str, list[Any]]:
    """Every row of a workspace, as PostgreSQL writes it."""
    found = {}
    with unscoped("a test looks at everything"), connection.cursor() as cursor:
        for model in apps.get_models():
            fields = {field.column for field in model._meta.concrete_fields}
            if "workspace_id" in fields:
                table = model._meta.db_table
                cursor.execute(
                    f"SELECT to_jsonb(row)::text FROM {table} AS row WHERE workspace_id = %s ORDER BY 1",
                    [workspace_id],
                )
                found[table] = cursor.fetchall()
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("name", WITH_WORKSPACE)
def test_a_task_with_ids_of_two_workspaces_does_nothing(
    name: str, workspace: Workspace, alice: User, foreign_workspace: Workspace, charlie: User
) -> None:
    here, there = Place(workspace, alice), Place(foreign_workspace, charlie)
    ids = WITH_WORKSPACE[name](here, there)
    before = _rows_of(workspace.id), _rows_of(foreign_workspace.id)
    for wrong in (foreign_workspace.id, uuid4()):
        # Not found, or nothing: both are nothing done.
        with suppress(ObjectDoesNotExist, LookupError, AssetMissing):
            _tasks()[name](workspace_id=str(wrong), **ids)
    assert (_rows_of(workspace.id), _rows_of(foreign_workspace.id)) == before


# --- Keys of the store ---------------------------------------------------------------------------------------------

KEY_COLUMNS = ("assets_asset.upload_key", "assets_blob.key", "assets_blob.previews")


def test_keys_are_built_below_their_workspace() -> None:
    workspace_id, thing = uuid4(), uuid4()
    built = [
        storage.incoming_key(workspace_id, thing),
        storage.blob_key(workspace_id, "ab" * 32),
        storage.preview_key(workspace_id, "ab" * 32, 512),
    ]
    assert all(key.startswith(f"ws/{workspace_id}/") for key in built)


@pytest.mark.django_db
def test_keys_that_are_kept_lie_below_their_workspace(workspace: Workspace, alice: User) -> None:
    here = Place(workspace, alice)
    _made("asset_id", here, here)
    seen = 0
    with unscoped("a test looks at everything"), connection.cursor() as cursor:
        for column in KEY_COLUMNS:
            table, name = column.split(".")
            cursor.execute(f"SELECT workspace_id, to_jsonb({name}) FROM {table}")
            for owner, value in cursor.fetchall():
                keys = json.loads(value) if isinstance(value, str) else value
                for key in keys.values() if isinstance(keys, dict) else filter(None, [keys]):
                    assert str(key).startswith(f"ws/{owner}/"), column
                    seen += 1
    assert seen, "the sample has a key"


def test_nobody_else_builds_a_key() -> None:
    builders = {str(path.relative_to(ROOT)) for path in CODE if re.search(r'f"ws/\{', path.read_text())}
    assert builders == BUILDERS, "build keys where the others are built, or name the place here"


BUILDERS = {
    "apps/assets/storage.py",
    "apps/datasets/execution/flushing.py",
    "apps/datasets/execution/sweeping.py",
    # Below which everything of a workspace is erased.
    "apps/workspaces/erasure.py",
}


# --- Groups and caches ---------------------------------------------------------------------------------------------

# What a group's name begins with, and what the rest of it is: an id that is checked where a socket joins.
GROUPS = {"workspace": "workspace id", "billing": "workspace id", "workflow": "workflow id", "run": "run id"}
# Named by a function: a person's own, which only their sockets join and which says only "look again".
GROUP_FUNCTIONS = {"access_group(user_id)"}
CACHE_KEYS = {
    "generations.health": "how vendors do, of no workspace",
    "BEAT_KEY": "when the scheduler was last alive",
    "f'stamped.{self.name}": "the version of a table of the whole site",
}


def _calls(name: str) -> Iterator[ast.Call]:
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in name.split("|") and node.args:
                yield node


def test_every_group_is_named_after_an_id() -> None:
    names = {ast.unparse(call.args[0]) for call in _calls("poke|group_for")}
    kinds = {found[1] for name in names if (found := re.match(r"f['\"](\w+)\.\{", name))}
    assert kinds == set(GROUPS)
    odd = {name for name in names if not re.match(r"f['\"](\w+)\.\{[\w.]*(id|pk)\}['\"]$", name)}
    assert odd == GROUP_FUNCTIONS, "a group's name is a kind and an id that nobody can guess"


def test_every_key_of_the_cache_is_known() -> None:
    keys = {ast.unparse(call.args[0]).strip("'\"") for call in _calls("cache.get|cache.set|cache.add|cache.get_or_set")}
    assert keys == set(CACHE_KEYS), "a key with something of a workspace in it must name the workspace"


# --- Looking across workspaces -------------------------------------------------------------------------------------

ACROSS = ROOT / "tests" / "tenancy" / "across.txt"


def _across() -> set[str]:
    """``file kind`` of each place that looks across workspaces or speaks SQL of its own."""
    found = set()
    for path in CODE:
        text, name = path.read_text(), str(path.relative_to(ROOT))
        if "def unscoped" not in text and re.search(r"\b(?:scope_or_)?unscoped\(", text):
            found.add(f"{name} unscoped")
        if re.search(r"\.cursor\(\)|\bprepared\(\)|RawSQL\(|\.raw\(|row_read\(", text):
            found.add(f"{name} sql")
        if re.search(r"\b(connection|here)\.connection\b", text):
            found.add(f"{name} connection")
    return found


def test_whoever_looks_across_workspaces_is_named() -> None:
    named = {line.split("#")[0].strip() for line in ACROSS.read_text().splitlines() if line.split("#")[0].strip()}
    assert _across() == named, "tests/tenancy/across.txt is the list; a new place needs a second pair of eyes"


# --- The figure ----------------------------------------------------------------------------------------------------


def test_the_figure_is_written_down() -> None:
    table = lines()
    pages = sum(len(line.methods) for line in table if line.kind in ("page", "person"))
    operations = sum(line.kind == "api" for line in table)
    sockets = sum(line.kind == "socket" for line in table)
    report = (
        f"pages {pages} methods x 6 (anonymous, outsider, viewer, editor, admin, owner)\n"
        f"operations {operations} x 12 (6 by session, 6 kinds of tokens)\n"
        f"sockets {sockets} x 4\n"
        f"tasks {len(_tasks())} of {len(WITH_WORKSPACE) + len(ONE_ID) + len(SWEEPS) + len(NO_TENANT)} in the table,"
        f" {len(WITH_WORKSPACE)} called with ids of two workspaces\n"
        f"keys of the store {len(KEY_COLUMNS)} columns, {len(BUILDERS)} files that build them\n"
        f"groups {len(GROUPS)}, cache keys {len(CACHE_KEYS)}\n"
        f"places that look across workspaces or speak SQL {len(_across())}, all named\n"
        "what is missing from one of these tables fails the tests\n"
    )
    folder = ROOT / "var" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tenancy.txt").write_text(report)
    assert len(_tasks()) > 30
