"""A workspace's own sign-in, against a provider over HTTP: who gets in, as whom, and what it can never do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from apps.accounts.models import User
from apps.common.outbound import is_public
from apps.workspaces.models import Membership, Role, SingleSignOn, Workspace
from apps.workspaces.single_sign_on import sign_on_set
from tests.conftest import client_of
from tests.workspaces.identity_provider import CLIENT, SECRET, Provider, provider_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def idp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider inside of the network, allowed by whoever runs the site."""
    cache.clear()
    with provider_run() as provider:
        monkeypatch.setattr(settings, "SSO_INTERNAL_HOSTS", ["127.0.0.1", provider.url.partition("//")[2]])
        yield provider


@pytest.fixture
def sign_on(idp: Provider, workspace: Workspace) -> SingleSignOn:
    return sign_on_set(workspace_id=workspace.id, name="Acme", issuer=idp.url, client_id=CLIENT, secret=SECRET)


def come(client: Client, idp: Provider, start: str, **person: Any) -> Any:
    """Through the provider: from our page there, and back with its answer."""
    idp.person = {"sub": "7", "email": "grace@acme.example", "email_verified": True, "name": "Grace Weir", **person}
    begun = client.post(start, {"workspace": "mill"} if start == "/organisation/" else {})
    assert begun.status_code == 302, begun.content.decode()
    return client.get(idp.authorize(begun.headers["Location"]).removeprefix("http://testserver"), follow=True)


def form_of(idp: Provider, **changed: Any) -> dict[str, Any]:
    known = {"name": "Acme", "issuer": idp.url, "client_id": CLIENT, "secret": SECRET, "role": "editor"}
    return {**known, **changed}


def test_admins_set_it_up_and_the_secret_is_sealed(idp: Provider, workspace: Workspace, ada: User) -> None:
    page = f"/w/{workspace.slug}/settings/sign-on/"
    answer = client_of(ada).post(page, form_of(idp))
    assert answer.status_code == 302
    row = SingleSignOn.objects.for_workspace(workspace.id).get()
    assert SECRET.encode() not in bytes(row.sealed)
    text = client_of(ada).get(page).content.decode()
    assert SECRET not in text
    assert f"/accounts/oidc/{row.provider_id}/login/callback/" in text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"issuer": "http://login.example.org"}, "issuer"),
        ({"issuer": "https://127.0.0.2:1"}, "issuer"),
        ({"issuer": "https://localhost"}, "issuer"),
        ({"secret": ""}, "secret"),
        ({"required": "on"}, "required"),
        ({"role": "owner"}, "role"),
        ({"name": ""}, "name"),
    ],
)
def test_bad_settings_are_refused_where_they_are_wrong(
    idp: Provider, workspace: Workspace, ada: User, changed: dict[str, Any], field: str
) -> None:
    answer = client_of(ada).post(f"/w/{workspace.slug}/settings/sign-on/", form_of(idp, **changed))
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert not SingleSignOn.objects.for_workspace(workspace.id).exists()


def test_a_provider_that_calls_itself_something_else_is_refused(idp: Provider, workspace: Workspace, ada: User) -> None:
    idp.names_itself = "https://somebody.example"
    answer = client_of(ada).post(f"/w/{workspace.slug}/settings/sign-on/", form_of(idp))
    assert "https://somebody.example" in answer.content.decode()


def test_somebody_new_confirms_the_address_before_being_in(
    idp: Provider, sign_on: SingleSignOn, workspace: Workspace
) -> None:
    client = Client()
    answer = come(client, idp, "/organisation/")
    assert answer.redirect_chain[-1][0] == "/accounts/confirm-email/", "a provider vouches for no address"
    user = User.objects.get(email="grace@acme.example")
    assert "_auth_user_id" not in client.session
    assert not user.memberships.exists(), "not in before the address is confirmed, and no studio of their own either"
    user.emailaddress_set.update(verified=True)  # type: ignore[attr-defined]
    answer = come(client, idp, "/organisation/")
    assert answer.redirect_chain[-1][0] == f"/w/{workspace.slug}/"
    assert Membership.objects.get(user=user).role == Role.EDITOR
    assert {form["client_secret"] for form in idp.asked} == {SECRET}


def test_a_provider_cannot_become_somebody_who_is_here(
    idp: Provider, sign_on: SingleSignOn, charlie: User, workspace: Workspace
) -> None:
    client = Client()
    come(client, idp, "/organisation/", email=charlie.email)
    assert "_auth_user_id" not in client.session
    assert not Membership.objects.filter(user=charlie, workspace=workspace).exists()


def test_members_connect_and_then_it_can_be_required(
    idp: Provider, sign_on: SingleSignOn, workspace: Workspace, ada: User, bob: User, alice: User
) -> None:
    admin, member, home = client_of(ada), client_of(bob), f"/w/{workspace.slug}/"
    come(admin, idp, f"/w/{workspace.slug}/sign-on/", sub="ada", email=ada.email)
    page = f"/w/{workspace.slug}/settings/sign-on/"
    assert admin.post(page, form_of(idp, secret="", required="on")).status_code == 302

    stopped = member.get(home)
    assert stopped.headers["Location"].startswith(f"/w/{workspace.slug}/sign-on/?next=")
    assert member.get(home, headers={"HX-Request": "true"}).headers["HX-Redirect"] == f"/w/{workspace.slug}/sign-on/"
    refused = member.get("/api/v1/me", headers={"Millrace-Workspace": workspace.slug})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/sign-on-required")
    assert client_of(alice).get(home).status_code == 200, "owners are never locked out"

    come(member, idp, f"/w/{workspace.slug}/sign-on/", sub="bob", email=bob.email)
    assert member.get(home).status_code == 200
    fresh = Client()
    come(fresh, idp, "/organisation/", sub="bob", email=bob.email)
    assert fresh.get(home).status_code == 200, "from now on it signs them in"


def test_without_it_identities_open_nothing(
    idp: Provider, sign_on: SingleSignOn, workspace: Workspace, ada: User, bob: User
) -> None:
    come(client_of(bob), idp, f"/w/{workspace.slug}/sign-on/", sub="bob", email=bob.email)
    admin = client_of(ada)
    assert admin.post(f"/w/{workspace.slug}/settings/sign-on/remove/").status_code == 302
    assert Client().post("/organisation/", {"workspace": workspace.slug}).status_code == 422
    assert not bob.socialaccount_set.exists()  # type: ignore[attr-defined]


def test_a_provider_that_is_down_is_one_sentence(
    idp: Provider, sign_on: SingleSignOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    SingleSignOn.objects.for_workspace(sign_on.workspace_id).update(issuer="http://127.0.0.1:9")
    answer = Client().post("/organisation/", {"workspace": "mill"}, follow=True)
    assert answer.status_code in (200, 422)
    assert "Try again in a moment" in answer.content.decode()


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::",
    ],
)  # fmt: skip
def test_inward_addresses(address: str) -> None:
    assert not is_public(address)
