"""Nobody sees or changes what is not theirs: every route, every method, every role, from the table in tests/tenancy.

Each request is rolled back, so every one of the cast meets the same things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from apps.accounts.models import User
from apps.common.models import TenantModel, TenantRow
from apps.common.tenancy import ScopeError
from apps.projects.models import Project, ProjectMember, Workflow
from apps.workspaces.models import Role, TokenScope, Workspace
from tests.conftest import client_of, member_make, person_make
from tests.tenancy.routes import Line, is_named, lines, operations, page_paths, sockets
from tests.tenancy.samples import ABSENT_FOR_ALL, BODIES, LEAST, NO_IDS, SAMPLES, Place

PAGES = [line for line in lines() if line.kind == "page"]
PERSONAL = [line for line in lines() if line.kind == "person"]
OPERATIONS = [line for line in lines() if line.kind == "api"]
SOCKETS = [line for line in lines() if line.kind == "socket"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A refusal on other grounds than who asks: a form with mistakes, a state that does not allow it, no credits.
ALLOWED = {200, 201, 202, 204, 302, 303, 400, 402, 409, 410, 422}


# --- The table is complete -----------------------------------------------------------------------------------------


def test_every_page_is_in_the_table() -> None:
    table = {line.path for line in lines() if line.kind != "api"}
    missing = sorted(path for path in set(page_paths()) if not is_named(path, table))
    assert not missing, "add a line to tests/tenancy/matrix.txt for each"


def test_every_operation_and_its_scope_is_in_the_table() -> None:
    table = {(line.methods[0], line.path, line.need) for line in OPERATIONS}
    real = set(operations())
    assert real - table == set(), "add a line to tests/tenancy/matrix.txt for each"
    assert table - real == set(), "these lines have no operation any more"


def test_every_socket_is_in_the_table() -> None:
    assert set(sockets()) == {line.path for line in SOCKETS}


def test_no_line_has_lost_its_route() -> None:
    real = set(page_paths())
    lost = [line.path for line in [*PAGES, *PERSONAL] if line.path not in real]
    assert not lost


def test_every_id_has_a_sample() -> None:
    wanted = {name for line in [*PAGES, *OPERATIONS, *SOCKETS] for name in line.arguments}
    assert not wanted - set(SAMPLES), "add a sample to tests/tenancy/samples.py for each"


# --- The cast ------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(workspace: Workspace, alice: User) -> Place:
    """Where the samples are made, and whose they are."""
    return Place(workspace, alice)


@pytest.fixture
def elsewhere(foreign_workspace: Workspace, charlie: User) -> Place:
    return Place(foreign_workspace, charlie)


@pytest.fixture
def people(alice: User, ada: User, bob: User, victor: User, gwen: User) -> dict[Role, User]:
    return {Role.OWNER: alice, Role.ADMIN: ada, Role.EDITOR: bob, Role.VIEWER: victor, Role.GUEST: gwen}


def filled(line: Line, place: Place) -> dict[str, Any]:
    """A value for each id of the path, the things behind them made."""
    values: dict[str, Any] = {}
    for name in line.arguments:
        values[name] = place.made[name] = SAMPLES[name](place)
    return values


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside has not happened."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, line: Line, method: str, url: str, slug: str = "") -> tuple[int, str]:
    """Status and body, or the address of a redirect; as a browser (``slug`` given) or with a token."""
    is_json = line.kind == "api" and method != "GET"
    body = json.dumps(BODIES.get(line.key, {})) if is_json else ""
    headers = {}
    if slug:
        csrf = _get_new_csrf_string()
        client.cookies[settings.CSRF_COOKIE_NAME] = csrf
        headers = {"Millrace-Workspace": slug, "X-CSRFToken": csrf}
    content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
    with undone():
        answer = client.generic(method, url, body, content_type, headers=headers)
        text = "" if answer.streaming else answer.content.decode(errors="replace")
        return answer.status_code, answer.headers.get("Location", text)


def allows(line: Line, status: int) -> bool:
    return status in ALLOWED or (line.key in ABSENT_FOR_ALL and status == 404)


# --- Pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("line", PAGES, ids=str)
def test_pages(line: Line, place: Place, people: dict[Role, User], charlie: User) -> None:
    with undone():
        url = line.url(place.workspace.slug, filled(line, place))
        strangers = {"anonymous": Client(), "outsider": client_of(charlie)}
        for method in METHODS:
            status, where = ask(strangers["anonymous"], line, method, url)
            assert (status == 302 and where.startswith("/accounts/login/")) or status == 405, (
                f"anonymous {method} {status}"
            )
            status, _ = ask(strangers["outsider"], line, method, url)
            assert status in {404, 405}, f"outsider {method} {status}"
        for role, person in people.items():
            for method in line.methods:
                status, where = ask(client_of(person), line, method, url)
                if role.includes(Role(line.need)):
                    assert allows(line, status), f"{role} {method} {status}"
                    assert "/accounts/login/" not in where[:200]
                else:
                    assert status == 403, f"{role} {method} {status}"


@pytest.mark.django_db
@pytest.mark.parametrize("line", PERSONAL, ids=str)
def test_personal_pages(line: Line) -> None:
    url = line.url("", {})
    for method in line.methods:
        assert ask(Client(), line, method, url)[1].startswith("/accounts/login/")
        assert ask(client_of(person_make(f"p{uuid4().hex[:6]}")), line, method, url)[0] in ALLOWED


# --- API -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("line", OPERATIONS, ids=str)
def test_operations_by_session(line: Line, place: Place, people: dict[Role, User], charlie: User) -> None:
    slug, method = place.workspace.slug, line.methods[0]
    with undone():
        url = line.url(slug, filled(line, place))
        assert ask(Client(), line, method, url, slug)[0] == 401, "anonymous"
        assert ask(client_of(charlie), line, method, url, slug)[0] == 404, "outsider"
        for role, person in people.items():
            status, text = ask(client_of(person), line, method, url, slug)
            if role.includes(LEAST.get(line.key, line.least)):
                assert allows(line, status), f"{role} {status} {text[:300]}"
            else:
                assert status == 403, f"{role} {status}"


@pytest.mark.django_db
@pytest.mark.parametrize("line", OPERATIONS, ids=str)
def test_operations_by_token(
    line: Line, place: Place, charlie: User, victor: User, token_for: Callable[..., str]
) -> None:
    method = line.methods[0]
    others = [scope for scope in TokenScope.values if scope != line.scope]

    def status(secret: str) -> int:
        return ask(Client(headers={"Authorization": f"Bearer {secret}"}), line, method, url)[0]

    with undone():
        url = line.url(place.workspace.slug, filled(line, place))
        assert allows(line, status(token_for(place.owner, place.workspace, scopes=[line.scope]))), (
            "token with the scope"
        )
        assert status(token_for(place.owner, place.workspace, scopes=others)) == 403, "token without the scope"
        assert status(token_for(place.owner, place.workspace, days=-1)) == 401, "expired"
        assert status(token_for(charlie, place.workspace)) == 401, "of somebody who is no member"
        assert status("mr_nonsense") == 401
        if not Role.VIEWER.includes(line.least):
            assert status(token_for(victor, place.workspace)) == 403, "a viewer's token is a viewer"


@pytest.mark.django_db
def test_a_browser_without_csrf_changes_nothing(alice: User, workspace: Workspace) -> None:
    answer = client_of(alice).post(
        "/api/v1/projects", {"name": "x"}, "application/json", headers={"Millrace-Workspace": workspace.slug}
    )
    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/csrf"


# --- A foreign id is an unknown id ---------------------------------------------------------------------------------


def _plain(text: str, values: dict[str, Any]) -> str:
    """The body without what differs by chance: the ids asked for and the CSRF token."""
    for value in (value for value in values.values() if isinstance(value, UUID)):
        text = text.replace(str(value), "…")
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+', "", text)


WITH_IDS = [line for line in [*PAGES, *OPERATIONS] if set(line.arguments) - NO_IDS]


@pytest.mark.django_db
@pytest.mark.parametrize("line", WITH_IDS, ids=str)
def test_a_foreign_id_answers_like_an_unknown_one(line: Line, place: Place, elsewhere: Place) -> None:
    slug, client = place.workspace.slug, client_of(place.owner)
    for method in line.methods:
        with undone():
            theirs = filled(line, elsewhere)
            nobodys = {**theirs, line.arguments[0]: uuid4()}
            answers = [
                (status, _plain(text, values))
                for values in (theirs, nobodys)
                for status, text in [ask(client, line, method, line.url(slug, values), slug)]
            ]
            assert answers[0][0] == 404, answers[0]
            assert answers[0] == answers[1]


# --- A private project of others is an unknown one -------------------------------------------------------------------

OF_PROJECTS = {"project", "project_id", "workflow", "workflow_id", "run_id", "generation_id", "asset_id"}
IN_PROJECTS = [line for line in WITH_IDS if OF_PROJECTS & set(line.arguments)]


@pytest.mark.django_db
@pytest.mark.parametrize("line", IN_PROJECTS, ids=str)
def test_what_is_private_answers_like_what_is_unknown(line: Line, place: Place, people: dict[Role, User]) -> None:
    """To whoever is not listed: the workspace's owner, who may do the most elsewhere, and a guest."""
    slug = place.workspace.slug
    with undone():
        values = filled(line, place)
        nobodys = {**values, line.arguments[0]: uuid4()}
        Project.objects.for_workspace(place.workspace.id).update(private=True)
        ProjectMember.objects.for_workspace(place.workspace.id).all().delete()
        for role in (Role.OWNER, Role.GUEST):
            person = people[role]
            for method in line.methods:
                answers = [
                    (status, _plain(text, ids))
                    for ids in (values, nobodys)
                    for status, text in [ask(client_of(person), line, method, line.url(slug, ids), slug)]
                ]
                assert answers[0][0] in {403, 404}, f"{role} {method} {answers[0]}"
                assert answers[0] == answers[1], f"{role} {method}"
                if line.kind == "page" and role.includes(Role(line.need)):
                    assert answers[0][0] == 404, f"{role} {method}"


