"""With OpenTelemetry on, what every process did for a call stands in one trace under the call's own id."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from bench.instance import Instance
from bench.softphone import stay_on_loopback
from calling.runtime.tracing import ids_of
from tests.faults.collector import Collector, collector
from tests.faults.stage import talking
from tests.support.wait import wait_for

pytestmark = pytest.mark.processes


def spans(server: Collector) -> list[dict[str, Any]]:
    """Every span that was exported, with the process it came from."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = []
    for path, body in list(server.posted):
        if path != "/v1/traces":
            continue
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: each.value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    found.append(
                        {
                            "name": span.name,
                            "trace": span.trace_id.hex(),
                            "id": span.span_id.hex(),
                            "parent": span.parent_span_id.hex(),
                            "pid": about["process.pid"].int_value,
                            "took": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                            "text": str(span),
                        }
                    )
    return found


def test_web_media_and_webhooks_of_a_call_share_its_trace() -> None:
    stay_on_loopback()
    with (
        collector() as server,
        Instance(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}", OTEL_BSP_SCHEDULE_DELAY="200"
        ) as one,
    ):
        one.api(
            "POST", "/api/webhooks", {"url": f"http://127.0.0.1:{server.port}/events", "events": ["call.*"]}
        )

        async def call() -> str:
            alice, bob = await talking(one, 1)
            await alice.send("call.hangup", call_id=alice.call_id)
            await bob.expect("call.ended", call_id=bob.call_id)
            for phone in (alice, bob):
                await phone.close()
            return str(alice.call_id)

        call_id = asyncio.run(call())
        trace_id, root_id = ids_of(call_id)

        def of_call() -> list[dict[str, Any]]:
            return [each for each in spans(server) if each["trace"] == UUID(int=trace_id).hex]

        def names() -> list[str]:
            return [each["name"] for each in of_call()]

        wait_for(
            lambda: {"call", "webhook call.ended"} <= set(names()), 30, lambda: f"both spans beside {names()}"
        )
        found = of_call()
    assert {"decide Open", "decide Hangup", "describe answer", "webhook call.created"} <= set(names()), (
        names()
    )
    assert len({each["pid"] for each in found}) >= 3  # web, media, sweep
    whole = [each for each in found if each["name"] == "call"]
    assert [(each["id"], each["parent"]) for each in whole] == [(f"{root_id:016x}", "")]
    assert all(each["took"] >= 0 for each in found)
    known = {each["id"] for each in found}
    assert all(each["parent"] in known for each in found if each["name"] != "call")
    assert not any("v=0" in each["text"] or "fingerprint" in each["text"] for each in found)
