"""Signing in with a passkey, and the passkeys of whoever is signed in: new, renamed, removed."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_POST

from calling.dashboard import passkeys, tries
from calling.dashboard.access import Staff, ask, page, record
from calling.dashboard.pages.login import (
    LOGIN_FORM,
    failed,
    keep_short,
    onward,
    recently,
    refused,
    too_many,
    welcomed,
)
from calling.dashboard.ways_in import is_last

AGAIN = gettext_noop(
    "Sign in again first: a way to sign in is added or removed only shortly after signing in."
)
LAST = gettext_noop("This is the only way in to this account. Add another one first.")


@require_POST
def challenge(request: HttpRequest) -> HttpResponse:
    """What the browser's passkey is asked: JSON."""
    wait = tries.take(tries.of_start(request))
    if wait is not None:
        return too_many(request, LOGIN_FORM, wait)
    keep_short(request)
    return JsonResponse(passkeys.ask_to_sign_in(request))


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form that the page's script has put the passkey's answer into."""
    buckets = tries.of_passkey(request)
    wait = tries.take(buckets)
    if wait is not None:
        return too_many(request, LOGIN_FORM, wait)
    user = passkeys.owner_of(request, request.POST.get("credential", ""))
    if user is None:
        failed(request, "", **{"with": "passkey"})
        return refused(request, LOGIN_FORM, gettext("No passkey of an account here was given."), 403)
    tries.put_back(buckets)
    return welcomed(request, user, onward(request), **{"with": "passkey"})


@page("viewer", "POST")
def creation(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What the browser is asked to make: JSON."""
    if not recently(request):
        return JsonResponse({"words": gettext(AGAIN)}, status=403)
    if passkeys.of(staff.user).count() >= passkeys.MOST:
        words = gettext("A person has at most {most} passkeys.").format(most=passkeys.MOST)
        return JsonResponse({"words": words}, status=409)
    return JsonResponse(passkeys.ask_to_register(request, staff.user))


@page("viewer", "POST")
def add(request: HttpRequest, staff: Staff) -> HttpResponse:
    if not recently(request):
        messages.error(request, gettext(AGAIN))
        return redirect("dashboard:own_sign_in")
    number = passkeys.of(staff.user).count() + 1
    # Theirs to rename, and seen by nobody else: in the language of whoever adds it.
    name = named(request) or gettext("Passkey {number}").format(number=number)
    made = passkeys.register(request, staff.user, name, request.POST.get("credential", ""))
    if made is None:
        messages.error(request, gettext("The browser's answer was not accepted. Try again."))
    else:
        record(request, staff, "passkey.add", name=name)
        messages.success(request, gettext("You can sign in with {name} from now on.").format(name=name))
    return redirect("dashboard:own_sign_in")


@page("viewer", "POST")
def rename(request: HttpRequest, staff: Staff, passkey_id: int) -> HttpResponse:
    row, name = own(staff, passkey_id), named(request)
    if name:
        row.data["name"] = name
        row.save(update_fields=["data"])
        record(request, staff, "passkey.rename", name=name)
    return redirect("dashboard:own_sign_in")


@page("viewer", "GET", "POST")
def remove(request: HttpRequest, staff: Staff, passkey_id: int) -> HttpResponse:
    row = own(staff, passkey_id)
    if not recently(request) or is_last(staff.user):
        messages.error(request, gettext(LAST if recently(request) else AGAIN))
        return redirect("dashboard:own_sign_in")
    if request.method == "GET":
        return ask(
            request,
            gettext("Remove {name}?").format(name=row),
            gettext("Nobody signs in with it any more."),
            gettext("Remove"),
        )
    record(request, staff, "passkey.remove", name=str(row))
    row.delete()
    messages.success(request, gettext("The passkey was removed."))
    return redirect("dashboard:own_sign_in")


def own(staff: Staff, passkey_id: int) -> Authenticator:
    return get_object_or_404(passkeys.of(staff.user), pk=passkey_id)


def named(request: HttpRequest) -> str:
    return " ".join(request.POST.get("name", "").replace("\0", "").split())[:60]