LISTS = [line for line in [*PAGES, *OPERATIONS] if "GET" in line.methods and not set(line.arguments) - NO_IDS]


@pytest.mark.django_db
@pytest.mark.parametrize("line", LISTS, ids=str)
def test_lists_show_nothing_private(line: Line, place: Place, people: dict[Role, User]) -> None:
    """Names, prompts and ids of what lies in a private project are in no list and on no page."""
    slug = place.workspace.slug
    with undone():
        made = {name: str(SAMPLES[name](place)) for name in ("run_id", "generation_id", "asset_id")}
        projects = Project.objects.for_workspace(place.workspace.id)
        made |= {f"project {row}": str(row) for row in projects.values_list("id", flat=True)}
        made |= {"workflow": str(place.made["the workflow"].id), "name": "Zanzibar", "prompt": "a mill"}
        projects.update(private=True, name="Zanzibar")
        Workflow.objects.for_workspace(place.workspace.id).update(name="Zanzibar")
        ProjectMember.objects.for_workspace(place.workspace.id).all().delete()
        for role in (Role.OWNER, Role.GUEST):
            _status, text = ask(client_of(people[role]), line, "GET", line.url(slug, filled(line, place)), slug)
            assert not [what for what, said in made.items() if said in text], role


# --- Sockets -------------------------------------------------------------------------------------------------------


