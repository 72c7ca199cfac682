"""OpenTelemetry spans of calls. A call's id is its trace's id, so what web, media, sweep and tasks processes
did for one call stands in one trace with nothing handed from process to process.

On where `OTEL_EXPORTER_OTLP_ENDPOINT` is set and the extra `tracing` is installed; else `span` costs one
comparison. The other `OTEL_…` variables mean what OpenTelemetry says. No name, number or SDP is in a span.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger(__name__)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Value = str | int | float | bool
# The ids of the one span whose children were sent before it: the call itself.
_given: ContextVar[tuple[int, int] | None] = ContextVar("given span ids", default=None)


@contextlib.contextmanager
def span(name: str, call_id: UUID | str | None, **attributes: Value) -> Iterator[Span | None]:
    """A span of that call around the block; yields it (None: tracing is off); an exception fails it."""
    tracer = _tracer() if call_id is not None else None
    if tracer is None:
        yield None
        return
    trace_id, root_id = ids_of(call_id)
    marked = {"call.id": str(call_id), **attributes}
    with tracer.start_as_current_span(name, _under(trace_id, root_id), attributes=marked) as one:
        yield one


def call_over(call_id: UUID | str, began: datetime, ended: datetime, **attributes: Value) -> None:
    """The span of the whole call, which all its others are children of."""
    tracer = _tracer()
    if tracer is None:
        return
    token = _given.set(ids_of(call_id))
    try:
        from opentelemetry.context import Context

        marked = {"call.id": str(call_id), **attributes}
        whole = tracer.start_span("call", Context(), attributes=marked, start_time=_nanoseconds(began))
        whole.end(_nanoseconds(ended))
    finally:
        _given.reset(token)


def ids_of(call_id: UUID | str | None) -> tuple[int, int]:
    """(trace id, id of the call's own span): the call's 128 bits, and the lower 64 of them."""
    trace_id = UUID(str(call_id)).int
    return trace_id, trace_id & (2**64 - 1)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e9)


def _under(trace_id: int, root_id: int) -> Context | None:
    from opentelemetry import trace

    current = trace.get_current_span().get_span_context()
    if current.trace_id == trace_id:
        return None  # a span of this call is open here: a child of that one
    parent = trace.SpanContext(trace_id, root_id, is_remote=True, trace_flags=trace.TraceFlags(1))
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


@cache
def _tracer() -> Tracer | None:
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import ProcessResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        log.warning("%s is set, but the extra `tracing` is not installed: no traces", ENDPOINT)
        return None

    class Ids(RandomIdGenerator):
        """Random ones, but for the span of a whole call."""

        def generate_trace_id(self) -> int:
            given = _given.get()
            return given[0] if given else super().generate_trace_id()

        def generate_span_id(self) -> int:
            given = _given.get()
            return given[1] if given else super().generate_span_id()

    name = os.environ.get("OTEL_SERVICE_NAME", "callwright")
    resource = ProcessResourceDetector().detect().merge(Resource.create({"service.name": name}))
    provider = TracerProvider(resource=resource, id_generator=Ids())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("callwright")
