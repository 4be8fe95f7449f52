"""Sentences of plays about two brands on one address; the others are in playing.py."""

from gateway.care.playbook import Playbook
from gateway.model.brand import Brand
from gateway.model.rows import replace
from gateway.settings import Queue
from tests.doubles.stage import OURS
from tests.scenarios.playing import SAMPLES, Play, sentence
from tests.scenarios.promising import _use


def sharing(book: Playbook) -> Playbook:
    """The house with a second brand, Zed Air, on the same short code, whose queue the same agents answer."""
    zed = Brand("zed", "Zed Air", "en", "America/New_York", "https://zed.example/help", None, ("FLY",))
    return replace(
        book,
        brands={**book.brands, "zed": zed},
        senders={**book.senders, OURS: replace(book.senders[OURS], shared_with=("zed",))},
        queues={**book.queues, "flights": Queue(name="flights", brand="zed")},
        agents=tuple(one.model_copy(update={"queues": (*one.queues, "flights")}) for one in book.agents),
    )


@sentence(r"Acme Mobile and Zed Air share the short code")
async def _share(play: Play) -> None:
    _use(
        play,
        **{name: getattr(sharing(play.stage.playbook), name) for name in ("brands", "senders", "queues", "agents")},
    )


@sentence(r"Zed has the keyword (\w+), which says ([\w.]+)")
async def _keyword(play: Play, word: str, key: str) -> None:
    keywords = play.stage.playbook.keywords
    its = type(keywords.keywords[0])(words=(word,), brand="zed", say=key)
    _use(play, keywords=keywords.model_copy(update={"keywords": (its, *keywords.keywords)}))


@sentence(r"Zed's event ([a-z.]+) for ([A-Z]\w+)(?: with what=(.+))?")
async def _event(play: Play, type_: str, name: str, what: str = "") -> None:
    data: dict[str, object] = {"what": what} if what else SAMPLES[type_]
    await play.stage.event(type_, play.phone(name), data, brand="zed")
    await play.stage.settled()


@sentence(r"(\w+)'s words are of (Acme|Zed): (.+)")
async def _words(play: Play, name: str, brand: str, text: str) -> None:
    rows = await play.stage.rows(
        "SELECT brand, text FROM message WHERE theirs = ? AND direction = 'mo' ORDER BY id", play.phone(name)
    )
    assert (brand.lower(), text) in {(row["brand"], row["text"]) for row in rows}, f"kept are {rows}"


@sentence(r"(\w+) may be texted by (Acme alone|Zed alone|both|neither)")
async def _permits(play: Play, name: str, who: str) -> None:
    rows = await play.stage.rows(
        "SELECT brand FROM consent JOIN customer USING (address_id) WHERE key = ? AND state = 'revoked'",
        f"tel:{play.phone(name)}",
    )
    may = {"acme", "zed"} - {row["brand"] for row in rows}
    wanted = {"Acme alone": {"acme"}, "Zed alone": {"zed"}, "both": {"acme", "zed"}, "neither": set[str]()}[who]
    assert may == wanted, f"{name} may be texted by {sorted(may)}"


@sentence(r"The conversation with (Acme|Zed) (?:is with (?:the )?(\w+)|waits in (\w+)|is closed: (\w+))")
async def _stands(play: Play, brand: str, told: str) -> None:
    phone = play.phone(str(play.last))
    [row] = await play.stage.rows(
        "SELECT state, agent, queue, disposition FROM conversation WHERE key = ? AND brand = ? "
        "ORDER BY id DESC LIMIT 1",
        f"tel:{phone}",
        brand.lower(),
    )
    stands = {
        "bot": "bot",
        "queued": row["queue"],
        "closed": row["disposition"],
        "human": str(row["agent"]).partition("@")[0].capitalize(),
    }[row["state"]]
    assert stands == told, f"it is {row}"
