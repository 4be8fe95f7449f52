"""What waits, as an agent reads it."""

from gateway.care import escalation, opening, reserving
from gateway.care.engine import Engine
from gateway.floor import cards
from gateway.store.database import Store
from gateway.store.waiting import Room, Waiting, room

MOST_LISTED = 30


async def what_waits(store: Store, engine: Engine, agent: str) -> str:
    """What waits in an agent's queues, in the order in which it is offered; a supervisor sees all."""
    book = engine.playbook
    point = int(book.rules.conversations.ageing * 1000)
    points = {name: queue.priority for name, queue in book.queues.items()}
    return _told(engine, agent, await store.read(room, point, points, MOST_LISTED))


def _told(engine: Engine, agent: str, seen: Room) -> str:
    book, now = engine.playbook, engine.now()
    known = book.agent(agent)
    every = known is not None and known.role == "supervisor"
    mine = {name for name in seen.counts if every or (known is not None and book.answers(known, name))}
    count = sum(seen.counts[name] for name in mine)
    if not count:
        return "nobody waits"
    lines = [f"{count} wait{'s' if count == 1 else ''}:"]
    found = [one for one in seen.waiting if one.queue in mine][:MOST_LISTED]
    for one in found:
        asked = reserving.read(one.reservation).agent
        whose = f", offered to {escalation.name_of(book, asked)}" if asked else ""
        waits = _duration(now - one.since)
        lines.append(f"{cards.number(one.key)} in {one.queue} for {waits}{whose}{_soon(engine, one)}")
    if count > len(found):
        lines.append(f"and {count - len(found)} more")
    return "\n".join(lines)


def _soon(engine: Engine, one: Waiting) -> str:
    """When it is taken at the pace of the last hour, where that is known and somebody works."""
    book, now = engine.playbook, engine.now()
    standing = book.standings.get(one.queue) if opening.is_open(book, one.queue, now) else None
    minutes = standing.minutes(standing.place(one.id), now) if standing is not None else 0
    return f", about {minutes} min more" if minutes else ""


def _duration(ms: int) -> str:
    seconds = max(0, ms // 1000)
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds >= 3600
        else f"{seconds // 60}:{seconds % 60:02d} min"
    )
