"""Signing in and out, the second factor, and the choice of the project."""

from __future__ import annotations

import time
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from calling.dashboard import totp
from calling.dashboard.access import CHOSEN, Staff, came_from, page, record, source
from calling.models import SecondFactor, StaffAction
from subscribers import sealing

WAITING = "dashboard_second_factor"
WAIT_SECONDS = 300
TRIES = 10  # of one name from one address; a stranger's guesses do not lock its owner out elsewhere
TRIES_ANYWHERE = 100
TRIES_WITHIN = timedelta(minutes=5)


def too_many(request: HttpRequest, name: str) -> bool:
    """Whether this name failed too often lately; counted in the audit log, so over all processes."""
    since = timezone.now() - TRIES_WITHIN
    failures = StaffAction.objects.filter(action="login.failed", name=name, at__gt=since)
    return failures.filter(source=source(request)).count() >= TRIES or failures.count() >= TRIES_ANYWHERE


def failed(request: HttpRequest, name: str) -> None:
    StaffAction.objects.create(action="login.failed", name=name, source=source(request))


def onward(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and target.startswith("/") else "/dashboard/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return render(request, "dashboard/login.html", {"next": onward(request)})
    name = request.POST.get("username", "").replace("\0", "")[:150]
    if too_many(request, name):
        words = "Too many tries. Wait five minutes."
        return render(request, "dashboard/login.html", {"next": onward(request), "words": words}, status=429)
    user = authenticate(request, username=name, password=request.POST.get("password", "").replace("\0", ""))
    if not isinstance(user, User):
        failed(request, name)
        words = "That name and password do not fit together."
        return render(request, "dashboard/login.html", {"next": onward(request), "words": words}, status=403)
    if SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists():
        request.session[WAITING] = {"user": user.pk, "at": time.time(), "next": onward(request)}
        return redirect("/dashboard/login/code")
    login(request, user)
    return redirect(onward(request))


@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step: six digits, each code good once."""
    waiting = request.session.get(WAITING)
    if not waiting or time.time() - waiting["at"] > WAIT_SECONDS:
        return redirect("/dashboard/login")
    if request.method == "GET":
        return render(request, "dashboard/login_code.html")
    user = User.objects.get(pk=waiting["user"])
    if too_many(request, user.get_username()) or not use_code(user, request.POST.get("code", "")):
        failed(request, user.get_username())
        words = "That code is not right, or was used already."
        return render(request, "dashboard/login_code.html", {"words": words}, status=403)
    del request.session[WAITING]
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect(waiting["next"])


def use_code(user: User, given: str) -> bool:
    """Whether `given` is a fresh code of the user's factor; it is used up by asking."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            return False
        secret = sealing.unseal(factor.sealed_secret)
        step = totp.matching_step(secret, given.replace(" ", ""), time.time(), factor.last_step)
        if step is None:
            return False
        factor.last_step = step
        factor.save(update_fields=["last_step"])
        return True


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
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
    context: dict[str, object] = {"factor": factor}
    if factor is None or factor.confirmed_at is None:
        secret = totp.new_secret()
        if factor is None:
            SecondFactor.objects.create(user=staff.user, sealed_secret=sealing.seal(secret))
        else:
            secret = sealing.unseal(factor.sealed_secret)
        context |= {"secret": secret, "uri": totp.provisioning_uri(secret, staff.user.get_username())}
    return render(request, "dashboard/second_factor.html", context)


def change_factor(request: HttpRequest, staff: Staff, factor: SecondFactor | None) -> HttpResponse:
    if factor is None or not use_code(staff.user, request.POST.get("code", "")):
        messages.error(request, "That code is not right, or was used already.")
    elif factor.confirmed_at is None:
        SecondFactor.objects.filter(pk=factor.pk).update(confirmed_at=timezone.now())
        record(request, staff, "second_factor.on")
        messages.success(request, "From now on signing in asks for a code.")
    else:
        factor.delete()
        record(request, staff, "second_factor.off")
        messages.success(request, "Signing in no longer asks for a code.")
    return redirect(came_from(request))
