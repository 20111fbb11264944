"""The vendor's HTTP API, and its submission log for staff."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.sandbox.documents import job_document, submission_document
from apps.sandbox.dropping import connection_drop
from apps.sandbox.models import Job, JobOutput, Submission
from apps.sandbox.orders import OrderRefused
from apps.sandbox.services import JobUnknown, job_cancel, job_submit

View = Callable[..., HttpResponseBase]
CHUNK = 256 * 1024
FOUND_MAX = 20


def with_key(view: View) -> View:
    """Only for whoever sends the vendor's API key."""

    @csrf_exempt
    @wraps(view)
    def keyed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not _has_key(request):
            return _error(401, "auth", "The API key is missing or wrong.")
        return view(request, *args, **kwargs)

    return keyed


@with_key
@require_http_methods(["GET", "POST"])
def job_list(request: HttpRequest) -> HttpResponseBase:
    """POST: a new order. GET: the newest jobs of a client reference."""
    if request.method == "GET":
        reference = request.GET.get("client_reference", "").replace("\x00", "")
        jobs = Job.objects.filter(client_reference=reference).exclude(client_reference="")
        found = jobs.order_by("-created_at").prefetch_related("outputs")[:FOUND_MAX]
        return JsonResponse({"items": [job_document(job, _root(request)) for job in found]})
    try:
        job = job_submit(raw=request.body)
    except OrderRefused as refusal:
        return _error(refusal.status, refusal.code, str(refusal))
    if job.fault == "lost":
        connection_drop(request)
        return _error(502, "lost", "The answer was lost, as it was asked to be.")
    return JsonResponse(job_document(job, _root(request)), status=201)


@with_key
@require_http_methods(["GET", "DELETE"])
def job_detail(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """GET: the job now. DELETE: stop it."""
    try:
        job = job_cancel(job_id=job_id) if request.method == "DELETE" else Job.objects.get(id=job_id)
    except (Job.DoesNotExist, JobUnknown):
        return _error(404, "not_found", "There is no such job.")
    return JsonResponse(job_document(job, _root(request)))


@require_GET
def file_detail(request: HttpRequest, token: str, filename: str) -> HttpResponseBase:
    """The bytes of an output. Who knows the address may read it, until it expires."""
    output = JobOutput.objects.filter(token=token, filename=filename).first()
    if output is None:
        return _error(404, "not_found", "There is no such file.")
    if output.expires_at <= timezone.now():
        return _error(410, "not_found", "This address has expired. Ask for the job again.")
    headers = {"Content-Length": str(output.size), "Cache-Control": "private, max-age=3600"}
    return StreamingHttpResponse(_chunks(output.key), content_type=output.content_type, headers=headers)


@require_GET
def submission_list(request: HttpRequest) -> HttpResponseBase:
    """The submission log, newest first, as a page or as JSON."""
    if not (request.user.is_authenticated or _has_key(request)):
        return redirect_to_login(request.get_full_path())
    if not (_has_key(request) or getattr(request.user, "is_staff", False)):
        raise Http404
    rows = Submission.objects.all()
    reference = request.GET.get("client_reference", "").replace("\x00", "")
    if reference:
        rows = rows.filter(client_reference=reference)
    try:
        limit = int(request.GET.get("limit", "50"))
        page, following = keyset_page(rows, limit=limit, cursor=request.GET.get("cursor"))
    except (Problem, ValueError) as problem:
        return _error(422, "invalid", str(problem))
    if request.GET.get("format") == "json" or not request.accepts("text/html"):
        items = [submission_document(row) for row in page]
        return JsonResponse({"items": items, "next": following, "count": rows.count()})
    context = {"rows": page, "next": following, "reference": reference, "count": rows.count()}
    return render(request, "sandbox/submission_list.html", context)


async def _chunks(key: str) -> AsyncIterator[bytes]:
    storage: Any = default_storage
    body = (await sync_to_async(storage.bucket.Object(key).get)())["Body"]
    try:
        while chunk := await sync_to_async(body.read)(CHUNK):
            yield chunk
    finally:
        body.close()


def _has_key(request: HttpRequest) -> bool:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(key, settings.SANDBOX_KEY)


def _root(request: HttpRequest) -> str:
    return request.build_absolute_uri("/sandbox/v1")


def _error(status: int, code: str, message: str) -> HttpResponse:
    headers = {"Retry-After": "60"} if status == 429 else {}
    return JsonResponse({"error": {"code": code, "message": message}}, status=status, headers=headers)
