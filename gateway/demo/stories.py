"""What the demo plays: three business events for one customer, and the steps of the tour that the page highlights."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

CUSTOMER = "Maya"
SENDER = "70007"


def phone(tour: int) -> str:
    """The phone of a tour: a new one each time, since a customer who has bought a plan is not offered it again."""
    return f"+1555{1234567 + tour:07}"


@dataclass(frozen=True, slots=True)
class Story:
    """One event that can be fired. hint: what to answer on the phone."""

    name: str
    type: str
    title: str
    hint: str

    def data(self, now: datetime) -> dict[str, Any]:
        """The event's data, with times that lie ahead."""
        soon = now.replace(minute=0, second=0, microsecond=0)
        if self.name == "overage":
            return {"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}
        if self.name == "flight":
            return {
                "flight": "AA12", "booking": "ABC123", "departure": _rfc3339(soon + timedelta(hours=3)),
                "new_departure": _rfc3339(soon + timedelta(hours=5, minutes=30)), "gate": "B7", "reason": "weather",
            }  # fmt: skip
        return {"what": "dentist", "at": _rfc3339(soon + timedelta(days=1, hours=2)), "where": "12 Main Street"}


STORIES = {
    story.name: story
    for story in (
        Story("overage", "plan.overage", "Plan overage", "YES buys the offer, NO keeps the plan, why? asks a person"),
        Story("flight", "flight.delayed", "Flight delay", "REBOOK asks the airline, YES buys the lounge, OK is fine"),
        Story("appointment", "appointment.due", "Appointment", "C confirms, R finds a new time with a person"),
    )
}


def event(story: Story, event_id: str, number: str, now: datetime) -> dict[str, Any]:
    """The CloudEvent that a business system would post."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "demo",
        "type": story.type,
        "subject": f"tel:{number}",
        "data": story.data(now),
    }


def commands(story: Story, url: str, key_file: str, number: str, now: datetime) -> dict[str, str]:
    """The same as one types it: with curl, and with careline. The key stays in its file."""
    posted = event(story, f"try-{story.name}-{number[-4:]}", number, now)
    names = [["specversion", "id", "source"], ["type", "subject"], ["data"]]
    lines = [", ".join(f"{json.dumps(name)}: {json.dumps(posted[name])}" for name in line) for line in names]
    body = "{" + ",\n       ".join(lines) + "}"
    curl = "\n".join(
        [
            f"curl -sS {url}/v1/events \\",
            f'  -H "Authorization: Bearer $(cat {shlex.quote(key_file)})" \\',
            "  -H 'Content-Type: application/cloudevents+json' \\",
            f"  -d {shlex.quote(body)}",
        ]
    )
    data = shlex.quote(json.dumps(story.data(now)))
    return {"curl": curl, "careline": f"careline fire {story.type} --to {number} \\\n  --data {data}"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the tour."""

    name: str
    title: str
    how: str


_FIRE = Step("fire", "Fire a plan overage", "Billing saw 120 minutes too many. One HTTP call, and Maya’s phone buzzes.")
_WHY = "A question about money is for a person: it waits in the queue “billing”"
_BILLING = Step(
    "billing",
    "See billing called, once",
    "Signed, checked, with a key of its own: however often it is sent, it counts once.",
)
TOUR = (
    _FIRE,
    Step("why", "Ask “why?” on the phone", f"{_WHY}, and Ana’s chat client gets the card."),
    Step(
        "claim",
        "Be Ana: take it",
        "“Take it”, .take, or simply answering. The first agent has it; the others hear who.",
    ),
    Step("answer", "Answer Maya", "Your words arrive as a text; the ticks are the carrier’s receipt."),
    Step("offer", "Say .offer unlimited", "The offer goes out in one text; her YES or NO is for the bot, not for you."),
    Step("yes", "Answer YES on the phone", "“yes please” or “YES!” does it too. “yes but why?” buys nothing."),
    _BILLING,
    Step(
        "close",
        "Say .close resolved",
        "Maya and Ana both have the confirmation; the outcome is one that reports count.",
    ),
)
"""With agents in their chat clients."""
TOUR_OVER_HTTP = (
    _FIRE,
    Step("yes", "Answer YES on the phone", "“yes please” or “YES!” does it too. “yes but why?” buys nothing."),
    _BILLING,
    Step("why", "Fire it again, and ask “why?”", f"{_WHY}."),
    Step("claim", "Be the agent: claim it", "The first one who claims has it; everybody else hears who."),
    Step("answer", "Answer Maya", "Your words arrive as a text. The bot stays silent while a person has the turn."),
    Step("close", "Close with an outcome", "Every conversation ends with a reason that a report can count."),
)
"""Without an XMPP server."""


def progress(
    tour: Sequence[Step],
    conversations: Sequence[Mapping[str, Any]],
    messages: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Names of the steps that are done, from what the gateway and billing show of this tour."""
    ids = {one["id"] for one in conversations}
    offers = [offer for one in conversations for offer in one.get("offers") or ()]
    owned = [one for one in conversations if one.get("queue")]
    claimed = [one for one in owned if one.get("agent") or one.get("state") in ("human", "waiting", "wrapup")]
    written = {m["conversation"] for m in messages if (m.get("author") or {}).get("kind") == "agent"} & ids
    done = {
        "fire": any(one.get("event") for one in conversations),
        "yes": any(offer.get("accepted_at") for offer in offers),
        "billing": any(call.get("action") == "offer.accepted" and call.get("verified") for call in calls),
        "why": bool(owned),
        "claim": bool(claimed or written),
        "answer": bool(written),
        "offer": any(str(offer.get("made_by", "")).startswith("agent:") for offer in offers),
        "close": any(one["id"] in written and one.get("state") in ("wrapup", "closed") for one in owned),
    }
    return [step.name for step in tour if done[step.name]]


def _rfc3339(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
