"""The page on which people switch their own second factor on and off."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from calling.dashboard import second_factor, tries
from calling.dashboard.access import Staff, came_from, page, record
from calling.models import SecondFactor

SHOWN_ONCE = "recovery_codes"


@page("viewer", "GET", "POST")
def own_factor(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Switching one's own second factor on (after a first right code) and off (with a right code)."""
    factor = SecondFactor.objects.filter(user=staff.user).first()
    if request.method == "POST":
        return change_factor(request, staff, factor)
    context: dict[str, object] = {"factor": factor, "codes": request.session.pop(SHOWN_ONCE, None)}
    if factor is None or factor.confirmed_at is None:
        context["enrolment"] = second_factor.enrolment(staff.user, factor)
    return render(request, "dashboard/second_factor.html", context)


def change_factor(request: HttpRequest, staff: Staff, factor: SecondFactor | None) -> HttpResponse:
    buckets = tries.of_code(request, staff.user)
    if tries.take(buckets) is not None:
        messages.error(request, gettext("Too many tries. Wait a few minutes."))
        return redirect(came_from(request))
    if factor is None or not second_factor.use_code(staff.user, request.POST.get("code", "")):
        messages.error(request, gettext("This code is wrong or was already used."))
        return redirect(came_from(request))
    tries.put_back(buckets)
    if factor.confirmed_at is None:
        request.session[SHOWN_ONCE] = second_factor.confirm(factor)
        record(request, staff, "second_factor.on")
        messages.success(request, gettext("From now on signing in asks for a code."))
    else:
        factor.delete()
        record(request, staff, "second_factor.off")
        messages.success(request, gettext("Signing in no longer asks for a code."))
    return redirect("dashboard:second_factor")
