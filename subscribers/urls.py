"""Paths of the directory."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from subscribers.api import endpoints, resources
from subscribers.api.addresses import Addresses, Info, OneAddress
from subscribers.api.numbers import NumberShape
from subscribers.api.rooms import RoomShape
from subscribers.api.views import routes

_FABRIC = "api/fabric"
_ABSENT = (
    "ai_agents|call_flows?|cxml_applications|cxml_scripts|cxml_webhooks|dialogflow_agents"
    "|freeswitch_connectors|relay_applications|swml_webhooks"
)

urlpatterns: list[URLPattern] = [
    path(f"{_FABRIC}/addresses", Addresses.as_view()),
    path(f"{_FABRIC}/addresses/<uuid:id>", OneAddress.as_view()),
    path(f"{_FABRIC}/subscriber/info", Info.as_view()),
    path(f"{_FABRIC}/resources", resources.Resources.as_view()),
    path(f"{_FABRIC}/resources/<uuid:id>", resources.ResourceDetail.as_view()),
    path(f"{_FABRIC}/resources/<uuid:id>/addresses", resources.ResourceAddresses.as_view()),
    path(f"{_FABRIC}/resources/<uuid:id>/phone_routes", resources.PhoneRoutes.as_view()),
    path(f"{_FABRIC}/resources/<uuid:id>/domain_applications", resources.Unsupported.as_view()),
    re_path(rf"^{_FABRIC}/resources/(?P<kind>{_ABSENT})(?:/.*)?$", resources.Unsupported.as_view()),
    *endpoints.nested_routes(f"{_FABRIC}/resources/subscribers"),
    *routes(NumberShape(), "api/phone_numbers"),
]
for shape in resources.SHAPES:
    urlpatterns += routes(shape, f"{_FABRIC}/resources/{shape.collection}")
# SignalWire's SDK lists a room's addresses below the singular.
urlpatterns += routes(RoomShape(), f"{_FABRIC}/resources/conference_room", alias=True)[2:]
