"""Signing in with name and password, the code after it, signing out, and the choice of the project.

Every way in ends in `welcomed`. Passkeys and identities are in modules of their own beside this one.
"""

from __future__ import annotations

import math

from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

import clock
from calling.dashboard import identity_provider, passwords, second_factor, tries
from calling.dashboard.access import CHOSEN, LONGEST_WAY_BACK, Staff, page, source
from calling.models import StaffAction, StaffRole
from rest import errors

WAITING = "dashboard_second_factor"
WAIT_SECONDS = 300
SIGNED_IN_AT = "dashboard_signed_in_at"
RECENT_SECONDS = 600
UNUSED_SECONDS = 900
LOGIN_FORM, CODE_FORM = "dashboard/login.html", "dashboard/login_code.html"
MAX_PASSWORD = 4096


def failed(request: HttpRequest, name: str, **way: str) -> None:
    if tries.worth_noting(request):
        note(request, "login.failed", name, **way)


def note(request: HttpRequest, action: str, name: str, **detail: str) -> None:
    """A line of the audit log of the project where that person lands; the same work for a name nobody has."""
    first = StaffRole.objects.filter(user__username=name).order_by("created_at").values_list("project_id")[:1]
    project_id = next((each for (each,) in first), None)
    StaffAction.objects.create(
        project_id=project_id, action=action, name=name, source=source(request), detail=detail
    )


def refused(
    request: HttpRequest, template: str, words: str, status: int, wait: float | None = None
) -> HttpResponse:
    """The form again, with words; `wait` is when to try again, in seconds."""
    name = request.POST.get("username", "")[:150]
    response = form(request, template, onward(request), words=words, username=name)
    response.status_code = status
    if wait is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def form(request: HttpRequest, template: str, target: str, **more: str) -> HttpResponse:
    context = {"next": target, "provider": identity_provider.shown_name(), **more}
    return render(request, template, context)


def too_many(request: HttpRequest, template: str, wait: float) -> HttpResponse:
    return refused(request, template, gettext("Too many tries. Wait a few minutes."), 429, wait)


def onward(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = len(target) <= LONGEST_WAY_BACK and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and target.startswith("/") else "/dashboard/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return form(request, LOGIN_FORM, onward(request))
    name = request.POST.get("username", "").replace("\0", "")[:150]
    buckets = tries.of_password(request, name)
    wait = tries.take(buckets)
    if wait is not None:
        return too_many(request, LOGIN_FORM, wait)
    try:
        user = passwords.owner_of(name, request.POST.get("password", "").replace("\0", "")[:MAX_PASSWORD])
    except errors.Unavailable as away:
        return refused(request, LOGIN_FORM, gettext(away.message), 503, float(away.headers["Retry-After"]))
    if user is None:
        failed(request, name)
        return refused(request, LOGIN_FORM, gettext("The name or the password is wrong."), 403)
    tries.put_back(buckets)
    return admitted(request, user, onward(request))


def admitted(request: HttpRequest, user: User, target: str, **way: str) -> HttpResponse:
    """Who has shown one factor: asked for a code where the second one is on, else signed in."""
    if second_factor.is_on(user):
        request.session[WAITING] = {"user": user.pk, "at": clock.time(), "next": target, "way": way}
        return redirect("/dashboard/login/code")
    return welcomed(request, user, target, **way)


def welcomed(request: HttpRequest, user: User, target: str, **way: str) -> HttpResponse:
    """Signs in. `way`: what the audit log says beside it, where it was not the password."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.set_expiry(None)
    request.session.pop(WAITING, None)
    request.session[SIGNED_IN_AT] = clock.time()
    note(request, "login", user.get_username()[:150], **way)
    response = redirect(target)
    tries.remember_browser(request, response, user)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step: six digits, each code good once."""
    waiting = request.session.get(WAITING)
    if not waiting or clock.time() - waiting["at"] > WAIT_SECONDS:
        return redirect("/dashboard/login")
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None:
        return redirect("/dashboard/login")
    if request.method != "POST":
        return form(request, CODE_FORM, waiting["next"])
    buckets = tries.of_code(request, user)
    wait = tries.take(buckets)
    if wait is not None:
        return too_many(request, CODE_FORM, wait)
    if not second_factor.use_code(user, request.POST.get("code", "")):
        failed(request, user.get_username())
        return refused(request, CODE_FORM, gettext("This code is wrong or was already used."), 403)
    tries.put_back(buckets)
    return welcomed(request, user, waiting["next"], **waiting.get("way", {}))


def keep_short(request: HttpRequest) -> None:
    """A session that was made to sign in, by whoever asked, ends soon where nobody did."""
    if not request.user.is_authenticated:
        request.session.set_expiry(UNUSED_SECONDS)


def recently(request: HttpRequest) -> bool:
    """Whether this session signed in a few minutes ago: ways to sign in are added and removed only then."""
    return bool(0 <= clock.time() - request.session.get(SIGNED_IN_AT, 0) <= RECENT_SECONDS)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        note(request, "logout", request.user.get_username()[:150])
    logout(request)
    return redirect("/dashboard/login")


@page("viewer", "POST")
def choose(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Another project; one that is not theirs leaves things as they are."""
    wanted = request.POST.get("project", "")
    if any(str(project.pk) == wanted for project in staff.projects):
        request.session[CHOSEN] = wanted
    return redirect("/dashboard/")
