"""Checks across tables and files: names that must exist, names that must differ, features that are not there yet."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from pydantic import SecretStr

from gateway.settings.gateway_file import GatewayFile, Queue, Sender
from gateway.settings.hours import Hours
from gateway.settings.policy import Compliance, Keyword, KeywordsFile, Offer, OffersFile, Rules
from gateway.settings.positions import Path
from gateway.settings.problem import Problem, Source
from gateway.settings.shapes import nearest

Claim = tuple[str, str | None, str | None, str | None]
"""A word as it is compared, and the brand, sender and language it is for."""

_SMPP_PASSWORD = 8  # characters, SMPP v3.4 4.1.1
_SECRET_BYTES = range(24, 65)  # Standard Webhooks: 24 to 64 bytes, base64, behind whsec_


@dataclass(slots=True)
class Findings:
    """gateway.toml, typed and as written, and what was found."""

    gateway: GatewayFile
    source: Source
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def wrong(self, path: Path, text: str) -> None:
        """A mistake in gateway.toml."""
        self.problems.append(self.source.problem(path, text))

    def warn(self, path: Path, text: str) -> None:
        """Something in gateway.toml that its operator should know."""
        self.warnings.append(self.source.problem(path, text))

    def must_exist(self, source: Source, path: Path, name: str, table: str) -> None:
        """A name that must be that of an entry of a list in gateway.toml."""
        names = [entry.name for entry in getattr(self.gateway, table)]
        if name not in names:
            there = nearest(name, names) or (f" (there: {', '.join(names)})" if names else "; there is none")
            self.problems.append(source.problem(path, f"{name!r} is no [[{table}]]{there}"))


def check_gateway(found: Findings) -> None:
    """All that gateway.toml says about itself."""
    _unique(found)
    _references(found)
    _not_yet(found)
    gateway = found.gateway
    signing: list[tuple[Path, SecretStr]] = [
        *((("backoffice", index, "secret"), entry.secret) for index, entry in enumerate(gateway.backoffice)),
        *((("webhooks", index, "secret"), entry.secret) for index, entry in enumerate(gateway.webhooks)),
    ]
    for path, secret in signing:
        if not _is_webhook_secret(secret.get_secret_value()):
            found.warn(
                path, "is no secret of Standard Webhooks (whsec_ and 24 to 64 bytes in base64): others cannot verify"
            )
    for index, carrier in enumerate(gateway.carriers):
        if carrier.tls and not carrier.tls.verify:
            found.warn(("carriers", index, "tls", "verify"), "anybody on the way can read and change texts")
        if len(carrier.password.get_secret_value()) > _SMPP_PASSWORD:
            found.warn(
                ("carriers", index, "password"), "is longer than the 8 characters of SMPP; some carriers refuse it"
            )


def check_languages(found: Findings, folders: Iterable[FilePath]) -> None:
    """A brand whose language has no texts could say nothing, which would come out at night."""
    there = {
        child.name.replace("_", "-").lower()
        for folder in folders
        for child in (folder.iterdir() if folder.is_dir() else ())
        if any(child.glob("*.toml"))
    }
    for index, brand in enumerate(found.gateway.brands):
        tag = brand.default_language.replace("_", "-").lower()
        if not there & {tag, tag.partition("-")[0]}:
            text = f"no texts in {brand.default_language!r}: write templates/{brand.default_language}/*.toml"
            hint = f" (there are {', '.join(sorted(there))})"
            found.problems.append(found.source.problem(("brands", index, "default_language"), text + hint))


def _unique(found: Findings) -> None:
    columns = {
        "brands": ("name",),
        "carriers": ("name",),
        "senders": ("address",),
        "queues": ("name",),
        "agents": ("jid", "name"),
        "backoffice": ("name",),
        "webhooks": ("name",),
        "api_keys": ("name",),
    }
    for table, names in columns.items():
        for name in names:
            values = [getattr(entry, name) for entry in getattr(found.gateway, table)]
            _differ(found.problems, found.source, table, name, values)


def _differ(problems: list[Problem], source: Source, table: str, key: str, values: Sequence[str | None]) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value is not None and value.casefold() in seen:
            problems.append(source.problem((table, index, key), f"{value!r} stands here twice"))
        seen.add((value or "").casefold())


def _references(found: Findings) -> None:
    gateway, source = found.gateway, found.source
    for index, sender in enumerate(gateway.senders):
        found.must_exist(source, ("senders", index, "brand"), sender.brand, "brands")
        for place, carrier in enumerate(sender.carriers):
            found.must_exist(source, ("senders", index, "carriers", place), carrier, "carriers")
        if sender.shared_with:
            _shared(found, index, sender)
    for index, queue in enumerate(gateway.queues):
        found.must_exist(source, ("queues", index, "brand"), queue.brand, "brands")
        brand = next((one for one in gateway.brands if one.name == queue.brand), None)
        calendar = queue.holidays or (brand.holidays if brand is not None else None)
        if calendar is None and Hours.parse(queue.hours or "24/7").need_calendar:
            found.wrong(("queues", index, "hours"), 'PH needs to know whose holidays: holidays = "US" in the brand')
        if queue.backup is not None:
            _backup(found, index, queue, queue.backup)
    _skills(found)
    _lobbies(found)
    for index, agent in enumerate(gateway.agents):
        for place, name in enumerate(agent.queues):
            found.must_exist(source, ("agents", index, "queues", place), name, "queues")
        domains = gateway.xmpp.agent_domains if gateway.xmpp else ()
        domain = agent.jid.partition("@")[2]
        if domains and domain.lower() not in [one.lower() for one in domains]:
            told = f"{domain!r} is none of xmpp.agent_domains ({', '.join(domains)}){nearest(domain, domains)}"
            found.wrong(("agents", index, "jid"), told)
    for index, folder in enumerate(gateway.handlers.folders):
        if not folder.is_dir():
            found.wrong(("handlers", "folders", index), f"{str(folder)!r} is no folder")


def _shared(found: Findings, index: int, sender: Sender) -> None:
    """Each brand of an address once, and each word for one of them only."""
    owners: dict[str, str] = {}
    brands = {brand.name: brand for brand in found.gateway.brands}
    for place, name in enumerate((sender.brand, *sender.shared_with)):
        path: Path = ("senders", index, "shared_with", place - 1) if place else ("senders", index, "brand")
        if place:
            found.must_exist(found.source, path, name, "brands")
            if name in (sender.brand, *sender.shared_with[: place - 1]):
                found.wrong(path, f"{name!r} has the address already")
                continue
        known = brands.get(name)
        for word in (known.name, known.display_name, *known.keywords) if known is not None else ():
            owner = owners.setdefault(fold(word), name)
            if owner != name:
                found.wrong(path, f"a text {word!r} to {sender.address} could mean {owner!r} or {name!r}")


def _lobbies(found: Findings) -> None:
    """A chat room shows one queue."""
    whose: dict[str, str] = {}
    for index, queue in enumerate(found.gateway.queues):
        room = (queue.room or "").casefold()
        if room in whose:
            told = f"{queue.room!r} is the lobby of queue {whose[room]!r} already; each queue has its own, or none"
            found.wrong(("queues", index, "room"), told)
        elif room:
            whose[room] = queue.name


def _backup(found: Findings, index: int, queue: Queue, backup: str) -> None:
    """Another queue of the same brand. Two may back each other up: only one is asked, not its own back-up."""
    path: Path = ("queues", index, "backup")
    found.must_exist(found.source, path, backup, "queues")
    other = next((one for one in found.gateway.queues if one.name == backup), None)
    if backup == queue.name:
        found.wrong(path, "a queue cannot back itself up; name another, or take the line out")
    elif other is not None and other.brand != queue.brand:
        found.wrong(path, f"{backup!r} answers for brand {other.brand!r}, this queue for {queue.brand!r}")


def _not_yet(found: Findings) -> None:
    """Keys whose feature is not there yet. Take the line out with the issue that brings the feature."""
    gateway = found.gateway
    if gateway.store.url.startswith("postgresql"):
        found.wrong(("store", "url"), "PostgreSQL is not there yet; use sqlite:///var/careline.db")
    if gateway.webhooks:
        found.warn(("webhooks", 0), "webhooks are not delivered yet")
    staffed = {name for agent in gateway.agents for name in agent.queues}
    for index, queue in enumerate(gateway.queues):
        if queue.name not in staffed:
            found.warn(
                ("queues", index), "no agent answers this queue; its conversations wait for the API or a supervisor"
            )


def _skills(found: Findings) -> None:
    """Somebody who answers a queue, or its back-up, has all that it asks for; those who have not are never asked."""
    for index, queue in enumerate(found.gateway.queues):
        answer = [
            (place, sorted(set(queue.skills) - set(agent.skills)), queue.name in agent.queues)
            for place, agent in enumerate(found.gateway.agents)
            if not {queue.name, queue.backup}.isdisjoint(agent.queues)
        ]
        if answer and all(missing for _, missing, _ in answer):
            told = f"no agent of this queue or its backup has all of them: {', '.join(queue.skills)}"
            found.wrong(("queues", index, "skills"), f"{told}; add them to the skills of one of [[agents]]")
            continue
        for place, missing, own in answer:
            if missing and own:
                lacks = f"is never asked for {queue.name!r}: lacks {', '.join(missing)}"
                found.warn(("agents", place, "skills"), lacks)


def _is_webhook_secret(secret: str) -> bool:
    try:
        return secret.startswith("whsec_") and len(base64.b64decode(secret[6:], validate=True)) in _SECRET_BYTES
    except binascii.Error:
        return False


def check_policy(
    found: Findings,
    offers: tuple[Source | None, OffersFile | None],
    keywords: tuple[Source | None, KeywordsFile | None],
) -> None:
    """What the operator's offers and keywords say about gateway.toml."""
    offers_source, offers_file = offers
    if offers_source and offers_file:
        _differ(found.problems, offers_source, "offers", "name", [offer.name for offer in offers_file.offers])
        for index, offer in enumerate(offers_file.offers):
            if offer.brand:
                found.must_exist(offers_source, ("offers", index, "brand"), offer.brand, "brands")
            if offer.backoffice and found.gateway.backoffice:
                found.must_exist(offers_source, ("offers", index, "backoffice"), offer.backoffice, "backoffice")
    keywords_source, keywords_file = keywords
    if keywords_source and keywords_file:
        _check_keywords(found, keywords_source, keywords_file)


