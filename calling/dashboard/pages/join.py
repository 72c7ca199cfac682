"""Inviting people to a project's staff by a link, and what they see when they follow it.

The link works once and for a week. Its text is kept as a hash alone.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

import clock
from calling.dashboard import identity_provider, shown_once
from calling.dashboard.access import CHOSEN, RANKS, Staff, as_uuid, ask, page, record, source, zone_of
from calling.dashboard.code_words import in_words
from calling.dashboard.pages.login import welcomed
from calling.models import StaffAction, StaffInvite, StaffRole
from tokens import rate_limits
from tokens.issue import digest

LIFE = timedelta(days=7)
MOST_OPEN = 100
LEAST_PASSWORD = 12
SHOWN_ONCE = "shown_once"
OVER = gettext_noop("This invitation was used, was withdrawn, or is older than a week. Ask for a new one.")


@page("owner", "POST")
def invite(request: HttpRequest, staff: Staff) -> HttpResponse:
    """A new link, shown on the next page and never again."""
    role, note = request.POST.get("role", ""), request.POST.get("note", "").replace("\0", "").strip()[:150]
    now = clock.now()
    waiting = StaffInvite.objects.filter(project=staff.project, used_at=None, expires_at__gt=now)
    if role not in RANKS:
        messages.error(request, gettext("Choose a role."))
        return redirect("dashboard:project")
    if waiting.count() >= MOST_OPEN:
        words = gettext("A project has at most {most} open invitations. Withdraw one first.")
        messages.error(request, words.format(most=MOST_OPEN))
        return redirect("dashboard:project")
    text = secrets.token_urlsafe(32)
    row = StaffInvite.objects.create(
        project=staff.project, role=role, note=note, digest=digest(text),
        invited_by=staff.user.get_username()[:150], expires_at=now + LIFE,
    )  # fmt: skip
    record(request, staff, "staff.invite", row.pk, role=role, note=note)
    link = request.build_absolute_uri(reverse("dashboard:join", args=[text]))
    named = note or gettext("a new {role}").format(role=in_words(role))
    shown = {gettext("Invitation link for {name}").format(name=named): link}
    shown_once.keep(request, SHOWN_ONCE, staff.project.pk, shown)
    return redirect("dashboard:project")


@page("owner", "GET", "POST")
def withdraw(request: HttpRequest, staff: Staff, invite_id: str) -> HttpResponse:
    row = get_object_or_404(StaffInvite, pk=as_uuid(invite_id), project=staff.project, used_at=None)
    if request.method != "POST":
        effect = gettext("Its link stops working.")
        return ask(request, gettext("Withdraw this invitation?"), effect, gettext("Withdraw"))
    row.delete()
    record(request, staff, "staff.invite_withdraw", invite_id, role=row.role, note=row.note)
    messages.success(request, gettext("The invitation was withdrawn."))
    return redirect("dashboard:project")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, text: str) -> HttpResponse:
    """The page behind a link: joins with the account that is signed in, or with a new one."""
    row = open_invite(text)
    if row is None:
        return render(request, "dashboard/refused.html", {"words": gettext(OVER)}, status=404)
    with timezone.override(zone_of(request)):
        if request.method != "POST":
            return shown(request, row)
        if request.user.is_authenticated:
            assert isinstance(request.user, User)
            return joined(request, row, request.user, fresh=False)
        return newcomer(request, row)


def open_invite(text: str) -> StaffInvite | None:
    found = StaffInvite.objects.select_related("project").filter(digest=digest(text), used_at=None)
    return found.filter(expires_at__gt=clock.now()).first()


def newcomer(request: HttpRequest, row: StaffInvite) -> HttpResponse:
    """Makes an account of the name and password given. A link is good for few guesses at names."""
    if rate_limits.take(f"join:{row.pk}", 1 / 60, 10) is not None:
        return shown(request, row, gettext("Too many tries. Wait a few minutes."), 429)
    name = request.POST.get("username", "").replace("\0", "").strip()[:150]
    password = request.POST.get("password", "").replace("\0", "")[:4096]
    user = User(username=name)
    try:
        User.username_validator(name)
        validate_password(password, user)
        if len(password) < LEAST_PASSWORD:
            raise ValidationError(
                gettext("A password has at least {least} characters.").format(least=LEAST_PASSWORD)
            )
    except ValidationError as error:
        return shown(request, row, " ".join(error.messages), 422)
    user.set_password(password)
    return joined(request, row, user, fresh=True)


def joined(
    request: HttpRequest, row: StaffInvite, user: User, *, fresh: bool, identity: SocialAccount | None = None
) -> HttpResponse:
    """Gives the role. `identity`: what a new account without a password signs in with."""
    way = {} if identity is None else {"with": "identity"}
    try:
        with transaction.atomic():
            # Conditional: of two who follow the link at once, one joins.
            if not StaffInvite.objects.filter(pk=row.pk, used_at=None).update(used_at=clock.now()):
                return shown(request, row, gettext("This invitation was used a moment ago."), 409)
            if fresh:
                user.save(force_insert=True)
            if identity is not None:
                identity.user = user
                identity.save(force_insert=True)
            role, made = StaffRole.objects.get_or_create(
                user=user, project=row.project, defaults={"role": row.role}
            )
            if not made and RANKS[role.role] < RANKS[row.role]:
                StaffRole.objects.filter(pk=role.pk).update(role=row.role)
    except IntegrityError:
        return shown(request, row, gettext("This name is taken. Choose another one."), 422)
    StaffAction.objects.create(
        project=row.project, user=user, name=user.get_username()[:150], action="staff.join",
        subject=str(row.pk), detail={"role": row.role, "invited_by": row.invited_by}, source=source(request),
    )  # fmt: skip
    response = welcomed(request, user, "/dashboard/", **way) if fresh else redirect("/dashboard/")
    request.session[CHOSEN] = str(row.project_id)
    messages.success(request, gettext("Welcome to {project}.").format(project=row.project.name))
    return response


def shown(request: HttpRequest, row: StaffInvite, words: str = "", status: int = 200) -> HttpResponse:
    context: dict[str, object] = {
        "invite": row,
        "words": words,
        "username": request.POST.get("username", "")[:150],
    }
    context |= {"text": request.path.rpartition("/")[2], "provider": identity_provider.shown_name()}
    return render(request, "dashboard/join.html", context, status=status)
