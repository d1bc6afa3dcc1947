"""What came of the events, ours and Closum's webhooks, and whether it adds up."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from contracts.runs import HistoryRecord, Outcome
from services.cli.dead_letters import letters
from services.cli.history import ends
from services.cli.terminal import CommandError
from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.settings import RuntimeSettings

E164 = re.compile(r"\+[1-9]\d{6,14}")
DEADLINE_SECONDS = 90.0
PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Account:
    """All that is known once every event has come to an end."""

    accepted: int
    ends: list[HistoryRecord]
    dead: list[FoundDeadLetter]
    closum: dict[str, Any]  # the stand-in's state
    seconds: float

    def count(self, outcome: Outcome, source: str | None = None) -> int:
        """How many ended so, of one hook or of all."""
        return sum(one.outcome is outcome and source in (None, one.source) for one in self.ends)

    def came_by(self, source: str) -> int:
        """How many came by a hook."""
        return sum(one.source == source for one in self.ends)

    def greeted(self) -> Counter[str]:
        """How many messages each person got."""
        return Counter(str(message["to"]) for message in self.closum["whatsapp"])

    def by_flow(self, source: str) -> str:
        """The flows that ran for a hook."""
        return ", ".join(sorted({one.flow for one in self.ends if one.source == source and one.flow}))

    def as_json(self) -> dict[str, Any]:
        """All of it, for whoever wants to look closer."""
        return {
            "accepted": self.accepted,
            "outcomes": {outcome.value: self.count(outcome) for outcome in Outcome},
            "faults": self.faults(),
            "ends": [one.model_dump(mode="json", exclude_none=True) for one in self.ends],
            "dead_letters": [one.row() for one in self.dead],
            "closum": self.closum,
        }

    def repeated_calls(self) -> int:
        """Requests that came again for the same effect, because the first was not answered with success."""
        return sum(max(0, key["requests"] - 1) for key in self.closum["keys"].values())

    def faults(self) -> list[str]:
        """What does not add up; empty when all does."""
        found = []
        sums = Counter(one.outcome for one in self.ends)
        if sum(sums.values()) != self.accepted:
            found.append(f"{self.accepted} events were accepted, but {sum(sums.values())} ends are recorded")
        if len(self.dead) != sums[Outcome.DEAD]:
            found.append(f"{sums[Outcome.DEAD]} ended dead, but {len(self.dead)} dead letters lie there")
        phones = [str(contact.get("phone")) for contact in self.closum["contacts"]]
        found += [f"the CRM holds {phone!r}, no E.164 number" for phone in phones if not E164.fullmatch(phone)]
        doubled = [key for key, counts in self.closum["keys"].items() if counts["effects"] > 1]
        if doubled:
            found.append(f"{len(doubled)} calls had their effect more than once, the first is {doubled[0]!r}")
        twice = [person for person, messages in self.greeted().items() if messages > 1]
        if twice:
            found.append(f"{len(twice)} people were greeted more than once, the first is {twice[0]!r}")
        return found


async def settle(
    settings: RuntimeSettings, sent: int, closum: str, ended: Callable[[int, int], object], check: Callable[[], None]
) -> Account:
    """Wait until every accepted event has come to an end, then take the account.

    Accepted are those that were sent, and the webhooks by which Closum told of what became of them. `ended` hears how
    many have ended, of how many. Raises CommandError when they do not in time; `check` raises when a service died.
    """
    begun = time.monotonic()
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        while True:
            check()
            found = await ends(settings)
            # Asked after the ends: what the last one caused is on its way by then.
            webhooks = (await client.get(f"{closum}/_webhooks")).json()
            accepted = sent + webhooks["told"]
            ended(len(found), accepted)
            if len(found) >= accepted and not webhooks["on_the_way"]:
                break
            _in_time(begun, found, accepted)
            await asyncio.sleep(PAUSE_SECONDS)
        state = (await client.get(f"{closum}/_state")).json()
    dead = await letters(settings)
    return Account(accepted, list(found.values()), dead, state, time.monotonic() - begun)


def _in_time(begun: float, found: Mapping[str, HistoryRecord], accepted: int) -> None:
    if time.monotonic() - begun > DEADLINE_SECONDS:
        sums = ", ".join(f"{count} {name}" for name, count in Counter(one.outcome for one in found.values()).items())
        raise CommandError(
            f"after {DEADLINE_SECONDS:.0f} s only {len(found)} of {accepted} events have come to an end ({sums})"
        )
