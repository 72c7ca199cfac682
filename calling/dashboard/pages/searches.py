"""Saved searches: kept by a person for themselves, and shared with the project's staff by its owners.

What a person does with their own is their affair; a change of somebody else's is in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.dashboard.call_search import wanted
from calling.models import SavedSearch

FILTERS = ("q", "state", "direction", "longer", "reason", "after", "before_time")
MOST = 50  # of one person in one project
MAX_NAME, MAX_QUERY = 60, 2000


@dataclass(frozen=True)
class Shown:
    """A saved search as the page lists it. `mine`: it is of who looks at it."""

    row: SavedSearch
    mine: bool
    changeable: bool

    @property
    def url(self) -> str:
        tail = f"{self.row.query}&" if self.row.query else ""
        return f"{reverse('dashboard:search')}?{tail}saved={self.row.pk}"


def seen_by(staff: Staff) -> list[Shown]:
    """Their own, and what others share."""
    rows = SavedSearch.objects.filter(Q(user=staff.user) | Q(shared=True), project=staff.project)
    found = rows.select_related("user").order_by("name", "pk")[: 4 * MOST]
    return [Shown(row, row.user_id == staff.user.pk, may_change(staff, row)) for row in found]


def may_change(staff: Staff, row: SavedSearch) -> bool:
    return row.user_id == staff.user.pk or (row.shared and staff.owns)


def listed(staff: Staff, query: QueryDict) -> dict[str, object]:
    """What the page of the search shows of saved ones; `open` is the one that it was opened with."""
    rows = seen_by(staff)
    here = next((one for one in rows if str(one.row.pk) == query.get("saved")), None)
    return {"rows": rows, "open": here, "filters": filters_of(query)}


def filters_of(query: QueryDict) -> str:
    """The filters alone, as the query of a URL."""
    kept = QueryDict(mutable=True)
    for name in FILTERS:
        if value := query.get(name, "").strip():
            kept[name] = value
    return kept.urlencode()


def found_for(staff: Staff, search_id: str) -> SavedSearch:
    row = SavedSearch.objects.filter(pk=as_uuid(search_id), project=staff.project).first()
    if row is None or not (row.shared or row.user_id == staff.user.pk):
        raise Http404
    if not may_change(staff, row):
        raise PermissionDenied(_("Only its author and owners change a shared search."))
    return row


@page("viewer", "POST")
def save(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Keep the filters under a name: a new search, or with `id` another name and other filters of one."""
    name = request.POST.get("name", "").replace("\0", "").strip()[:MAX_NAME]
    given = request.POST.get("filters", "").replace("\0", "")
    query = QueryDict(given[:MAX_QUERY])
    filters = filters_of(query)
    shared = staff.owns and "shared" in request.POST
    changed = found_for(staff, request.POST["id"]) if request.POST.get("id") else None
    back = f"{reverse('dashboard:search')}?{filters}"
    fault = fault_of(staff, name, filters, query, new=changed is None)
    if len(given) > MAX_QUERY or len(filters) > MAX_QUERY:
        fault = _("These filters are too long.")
    if fault:
        messages.error(request, fault)
        return redirect(back)
    try:
        with transaction.atomic():
            if changed is None:
                row = SavedSearch.objects.create(
                    project=staff.project, user=staff.user, name=name, query=filters, shared=shared
                )
            else:
                row = changed
                row.name, row.query = name, filters
                row.shared = shared if staff.owns else row.shared
                row.save(update_fields=["name", "query", "shared"])
                if row.user_id != staff.user.pk:
                    record(request, staff, "search.change", name, by=row.user.get_username())
    except IntegrityError:
        messages.error(request, _("There is a search of that name already."))
        return redirect(back)
    messages.success(request, _("Saved."))
    return redirect(Shown(row, True, True).url)


def fault_of(staff: Staff, name: str, filters: str, query: QueryDict, *, new: bool) -> str:
    """Why it cannot be saved, in words; empty where it can."""
    if not name:
        return _("A saved search needs a name.")
    if not filters:
        return _("Choose a filter first: a search without one finds every call.")
    if wanted(query).wrong:
        return _("These filters cannot be used: correct them first.")
    own = SavedSearch.objects.filter(project=staff.project, user=staff.user)
    if new and own.count() >= MOST:
        return _("You have %(most)s saved searches here. Delete one first.") % {"most": MOST}
    return ""


@page("viewer", "GET", "POST")
def delete(request: HttpRequest, staff: Staff, search_id: str) -> HttpResponse:
    row = found_for(staff, search_id)
    if request.method == "GET":
        effect = _("It disappears for all staff of the project.") if row.shared else _("The calls stay.")
        return ask(request, _("Delete the saved search %(name)s?") % {"name": row.name}, effect, _("Delete"))
    with transaction.atomic():
        row.delete()
        if row.user_id != staff.user.pk:
            record(request, staff, "search.delete", row.name, by=row.user.get_username())
    messages.success(request, _("Deleted."))
    return redirect("dashboard:search")
