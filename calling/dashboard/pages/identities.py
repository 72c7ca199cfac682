"""Signing in by the identity provider, linking an identity to one's own account, and joining with it.

An identity alone opens nothing: it is linked by its person, who is signed in, or comes with an invitation.
Nothing is ever matched by a name or an email address.
"""

from __future__ import annotations

import logging

from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_GET, require_POST

from calling.dashboard import identity_provider, tries
from calling.dashboard.access import Staff, ask, page, record
from calling.dashboard.identity_provider import NAMELESS, NoIdentity, Returned, name_of
from calling.dashboard.pages.join import OVER, joined, open_invite
from calling.dashboard.pages.login import (
    LOGIN_FORM,
    admitted,
    failed,
    keep_short,
    onward,
    recently,
    refused,
    too_many,
)
from calling.dashboard.pages.passkeys import AGAIN, LAST
from calling.dashboard.ways_in import identities_of, is_last

logger = logging.getLogger("calling.dashboard.identities")
WAY = {"with": "identity"}
UNKNOWN = gettext_noop(
    "Nobody here has linked this identity. Link it on the page Sign-in, or follow an invitation."
)


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    return sent(request, "login", onward(request))


@require_POST
def join(request: HttpRequest, text: str) -> HttpResponse:
    """From the page behind an invitation. Its text stays in the session, not at the issuer."""
    if open_invite(text) is None:
        return render(request, "dashboard/refused.html", {"words": gettext(OVER)}, status=404)
    return sent(request, "join", reverse("dashboard:join", args=[text]), invite=text)


@page("viewer", "POST")
def link(request: HttpRequest, staff: Staff) -> HttpResponse:
    if not recently(request):
        messages.error(request, gettext(AGAIN))
        return redirect("dashboard:own_sign_in")
    return sent(request, "connect", reverse("dashboard:own_sign_in"), user=staff.user.pk)


def sent(request: HttpRequest, process: str, target: str, **data: object) -> HttpResponse:
    """A page that goes on to the issuer: the policy lets no form lead elsewhere."""
    if not identity_provider.configured():
        raise Http404
    wait = tries.take(tries.of_start(request))
    if wait is not None:
        return too_many(request, LOGIN_FORM, wait)
    keep_short(request)
    try:
        address = identity_provider.send(request, process, target, **data)
    except NoIdentity as problem:
        logger.warning("identity provider: %s", problem.why)
        return refused(request, LOGIN_FORM, problem.shown, 502)
    context = {"address": address, "provider": identity_provider.shown_name()}
    return render(request, "dashboard/sent.html", context)


@require_GET
def returned(request: HttpRequest) -> HttpResponse:
    """Where the issuer sends the browser back to."""
    if not identity_provider.configured():
        raise Http404
    buckets = tries.of_identity(request)
    wait = tries.take(buckets)
    if wait is not None:
        return too_many(request, LOGIN_FORM, wait)
    try:
        found = identity_provider.returned(request)
        finish = {"connect": linked, "join": joining}.get(found.process, known)
        answer = finish(request, found)
    except NoIdentity as problem:
        logger.warning("identity provider: %s", problem.why)
        failed(request, "", **WAY)
        return refused(request, LOGIN_FORM, problem.shown, 403)
    tries.put_back(buckets)
    return answer


def owner_of(identity: SocialAccount) -> User | None:
    same = SocialAccount.objects.filter(provider=identity.provider, uid=identity.uid)
    row = same.select_related("user").first()
    if row is None:
        return None
    if row.extra_data != identity.extra_data:
        same.update(extra_data=identity.extra_data)
    return row.user if isinstance(row.user, User) else None


def known(request: HttpRequest, found: Returned) -> HttpResponse:
    user = owner_of(found.identity)
    if user is None or not user.is_active:
        raise NoIdentity(UNKNOWN, "an identity that nobody has linked")
    return admitted(request, user, found.next or "/dashboard/", **WAY)


@page("viewer")
def linked(request: HttpRequest, staff: Staff, found: Returned) -> HttpResponse:
    """Only to the account which began it, in the session that began it."""
    if staff.user.pk != found.data.get("user"):
        raise NoIdentity(gettext_noop("You signed in as somebody else meanwhile. Begin again."))
    owner, identity = owner_of(found.identity), found.identity
    if owner != staff.user:
        try:
            with transaction.atomic():
                identity.user = staff.user
                identity.save(force_insert=True)
        except IntegrityError:
            messages.error(request, gettext("This identity is linked to another account already."))
            return redirect("dashboard:own_sign_in")
        record(request, staff, "identity.link", name=name_of(identity))
    words = gettext("You can sign in as {name} from now on.")
    messages.success(request, words.format(name=name_of(identity, gettext(NAMELESS))))
    return redirect("dashboard:own_sign_in")


def joining(request: HttpRequest, found: Returned) -> HttpResponse:
    """A new account for an identity that has none; else signing in, and back to the invitation."""
    if owner_of(found.identity) is not None:
        return known(request, found)
    row = open_invite(str(found.data.get("invite", "")))
    if row is None:
        raise NoIdentity(OVER)
    user = User(username=free_name(found))
    user.set_unusable_password()
    return joined(request, row, user, fresh=True, identity=found.identity)


def free_name(found: Returned) -> str:
    """A name that nobody has: what the issuer calls them, with a number where that is taken."""
    offered = (found.claims.get(claim) for claim in ("preferred_username", "email", "name"))
    wanted = next((name for name in map(usable, offered) if name), "person")
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 100))]
    taken = set(User.objects.filter(username__in=names).values_list("username", flat=True))
    return next((name for name in names if name not in taken), wanted)


def usable(offered: object) -> str:
    name = str(offered or "").replace(" ", ".")[:140]
    try:
        User.username_validator(name)
    except ValidationError:
        return ""
    return name


@page("viewer", "GET", "POST")
def unlink(request: HttpRequest, staff: Staff, identity_id: int) -> HttpResponse:
    row = get_object_or_404(identities_of(staff.user), pk=identity_id)
    if not recently(request) or is_last(staff.user):
        messages.error(request, gettext(LAST if recently(request) else AGAIN))
        return redirect("dashboard:own_sign_in")
    if request.method == "GET":
        question = gettext("Unlink {name}?").format(name=name_of(row, gettext(NAMELESS)))
        return ask(request, question, gettext("It no longer signs you in."), gettext("Unlink"))
    record(request, staff, "identity.unlink", name=name_of(row))
    row.delete()
    messages.success(request, gettext("The identity was unlinked."))
    return redirect("dashboard:own_sign_in")
