"""The project itself: its keys and its staff, and new projects."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_noop

import clock
from calling.commands import redactions
from calling.dashboard import shown_once
from calling.dashboard.access import CHOSEN, RANKS, Staff, as_uuid, ask, page, record
from calling.dashboard.code_words import in_words
from calling.dashboard.pages import sip_trace
from calling.models import StaffInvite, StaffRole
from calling.speech import redaction
from tokens import issue
from tokens.api import keys
from tokens.key_scopes import ADMIN, CALL, READ
from tokens.models import ApiToken

SHOWN_ONCE = "shown_once"
NO_ROLE = "none"
REDACTIONS_SHOWN = (
    (redaction.DIGITS, gettext_noop("digits, and two or more number words in a row")),
    (redaction.CARD_NUMBERS, gettext_noop("card numbers: 13 to 19 digits with a valid check digit")),
)
SCOPES_SHOWN = (
    (READ, gettext_noop("read: look at everything")),
    (CALL, gettext_noop("call: dial and control calls, issue tokens for devices")),
    (ADMIN, gettext_noop("admin: everything")),
)


@page("owner")
def project(request: HttpRequest, staff: Staff) -> HttpResponse:
    roles = StaffRole.objects.filter(project=staff.project).select_related("user")
    context = {
        "keys": ApiToken.objects.filter(project=staff.project).order_by("revoked_at", "-created_at")[:100],
        "roles": roles.order_by("created_at"),
        "shown_once": shown_once.take(request, SHOWN_ONCE, staff.project.pk),
        "ranks": list(RANKS),
        "scopes": SCOPES_SHOWN,
        "redact": redactions.of_project(staff.project.pk),
        "redactions": REDACTIONS_SHOWN,
        "sip_trace": sip_trace.state_of(staff),
        "invites": StaffInvite.objects.filter(
            project=staff.project, used_at=None, expires_at__gt=clock.now()
        ).order_by("-created_at"),
    }
    return render(request, "dashboard/project.html", context)


def back() -> HttpResponse:
    return redirect("dashboard:project")


@page("owner", "POST")
def issue_key(request: HttpRequest, staff: Staff) -> HttpResponse:
    """An API token of the project; it is shown on the next page and never again."""
    name = request.POST.get("name", "").replace("\0", "").strip()[:200] or "API token"
    scopes = request.POST.getlist("scopes") or [ADMIN]
    row, text = keys.create_key(staff.project.pk, {"name": name, "scopes": scopes})
    shown_once.keep(request, SHOWN_ONCE, staff.project.pk, {gettext_noop("API token"): text})
    record(request, staff, "api_token.issue", name, scopes=sorted(row.granted), hint=row.hint)
    return back()


@page("owner", "GET", "POST")
def revoke_key(request: HttpRequest, staff: Staff, key_id: str) -> HttpResponse:
    key = get_object_or_404(ApiToken, pk=as_uuid(key_id), project=staff.project, revoked_at=None)
    if request.method == "GET":
        effect = gettext(
            "Whatever uses it is refused within two seconds. A revoked token cannot be restored."
        )
        last = not ApiToken.objects.filter(project=staff.project, revoked_at=None).exclude(pk=key.pk).exists()
        effect += " " + gettext("It is the project's only API token.") if last else ""
        question = gettext("Revoke the API token {token}?").format(token=f"{key.hint}… {key.name}")
        return ask(request, question, effect, gettext("Revoke"))
    keys.revoke_key(staff.project.pk, key.pk)
    record(request, staff, "api_token.revoke", key.hint)
    messages.success(request, gettext("Revoked."))
    return back()


@page("owner", "POST")
def set_redaction(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What is taken out of recognised words, from the next operation on."""
    with transaction.atomic():
        kept = redactions.set_for(staff.project.pk, request.POST.getlist("redact"))
        record(request, staff, "redaction.set", staff.project.pk, redact=kept)
    messages.success(request, gettext("Saved."))
    return back()


@page("owner", "POST")
def create(request: HttpRequest, staff: Staff) -> HttpResponse:
    """A new project with a first API token; who makes it owns it."""
    if not staff.user.is_superuser:
        raise PermissionDenied(gettext("Only the platform's administrators make projects."))
    name = request.POST.get("name", "").strip().replace("\0", "")[:200] or "New project"
    made = issue.create_project(name)
    request.session[CHOSEN] = str(made.pk)
    shown = {
        gettext_noop("Project id"): str(made.pk),
        gettext_noop("API token"): issue.issue_api_token(made),
        gettext_noop("Signing key"): made.signing_key,
    }
    shown_once.keep(request, SHOWN_ONCE, made.pk, shown)
    record(request, staff, "project.create", made.pk, name=name)
    return back()


@page("owner", "POST")
def set_role(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Gives a person a role in the project, or takes it. A name that has none here needs a password.

    An owner is told the same of a name that nobody has and of one that works in another project.
    """
    name = request.POST.get("username", "").strip().replace("\0", "")[:150]
    role = request.POST.get("role", "")
    here = User.objects.filter(username=name, callwright_roles__project=staff.project).first()
    user = here or (User.objects.filter(username=name).first() if staff.user.is_superuser else None)
    if user is None and name and role in RANKS:
        user = newcomer(request, name, request.POST.get("password", ""))
        if user is None:
            return back()
    if role not in (*RANKS, NO_ROLE):
        messages.error(request, gettext("Choose a role."))
    elif user == staff.user and not user.is_superuser:
        messages.error(request, gettext("Nobody changes their own role."))
    elif role in RANKS:
        StaffRole.objects.update_or_create(user=user, project=staff.project, defaults={"role": role})
        record(request, staff, "staff.role", name, role=role)
        words = gettext("{name} is now {role}.")
        messages.success(request, words.format(name=name, role=in_words(role)))
    elif StaffRole.objects.filter(user=user, project=staff.project).delete()[0]:
        record(request, staff, "staff.remove", name)
        messages.success(request, gettext("{name} has no role here any more.").format(name=name))
    else:
        messages.error(request, gettext("{name} has no role here.").format(name=name))
    return back()


@page("owner", "GET", "POST")
def remove_role(request: HttpRequest, staff: Staff, user_id: int) -> HttpResponse:
    """Takes a person's role in the project. Their account stays."""
    row = get_object_or_404(StaffRole.objects.select_related("user"), user_id=user_id, project=staff.project)
    name = row.user.get_username()
    if row.user == staff.user and not staff.user.is_superuser:
        messages.error(request, gettext("Nobody changes their own role."))
        return back()
    if request.method == "GET":
        effect = gettext("{name} can no longer open this project. The account itself stays.").format(
            name=name
        )
        question = gettext("Remove {name} from the staff?").format(name=name)
        return ask(request, question, effect, gettext("Remove"))
    row.delete()
    record(request, staff, "staff.remove", name)
    messages.success(request, gettext("{name} has no role here any more.").format(name=name))
    return back()


def newcomer(request: HttpRequest, name: str, password: str) -> User | None:
    """Who is to have this name here: made with that password, or, with their own, from another project."""
    try:
        User.username_validator(name)
        validate_password(password)
        if len(password) < 12:
            raise ValidationError(gettext("A password has at least 12 characters."))
    except ValidationError as error:
        messages.error(
            request, gettext("{name} is new here.").format(name=name) + " " + " ".join(error.messages)
        )
        return None
    hashed = make_password(password)  # for somebody who exists too: it takes its time
    return User.objects.get_or_create(username=name, defaults={"password": hashed})[0]
