"""Access to the staff pages by project and role, and the audit log.

Every page is wrapped by `page(role)`: it finds the person's project and role, turns refusals into a page
with words, and hands the view a `Staff`. Nothing on a page reaches another project's rows.
"""

from __future__ import annotations

import urllib.parse
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext

from calling.commands import errors
from calling.commands.params import InvalidParams
from calling.dashboard import code_words
from calling.dashboard.refusals import in_words
from calling.machine.inputs import Refused
from calling.models import StaffAction, StaffRole
from rest.errors import ApiError, Unavailable, is_overtaken
from rest.overtaken import begin_anew
from subscribers.models import Project
from tokens.subjects import ApiKey

RANKS = {"viewer": 0, "operator": 1, "owner": 2}
CHOSEN = "dashboard_project"
MOST_LISTED = 200  # projects that a superuser chooses from; the chosen one may be another
ZONE = "callwright_zone"  # the cookie that live.js sets
_ZONES = frozenset(zoneinfo.available_timezones())


@dataclass(frozen=True)
class Staff:
    """A member of staff, in the project that the page shows."""

    user: User
    project: Project
    role: str
    projects: list[Project]

    @property
    def subject(self) -> ApiKey:
        """Staff act with the project's rights, through the same door as its back end."""
        return ApiKey(self.project.pk)

    def may(self, role: str) -> bool:
        return RANKS[self.role] >= RANKS[role]

    def need(self, role: str) -> None:
        """Raises PermissionDenied for a role below `role`."""
        if not self.may(role):
            raise PermissionDenied(needs(role, self.role))

    @property
    def operates(self) -> bool:
        return self.may("operator")

    @property
    def owns(self) -> bool:
        return self.may("owner")


Page = Callable[..., HttpResponse]


def staff_of(request: HttpRequest) -> Staff | None:
    """The signed-in person's project and role, or None where they have no project."""
    assert isinstance(request.user, User)
    return staff_for(request.user, request.session.get(CHOSEN))


def staff_for(user: User, chosen: str | None) -> Staff | None:
    """The same for a session without a request: `chosen` is the project id kept in it."""
    if user.is_superuser:
        known = Project.objects.order_by("created_at")
        roles = dict.fromkeys([*known[:MOST_LISTED], *(known.filter(pk=chosen) if chosen else ())], "owner")
    else:
        rows = StaffRole.objects.filter(user=user).select_related("project").order_by("created_at")
        roles = {row.project: row.role for row in rows}
    if not roles:
        return None
    project = next((one for one in roles if str(one.pk) == chosen), next(iter(roles)))
    return Staff(user, project, roles[project], list(roles))


def page(role: str = "viewer", *methods: str) -> Callable[[Page], Page]:
    """A view for people of at least `role`, called as view(request, staff, …). Methods: GET unless given."""
    allowed = methods or ("GET",)

    def wrap(view: Page) -> Page:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect(login_for(request))
            if request.method == "HEAD":
                return as_get(guarded, request, *args, **kwargs)
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            staff = staff_of(request)
            if staff is None:
                return refused(
                    request, 403, gettext("This account has no role in any project. Ask an owner for one.")
                )
            request.staff = staff  # type: ignore[attr-defined]
            if not staff.may(role):
                return refused(request, 403, needs(role, staff.role))
            try:
                with timezone.override(zone_of(request)):
                    return anew_if_overtaken(lambda: view(request, staff, *args, **kwargs))
            except (Http404, ObjectDoesNotExist, ValidationError):
                return refused(request, 404, gettext("There is nothing here, or nothing of this project."))
            except PermissionDenied as error:
                return refused(request, 403, str(error))
            except (ApiError, InvalidParams, Refused) as error:
                return explained(request, error)

        return guarded

    return wrap


def as_get(view: Page, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """HEAD is GET to a view: nobody checks it for a forged form, so it must not be taken for a POST."""
    request.method = "GET"
    try:
        return view(request, *args, **kwargs)
    finally:
        request.method = "HEAD"  # the answer goes without its body


def anew_if_overtaken(work: Callable[[], HttpResponse]) -> HttpResponse:
    """Retry a page whose transaction another one has undone, as for a REST request."""
    try:
        try:
            return work()
        except Error as error:
            return begin_anew(work, error)
    except Error as error:
        if is_overtaken(error):
            raise Unavailable from error
        raise


LOGIN = "/dashboard/login"
LONGEST_WAY_BACK = 2000


def login_for(request: HttpRequest) -> str:
    """The sign-in page, which leads back to the requested page with its query."""
    wanted = request.get_full_path()
    if request.method not in ("GET", "HEAD") or len(wanted) > LONGEST_WAY_BACK:
        return LOGIN
    return f"{LOGIN}?{urllib.parse.urlencode({'next': wanted}, safe='/')}"


def needs(role: str, own: str) -> str:
    words = gettext("This needs the role {role}; yours is {own}.")
    return words.format(role=code_words.in_words(role), own=code_words.in_words(own))


def refused(request: HttpRequest, status: int, words: str) -> HttpResponse:
    return render(request, "dashboard/refused.html", {"words": words}, status=status)


def explained(request: HttpRequest, error: ApiError | InvalidParams | Refused) -> HttpResponse:
    """A refused command: go back to its page and show the reason."""
    messages.error(request, words_of(error))
    return redirect(came_from(request))


def words_of(error: ApiError | InvalidParams | Refused) -> str:
    if isinstance(error, Refused):
        error = errors.refused(error)
    elif isinstance(error, InvalidParams):
        error = errors.invalid(error)
    return "; ".join(in_words(problem) for problem in error.problems)


def came_from(request: HttpRequest) -> str:
    """The page a form was on: only ever a path of the dashboard."""
    path = request.POST.get("back") or request.GET.get("back") or ""
    if not path:
        sent = urllib.parse.urlsplit(request.headers.get("Referer", ""))
        path = sent.path if sent.netloc == request.get_host() else ""
    return path if path.startswith("/dashboard/") and "\\" not in path and "\n" not in path else "/dashboard/"


def ask(request: HttpRequest, question: str, effect: str, button: str) -> HttpResponse:
    """The confirmation page of an irreversible action. Its form posts to its own path, with the query."""
    kept = [(name, value) for name, value in request.GET.items() if name != "back"]
    context = {"question": question, "effect": effect, "button": button, "kept": kept}
    return render(request, "dashboard/confirm.html", context | {"back": came_from(request)})


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The viewer's time zone as reported by the browser; UTC if it was not."""
    name = urllib.parse.unquote(request.COOKIES.get(ZONE, ""))
    return zoneinfo.ZoneInfo(name if name in _ZONES else "UTC")


def source(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def record(request: HttpRequest, staff: Staff, action: str, subject: object = "", **detail: object) -> None:
    """One line of the audit log."""
    StaffAction.objects.create(
        project=staff.project,
        user=staff.user,
        name=staff.user.get_username()[:150],
        action=action,
        subject=str(subject)[:300],
        detail=detail,
        source=source(request),
    )


def as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
