"""Which agent is asked next."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.care.reserving import NOBODY, ROUND_MS, Reservation
from gateway.floor.attendance import Attendance
from gateway.floor.choosing import Choosing, Floor, Wanted
from gateway.model.desk import Show
from gateway.settings.gateway_file import Agent

NOW = 1_000_000
NAMES = ("ana", "ben", "cleo", "dan")


def agent(
    name: str, *, queues: tuple[str, ...] = ("billing",), capacity: int = 3, skills: tuple[str, ...] = ()
) -> Agent:
    return Agent(jid=f"{name}@example.test", name=name, queues=queues, capacity=capacity, skills=skills)


def floor(
    shows: dict[str, Show],
    *,
    busy: dict[str, int] | None = None,
    asked: tuple[str, ...] = (),
    since: dict[str, int] | None = None,
) -> Floor:
    attendance = Attendance(lambda: NOW)
    for name, show in shows.items():
        attendance.tell(f"{name}@example.test", show)
    of = {f"{name}@example.test": count for name, count in (busy or {}).items()}
    free = {f"{name}@example.test": at for name, at in (since or {}).items()}
    return Floor(attendance, of, {f"{name}@example.test" for name in asked}, free)


def choose(agents: list[Agent], its: Reservation, on: Floor, now: int, language: str) -> str | None:
    return Choosing(agents, on).choose(Wanted(("billing",), its, language), now)


def chosen(
    names: tuple[str, ...], on: Floor, its: Reservation = NOBODY, now: int = NOW, language: str = "en"
) -> str | None:
    found = choose([agent(name) for name in names], its, on, now, language)
    return found.partition("@")[0] if found else None


def test_who_shows_more_readiness_is_asked_first() -> None:
    shows = {"ana": Show.xa, "ben": Show.away, "cleo": Show.online, "dan": Show.chat}
    order = []
    while shows:
        name = chosen(NAMES, floor(shows))
        assert name is not None
        order.append(name)
        del shows[name]
    assert order == ["dan", "cleo", "ben", "ana"]


def test_never_who_is_busy_gone_or_unknown() -> None:
    assert chosen(NAMES, floor({"ana": Show.dnd, "ben": Show.offline, "cleo": Show.unknown})) is None


def test_never_who_has_enough_or_a_question_open_or_another_queue() -> None:
    there = {"ana": Show.online, "ben": Show.online}
    assert chosen(("ana", "ben"), floor(there, busy={"ana": 3})) == "ben"
    assert chosen(("ana", "ben"), floor(there, asked=("ana",))) == "ben"
    assert choose([agent("ana", queues=("travel",))], NOBODY, floor(there), NOW, "en") is None


def test_the_fewest_conversations_then_the_longest_idle() -> None:
    there = dict.fromkeys(NAMES, Show.online)
    assert chosen(NAMES, floor(there, busy={"ana": 1, "ben": 2, "cleo": 0, "dan": 1})) == "cleo"
    assert chosen(NAMES, floor(there, since={"ana": 9, "ben": 5, "cleo": 7, "dan": 8})) == "ben"


def test_who_passed_is_asked_again_after_a_round_and_a_pause() -> None:
    there = dict.fromkeys(("ana", "ben"), Show.online)
    passed = Reservation(None, NOW, ("ana@example.test",))
    assert chosen(("ana", "ben"), floor(there), passed) == "ben"
    everybody = Reservation(None, NOW, ("ana@example.test", "ben@example.test"))
    assert chosen(("ana", "ben"), floor(there), everybody, NOW + ROUND_MS - 1) is None
    assert chosen(("ana", "ben"), floor(there), everybody, NOW + ROUND_MS) == "ana"


def test_who_speaks_the_language_is_asked_before_others() -> None:
    on = floor({"ana": Show.chat, "ben": Show.away})
    agents = [agent("ana"), agent("ben").model_copy(update={"languages": ("en", "es-MX")})]
    assert choose(agents, NOBODY, on, NOW, "es") == "ben@example.test"
    assert choose(agents, NOBODY, on, NOW, "en-US") == "ana@example.test"
    assert choose(agents, NOBODY, on, NOW, "fi") == "ana@example.test", "better somebody than nobody"


def test_who_had_the_customer_last_is_asked_first_but_nobody_waits_for_them() -> None:
    agents = [agent("ana"), agent("ben"), agent("cleo", queues=("travel",))]
    there = floor({"ana": Show.chat, "ben": Show.online, "cleo": Show.chat}, busy={"ben": 2})
    wanted = Wanted(("billing",), NOBODY, "en", "ben@example.test")
    assert Choosing(agents, there).choose(wanted, NOW) == "ben@example.test"
    full = floor({"ana": Show.chat, "ben": Show.chat}, busy={"ben": 3})
    assert Choosing(agents, full).choose(wanted, NOW) == "ana@example.test", "no room"
    away = floor({"ana": Show.chat, "ben": Show.away})
    assert Choosing(agents, away).choose(wanted, NOW) == "ana@example.test", "not available"
    alone = floor({"ben": Show.xa})
    assert Choosing(agents, alone).choose(wanted, NOW) == "ben@example.test", "nobody else is there"
    gone = floor({"ana": Show.chat, "ben": Show.offline})
    assert Choosing(agents, gone).choose(wanted, NOW) == "ana@example.test"
    passed = replace(wanted, its=Reservation(None, NOW, ("ben@example.test",)))
    assert Choosing(agents, there).choose(passed, NOW) == "ana@example.test", "passed them on"
    elsewhere = replace(wanted, last_agent="cleo@example.test")
    assert Choosing(agents, there).choose(elsewhere, NOW) == "ana@example.test", "does not answer this queue"


def test_agents_of_the_queue_come_before_those_of_its_backup() -> None:
    agents = [agent("ana"), agent("cleo", queues=("travel",)), agent("dan", queues=("travel",))]
    choosing = Choosing(agents, floor({"ana": Show.xa, "cleo": Show.chat, "dan": Show.away}))
    wanted = Wanted(("billing", "travel"), NOBODY, "en")
    asked = [choosing.choose(wanted, NOW) for _ in range(4)]
    assert asked == ["ana@example.test", "cleo@example.test", "dan@example.test", None]
    assert not choosing.left("billing")


def test_nobody_is_asked_twice_in_a_round() -> None:
    choosing = Choosing([agent("ana"), agent("ben")], floor({"ana": Show.chat, "ben": Show.chat}))
    wanted = Wanted(("billing",), NOBODY, "en", "ben@example.test")
    assert [choosing.choose(wanted, NOW) for _ in range(3)] == ["ben@example.test", "ana@example.test", None]


def test_who_said_away_is_not_asked_whatever_the_client_shows() -> None:
    on = floor({"ana": Show.chat})
    on.attendance.go_away(["ana@example.test"])
    assert chosen(("ana",), on) is None
    assert on.attendance.presence("ana@example.test") == "away"
    on.attendance.come_back("ana@example.test")
    assert chosen(("ana",), on) == "ana"


@given(
    shows=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(list(Show))),
    busy=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4)),
    asked=st.sets(st.sampled_from(NAMES)),
    passed=st.sets(st.sampled_from(NAMES)),
    waited=st.sampled_from([0, ROUND_MS]),
)
def test_whoever_is_chosen_may_be_and_nobody_better_was_left(
    shows: dict[str, Show], busy: dict[str, int], asked: set[str], passed: set[str], waited: int
) -> None:
    on = floor(shows, busy=busy, asked=tuple(asked))
    its = Reservation(None, NOW, tuple(f"{name}@example.test" for name in sorted(passed)))
    able = [
        name
        for name in NAMES
        if shows.get(name, Show.unknown) <= Show.xa and busy.get(name, 0) < 3 and name not in asked
    ]
    fresh = [name for name in able if name not in passed]
    pool = fresh or (able if passed and waited else [])
    name = chosen(NAMES, on, its, NOW + waited)
    assert (name is None) == (not pool)
    if name is not None:
        assert name in pool
        assert all((shows[name], busy.get(name, 0)) <= (shows[other], busy.get(other, 0)) for other in pool)


# -- skills


def test_only_who_has_all_skills_of_the_queue_is_asked() -> None:
    """Not the best by any other rule, who had the customer last, or an agent of the back-up."""
    agents = [
        agent("ana", skills=("refunds",)),
        agent("ben", skills=("refunds", "business")),
        agent("cleo", queues=("travel",)),
        agent("dan", queues=("travel",), skills=("business", "refunds")),
    ]
    shows = {"ana": Show.chat, "ben": Show.away, "cleo": Show.chat, "dan": Show.online}
    last = "ana@example.test"
    wanted = Wanted(("billing", "travel"), NOBODY, "en", last, ("refunds", "business"))
    round_ = Choosing(agents, floor(shows))
    assert round_.left("billing", wanted.skills)
    assert [round_.choose(wanted, NOW) for _ in range(3)] == ["ben@example.test", "dan@example.test", None]
    assert not round_.left("billing", wanted.skills)
    assert round_.left("billing"), "another queue may have Ana"
    assert round_.choose(replace(wanted, skills=("refunds",)), NOW) == last
