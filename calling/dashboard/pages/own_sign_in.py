"""The page of the ways in which whoever is signed in can sign in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from calling.dashboard import identity_provider, passkeys, second_factor
from calling.dashboard.access import Staff, page
from calling.dashboard.pages.login import recently
from calling.dashboard.ways_in import identities_of


@page()
def own_sign_in(request: HttpRequest, staff: Staff) -> HttpResponse:
    nameless = gettext(identity_provider.NAMELESS)
    identities = [(row, identity_provider.name_of(row, nameless)) for row in identities_of(staff.user)]
    context = {
        "recently": recently(request),
        "factor": second_factor.is_on(staff.user),
        "password": staff.user.has_usable_password(),
        "passkeys": list(passkeys.of(staff.user)),
        "provider": identity_provider.shown_name(),
        "identities": identities,
    }
    return render(request, "dashboard/own_sign_in.html", context)
