"""Who is in the simulated world: two projects with people, phones, back ends, trunks, money and webhooks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from calling import models
from subscribers import provisioning
from subscribers.encryption import seal
from subscribers.models import PhoneNumber, SipGateway
from tests.simulation.faults import Bus, Faults
from tests.simulation.laws import Laws
from tests.simulation.people import BACK_ENDS, CENT, BackEnd, Budget, Device
from tests.simulation.processes import DAY, Receiver
from tests.simulation.web import EventSocket, Hub
from tests.simulation.world import EPOCH, World
from tests.support.rest_client import basic
from tokens.issue import create_project, issue_api_token
from tokens.subjects import TokenHolder

TEMPERS = ("well", "flaky", "slow", "cut", "gone", "away")
PEOPLE = 4
AWAY = 0.6  # how likely, in a world with faults, a receiver is down for three days
PER_DAY = 400 * CENT


@dataclass
class Cast:
    """What a run asks for at its end."""

    receivers: dict[str, Receiver] = field(default_factory=dict)  # by endpoint
    well: dict[str, str] = field(default_factory=dict)  # endpoint that loses nothing in the end -> project
    projects: list[uuid.UUID] = field(default_factory=list)
    endpoints: list[uuid.UUID] = field(default_factory=list)  # that may be sent things again


def populate(
    world: World, bus: Bus, trouble: Faults, laws: Laws, budget: Budget, number: int, cast: Cast
) -> None:
    """A project. The first is prepaid with little money, the second has a cap of what a day may cost."""
    project = create_project(f"Project {number}")
    cast.projects.append(project.id)
    auth = basic(project.id, issue_api_token(project))
    own = f"+1555000{number:04}"
    cap = PER_DAY if number else None
    project.policy = {
        "countries": ["US"],
        "concurrent": 1000,
        "per_minute": 1000,
        "refusals": 0,
        "per_day": cap,
    }
    project.save(update_fields=["policy"])
    laws.caps[project.id] = cap
    PhoneNumber.objects.create(project=project, number=own)
    SipGateway.objects.create(
        project=project,
        name="trunk",
        host="203.0.113.9",
        prefixes=["+"],
        ip_addresses=[f"203.0.113.{number}"],
    )
    models.Account.objects.create(project=project, prepaid=number == 0)
    models.PhoneRate.objects.create(
        project=project, prefix="+1", per_minute=3 * CENT, setup=CENT, increment=6
    )
    people = [
        provisioning.provision_subscriber(
            project.id, f"person{each}@example.com", {"display_name": f"P{each}"}
        )
        for each in range(PEOPLE)
    ]
    addresses = [row.address for row in people]
    for temper in TEMPERS if number == 0 else TEMPERS[:2]:
        row = models.WebhookEndpoint.objects.create(
            project=project,
            url=f"https://{temper}.example.com/",
            events=["*"],
            secret=seal("whsec_c2ltdWxhdGVk"),
        )
        receiver = cast.receivers[str(row.id)] = Receiver(world, trouble, laws, temper)
        if temper == "well" or temper == "away":
            cast.well[str(row.id)] = str(project.id)
        if temper == "away" and trouble.on and world.dice.random() < AWAY:
            receiver.down_until = world.dice.uniform(2.5, 3.0) * DAY
            world.counts["receivers down for days"] += 1
        if temper != "gone":
            cast.endpoints.append(row.id)
    hub = Hub(world, bus, laws, f"web{number}")
    for each, row in enumerate(people):
        holder = TokenHolder(
            project.id,
            "subscriber",
            row.id,
            row.address,
            world.new_id(),
            EPOCH + timedelta(days=30),
            None,
            row.shown_name,
        )
        others = [address for address in addresses if address != row.address]
        Device(world, hub, budget, holder, others, f"phone{number}.{each}")
    fellows: list[BackEnd] = []
    for each in range(BACK_ENDS):
        BackEnd(world, laws, budget, auth, addresses, own, fellows, f"backend{number}.{each}")
    EventSocket(world, bus, laws, project.id, f"reader{number}")