async def _is_let_in(path: str, user: Any, *, quiet_s: float = 20) -> bool:
    """Whether the socket stays. One that says nothing for ``quiet_s`` does; short is for whoever should be let in."""
    from channels.routing import URLRouter
    from channels.testing import WebsocketCommunicator

    from config.routing import websocket_urlpatterns

    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path)
    socket.scope.update({"user": user})  # type: ignore[misc]
    connected, _code = await socket.connect(timeout=30)
    if not connected:
        return False
    try:
        if await socket.receive_nothing(timeout=quiet_s):
            return True
        message = await socket.receive_output()
        return bool(message["type"] == "websocket.send")
    finally:
        await socket.disconnect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("line", SOCKETS, ids=str)
async def test_sockets(line: Line) -> None:
    from asgiref.sync import sync_to_async
    from django.contrib.auth.models import AnonymousUser

    def set_up() -> tuple[str, str, User, User, User]:
        home = Workspace.objects.create(slug="mill", name="Mill")
        away = Workspace.objects.create(slug="elsewhere", name="Elsewhere")
        alice, charlie = member_make("alice", home, Role.OWNER), member_make("charlie", away, Role.OWNER)
        victor, gwen = member_make("victor", home, Role.VIEWER), member_make("gwen", home, Role.GUEST)
        own = line.url("mill", filled(line, Place(home, alice)))
        foreign = line.url("mill", filled(line, Place(away, charlie)))
        return own, foreign, victor, gwen, charlie

    def close() -> None:
        Project._base_manager.update(private=True)
        ProjectMember._base_manager.all().delete()

    own, foreign, victor, gwen, charlie = await sync_to_async(set_up)()
    assert await _is_let_in(own, victor, quiet_s=1), "viewer"
    guests = line.need == "guest"
    assert await _is_let_in(own, gwen, quiet_s=1 if guests else 20) is guests, "guest"
    assert not await _is_let_in(own, AnonymousUser()), "anonymous"
    assert not await _is_let_in(own, charlie), "outsider"
    if line.arguments:
        assert not await _is_let_in(foreign, victor), "a foreign id"
        await sync_to_async(close)()
        assert not await _is_let_in(own, victor), "a member whom a private project does not list"
        assert not await _is_let_in(own, gwen), "a guest whom no project lists"


# --- Tables --------------------------------------------------------------------------------------------------------

# Tables with a workspace that are not under the fail-closed manager, each with its reason.
UNSCOPED = {
    "workspaces.Membership": "it decides the scope",
    "billing.Account": "the house's own accounts belong to no workspace",
    "workspaces.Switch": "staff's, most of them for all workspaces",
    "projects.Operation": "read only through its workflow, whose composite key carries the tenant",
}


def test_every_table_with_a_workspace_is_a_tenants() -> None:
    found = {
        model._meta.label
        for model in apps.get_models()
        if any(
            isinstance(field, models.ForeignKey) and field.related_model is Workspace for field in model._meta.fields
        )
        and not issubclass(model, (TenantModel, TenantRow))
    }
    assert found == set(UNSCOPED)


@pytest.mark.django_db
def test_without_a_scope_tenant_tables_raise() -> None:
    for model in apps.get_models():
        if issubclass(model, (TenantModel, TenantRow)):
            with pytest.raises(ScopeError):
                model.objects.first()


@pytest.mark.django_db
def test_the_workspace_of_a_tenant_row_is_never_null() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'workspace_id' AND is_nullable = 'YES' AND table_schema = 'public'"
        )
        # The house's own accounts, what staff say of all workspaces, and nothing else.
        assert sorted(cursor.fetchall()) == [("billing_account",), ("workspaces_switch",)]