def check_offers_fulfilled(offers: Iterable[Offer], gateway: GatewayFile, source: Source | None) -> list[Problem]:
    """Offers, shipped ones too, that nobody would fulfil: they can be accepted, and then wait for a person."""
    names = {entry.name for entry in gateway.backoffice}
    lost = [offer for offer in offers if offer.backoffice and offer.backoffice not in names]
    own = [entry.get("name") for entry in _tables(source.data.get("offers"))] if source else []
    warnings = []
    for offer in lost:
        told = f"no [[backoffice]] {offer.backoffice!r} fulfils this offer"
        path: Path = ("offers", own.index(offer.name), "backoffice") if offer.name in own else ("offers",)
        if source:
            warnings.append(source.problem(path, told if offer.name in own else f"{offer.name}: {told}"))
    return warnings


def _tables(entries: object) -> list[dict[str, object]]:
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _check_keywords(found: Findings, source: Source, file: KeywordsFile) -> None:
    for brand in file.brands:
        found.must_exist(source, ("brands", brand), brand, "brands")
    senders = [sender.address for sender in found.gateway.senders]
    reserved = {"STOP", "HELP", "START"} | {
        fold(w) for k in ("stop", "help", "start") for w in file.compliance_words(k)
    }
    seen: set[Claim] = set()
    for index, keyword in enumerate(file.keywords):
        if keyword.brand:
            found.must_exist(source, ("keywords", index, "brand"), keyword.brand, "brands")
        if keyword.sender and keyword.sender not in senders:
            hint = nearest(keyword.sender, senders)
            path: Path = ("keywords", index, "sender")
            found.problems.append(source.problem(path, f"{keyword.sender!r} is no [[senders]]{hint}"))
        for place, claim in enumerate(claims(keyword)):
            path = ("keywords", index, "words", place)
            if claim[0] in reserved:
                found.problems.append(source.problem(path, f"{keyword.words[place]!r} is a compliance word"))
            if claim in seen:
                found.problems.append(source.problem(path, f"{keyword.words[place]!r} stands here twice"))
            seen.add(claim)


def check_rules(found: Findings, source: Source | None, rules: Rules | None) -> None:
    """What rules.toml says about gateway.toml."""
    if source is None or rules is None:
        return
    for brand, own in rules.brands.items():
        found.must_exist(source, ("brands", brand), brand, "brands")
        found.must_exist(source, ("brands", brand, "default_queue"), own.default_queue, "queues")


def fold(word: str) -> str:
    """A word as messages are compared: no accents, upper case, no punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w\s]|_", " ", plain).upper().split())


def claims(keyword: Keyword) -> list[Claim]:
    """What each word of a keyword is for; two keywords with the same claim would hide each other."""
    return [(fold(word), keyword.brand, keyword.sender, keyword.language) for word in keyword.words]


def joined(base: KeywordsFile, own: KeywordsFile, language: str) -> Compliance:
    """The compliance words of both files."""
    both = [file.compliance.get(language, Compliance()) for file in (base, own)]

    def words(kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for compliance in both for word in getattr(compliance, kind)))

    return Compliance(stop=words("stop"), help=words("help"), start=words("start"))
