from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.workspaces.models import Workspace

Tokens = Callable[..., str]
Api = Callable[..., Client]


@pytest.fixture
def alice_api(api: Api) -> Client:
    return api()


@pytest.fixture
def victor_api(api: Api, token_for: Tokens, victor: User, workspace: Workspace) -> Client:
    return api(token_for(victor, workspace))


@pytest.fixture
def charlie_api(api: Api, token_for: Tokens, charlie: User, foreign_workspace: Workspace) -> Client:
    return api(token_for(charlie, foreign_workspace))
