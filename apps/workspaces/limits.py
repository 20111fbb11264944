"""How often people and programs may ask: which buckets a request draws on, and what it is told.

Each request over the API takes from the buckets of its token, its person and its workspace at once; what starts paid
work, or an upload, takes from one more. Who is not known takes from the bucket of the address they come from. While
Redis cannot be asked, what only reads or writes passes, and what starts paid work does not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, ParamSpec

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.buckets import Answer, Bucket, Level, LimiterDown, buckets_take
from apps.common.problems import Problem, problem_response
from apps.workspaces.models import ApiToken, Workspace
from apps.workspaces.plans import PERSON_SHARE, PLANS, START_SHARE, TOKEN_SHARE, PlanName

P = ParamSpec("P")
# What a request may draw on beside what all do.
More = Literal["", "starts", "uploads"]
# Whoever shows no valid token or session: tokens a second from one address, and at once.
STRANGER_RATE, STRANGER_BURST = 20.0, 200
# What comes to the address of one waiting step, or of one call to a provider.
HOOK_RATE, HOOK_BURST = 2.0, 20
# Invitations go to people who did not ask for them.
INVITATION_RATE, INVITATION_BURST = 20 / 3600, 20


def request_buckets(
    workspace: Workspace, *, person_id: Any, token: ApiToken | None = None, more: More = ""
) -> list[Bucket]:
    """What a request of this person, with this token, in this workspace draws on."""
    plan, tag = PLANS[PlanName(workspace.plan)], f"{{{workspace.id}}}"
    shares = [("workspace", f"{tag}:workspace", 1.0), ("person", f"{tag}:person:{person_id}", PERSON_SHARE)]
    if token is not None:
        shares.append(("token", f"{tag}:token:{token.id}", TOKEN_SHARE))
    if more:
        shares.append((more, f"{tag}:{more}", START_SHARE))
    return [Bucket(name, key, plan.rate * share, int(plan.burst * share)) for name, key, share in shares]


def request_limit(request: Any, *, more: More = "") -> None:
    """Take what this request costs; a Problem when there is too little left, or nobody can say and it would be paid.

    ``request.limits`` has the answer, for the headers.
    """
    token = getattr(request, "token", None)
    buckets = request_buckets(request.workspace, person_id=request.user.id, token=token, more=more)
    try:
        request.limits = buckets_take(buckets)
    except LimiterDown as error:
        if more == "starts":
            raise limiter_down() from error
        return
    if not request.limits.allowed:
        raise too_many(request.limits)


def address_limit(request: Any, name: str, *, rate: float = STRANGER_RATE, burst: int = STRANGER_BURST) -> None:
    """Take one from the bucket ``name`` of the address that the request comes from; passes while nobody can say."""
    key_limit(request, f"{{{address_of(request)}}}:{name}", name, rate=rate, burst=burst)


def key_limit(request: Any, key: str, name: str, *, rate: float, burst: int) -> None:
    """Take one from a bucket of its own; a Problem when it is empty."""
    try:
        request.limits = buckets_take([Bucket(name, key, rate, burst)])
    except LimiterDown:
        return
    if not request.limits.allowed:
        raise too_many(request.limits)


def address_of(request: HttpRequest) -> str:
    """The address that somebody comes from; of IPv6 its network, since a household has all of that."""
    found = ipaddress.ip_address(get_adapter().get_client_ip(request))
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found.ipv4_mapped or found) if found.version == 6 else str(found)


def starts_limited(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Under ``member_required``: a POST to this page starts paid work, and is counted as one over the API is."""

    @wraps(view)
    def inner(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request: Any = args[0]
        if request.method == "POST":
            try:
                request_limit(request, more="starts")
            except Problem as problem:
                return page_refusal(request, problem)
        return view(*args, **kwargs)

    return inner


def strangers_limited(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """A page that opens for whoever has its link: so many visits from one address, lest somebody tries links."""

    @wraps(view)
    def inner(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request: Any = args[0]
        try:
            address_limit(request, "strangers")
        except Problem as problem:
            return page_refusal(request, problem)
        return view(*args, **kwargs)

    return inner


def page_refusal(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A refusal where a person is looking: a toast on the page they are on, which keeps what they typed, or a page."""
    if request.headers.get("HX-Request"):
        return problem_response(request, problem)
    response = render(request, "429.html", {"problem": problem}, status=problem.status)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def too_many(answer: Answer) -> Problem:
    """429: when to come back, and which limit it was."""
    wait = answer.retry_s
    detail = ngettext(
        "Too many requests. Try again in %(wait)s second.",
        "Too many requests. Try again in %(wait)s seconds.",
        wait,
    ) % {"wait": wait}
    problem = Problem("too-many-requests", 429, _("Too many requests"), detail, violated=[answer.scarcest.bucket.name])
    problem.headers["Retry-After"] = str(wait)
    return problem


def limiter_down() -> Problem:
    """503: nobody can say whether there is room for another start, so none is made."""
    detail = _("We cannot start this right now. Try again in a moment; nothing was charged.")
    problem = Problem("limiter-down", 503, _("Try again in a moment"), detail)
    problem.headers["Retry-After"] = "2"
    return problem


def limit_headers(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: says on every answer what is left (draft-ietf-httpapi-ratelimit-headers, the fields of 09 to 11)."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        found: Answer | None = getattr(request, "limits", None)
        if found is not None:
            response.headers.setdefault("RateLimit-Policy", ", ".join(_policy(level.bucket) for level in found.levels))
            response.headers.setdefault("RateLimit", ", ".join(map(_level, found.levels)))
        return response

    return answer


def _level(level: Level) -> str:
    return f'"{level.bucket.name}";r={max(0, level.remaining)};t={level.full_in_s}'


def _policy(bucket: Bucket) -> str:
    """An empty bucket is full again after the policy's window."""
    return f'"{bucket.name}";q={bucket.burst};w={max(1, round(bucket.burst / bucket.rate))}'


def problem_answers(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """A view outside of the API whose callers are programs: what it refuses is a problem document."""

    @wraps(view)
    def inner(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(*args, **kwargs)
        except Problem as problem:
            return problem_response(args[0], problem)  # type: ignore[arg-type]

    return inner
