"""Signing in and out, the second factor, and the choice of the project."""

from __future__ import annotations

import math

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

import clock
from calling.dashboard import passwords, totp, tries
from calling.dashboard.access import CHOSEN, Staff, came_from, page, record, source
from calling.models import SecondFactor, StaffAction, StaffRole
from rest import errors
from subscribers import encryption

WAITING = "dashboard_second_factor"
WAIT_SECONDS = 300
SHOWN_ONCE = "recovery_codes"
LOGIN_FORM, CODE_FORM = "dashboard/login.html", "dashboard/login_code.html"
MAX_PASSWORD = 4096


def failed(request: HttpRequest, name: str) -> None:
    if tries.worth_noting(request):
        note(request, "login.failed", name)


def note(request: HttpRequest, action: str, name: str) -> None:
    """A line of the audit log of the project where that person lands; the same work for a name nobody has."""
    first = StaffRole.objects.filter(user__username=name).order_by("created_at").values_list("project_id")[:1]
    project_id = next((each for (each,) in first), None)
    StaffAction.objects.create(project_id=project_id, action=action, name=name, source=source(request))


def refused(
    request: HttpRequest, template: str, words: str, status: int, wait: float | None = None
) -> HttpResponse:
    """The form again, with words; `wait` is when to try again, in seconds."""
    name = request.POST.get("username", "")[:150]
    context = {"next": onward(request), "words": words, "username": name}
    response = render(request, template, context, status=status)
    if wait is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def too_many(request: HttpRequest, template: str, wait: float) -> HttpResponse:
    return refused(request, template, gettext("Too many tries. Wait a few minutes."), 429, wait)


def onward(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and target.startswith("/") else "/dashboard/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return render(request, LOGIN_FORM, {"next": onward(request)})
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
    if SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists():
        request.session[WAITING] = {"user": user.pk, "at": clock.time(), "next": onward(request)}
        return redirect("/dashboard/login/code")
    return welcomed(request, user, onward(request))


def welcomed(request: HttpRequest, user: User, target: str) -> HttpResponse:
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    note(request, "login", user.get_username()[:150])
    response = redirect(target)
    tries.remember_browser(request, response, user)
    return response


@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step: six digits, each code good once."""
    waiting = request.session.get(WAITING)
    if not waiting or clock.time() - waiting["at"] > WAIT_SECONDS:
        return redirect("/dashboard/login")
    if request.method == "GET":
        return render(request, CODE_FORM)
    user = User.objects.get(pk=waiting["user"])
    buckets = tries.of_code(request, user)
    wait = tries.take(buckets)
    if wait is not None:
        return too_many(request, CODE_FORM, wait)
    if not use_code(user, request.POST.get("code", "")):
        failed(request, user.get_username())
        return refused(request, CODE_FORM, gettext("This code is wrong or was already used."), 403)
    tries.put_back(buckets)
    del request.session[WAITING]
    return welcomed(request, user, waiting["next"])


def use_code(user: User, given: str) -> bool:
    """Whether `given` is a fresh code of the user's factor, or a recovery code; it is used up by asking."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            return False
        secret = encryption.unseal(factor.sealed_secret)
        step = totp.matching_step(secret, given.replace(" ", ""), clock.time(), factor.last_step)
        if step is not None:
            factor.last_step = step
        elif (spent := totp.recovery_digest(given)) in factor.recovery:
            factor.recovery = [each for each in factor.recovery if each != spent]
        else:
            return False
        factor.save(update_fields=["last_step", "recovery"])
        return True


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


@page("viewer", "GET", "POST")
def second_factor(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Switching one's own second factor on (after a first right code) and off (with a right code)."""
    factor = SecondFactor.objects.filter(user=staff.user).first()
    if request.method == "POST":
        return change_factor(request, staff, factor)
    context: dict[str, object] = {"factor": factor, "codes": request.session.pop(SHOWN_ONCE, None)}
    if factor is None or factor.confirmed_at is None:
        secret = totp.new_secret()
        if factor is None:
            SecondFactor.objects.create(user=staff.user, sealed_secret=encryption.seal(secret))
        else:
            secret = encryption.unseal(factor.sealed_secret)
        context |= {"secret": secret, "uri": totp.provisioning_uri(secret, staff.user.get_username())}
    return render(request, "dashboard/second_factor.html", context)


def change_factor(request: HttpRequest, staff: Staff, factor: SecondFactor | None) -> HttpResponse:
    buckets = tries.of_code(request, staff.user)
    if tries.take(buckets) is not None:
        messages.error(request, gettext("Too many tries. Wait a few minutes."))
        return redirect(came_from(request))
    if factor is None or not use_code(staff.user, request.POST.get("code", "")):
        messages.error(request, gettext("This code is wrong or was already used."))
        return redirect(came_from(request))
    tries.put_back(buckets)
    if factor.confirmed_at is None:
        codes = totp.new_recovery_codes()
        kept = [totp.recovery_digest(each) for each in codes]
        SecondFactor.objects.filter(pk=factor.pk).update(confirmed_at=clock.now(), recovery=kept)
        request.session[SHOWN_ONCE] = codes
        record(request, staff, "second_factor.on")
        messages.success(request, gettext("From now on signing in asks for a code."))
    else:
        factor.delete()
        record(request, staff, "second_factor.off")
        messages.success(request, gettext("Signing in no longer asks for a code."))
    return redirect("dashboard:second_factor")
