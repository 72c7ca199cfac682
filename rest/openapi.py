"""Building blocks of the answers of every package in the OpenAPI document."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers as s


def shape(title: str, /, **fields: s.Field[Any, Any, Any, Any]) -> s.Serializer[Any]:
    return inline_serializer(title, fields)


_LINKS = shape(
    "Links",
    self=s.CharField(),
    first=s.CharField(allow_null=True),
    next=s.CharField(allow_null=True),
    prev=s.CharField(allow_null=True),
)


def listed(title: str, one: s.Serializer[Any]) -> s.Serializer[Any]:
    """A page of a list. A field is bound by the list that it is a child of: each has a copy of its own."""
    return shape(title, data=s.ListField(child=deepcopy(one)), links=_LINKS)
