"""What `careline doctor` reads in the configuration of the agents' XMPP server: settings that lose messages, let others
in, or become slow. Only the text is looked at, and no server is asked: a log-in would throw out a gateway that runs.
"""

import re
from collections.abc import Iterator
from pathlib import Path

PLACES = (Path("/etc/prosody/prosody.cfg.lua"), Path("/etc/ejabberd/ejabberd.yml"))
_LONGEST = 1 << 20
Trouble = tuple[str, str]
"""What is wrong, and what to do about it."""


class Unreadable(Exception):
    """The file cannot be read, or is no configuration of a server that is known here."""


def find(domain: str, places: tuple[Path, ...] = PLACES) -> Path | None:
    """The configuration on this machine that names the component, if there is one that may be read."""
    for path in places:
        try:
            if domain in read(path):
                return path
        except Unreadable:
            continue
    return None


def read(path: Path) -> str:
    """A configuration, without its comments. Raises Unreadable."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
    except OSError as problem:
        raise Unreadable(f"{path}: {problem.strerror}") from problem
    comment = r"--.*" if path.suffix == ".lua" else r"(?:^|\s)#.*"
    return re.sub(comment, "", text, flags=re.MULTILINE)


def troubles(path: Path, domain: str) -> list[Trouble]:
    """What is wrong in it for a component of this domain. Raises Unreadable."""
    text = read(path)
    if path.suffix == ".lua":
        return list(_prosody(text, domain))
    if re.search(r"^listen:", text, re.MULTILINE):
        return list(_ejabberd(text, domain))
    raise Unreadable(f"{path}: neither a prosody.cfg.lua nor an ejabberd.yml")


def _prosody(text: str, domain: str) -> Iterator[Trouble]:
    component = re.search(
        rf'Component\s*\(?\s*"{re.escape(domain)}"(.*?)(?=\n\s*(?:Component|VirtualHost)\b|\Z)', text, re.DOTALL
    )
    if component is None:
        yield f"no Component {domain}", f'add: Component "{domain}" with a component_secret'
    elif not re.search(r'component_conflict_resolve\s*=\s*"kick_old"', text):
        yield (
            "a gateway that restarts waits until the old connection is noticed dead",
            f'set component_conflict_resolve = "kick_old" in Component "{domain}"',
        )
    if re.search(r'"mam"', text) and not re.search(r'storage\s*=\s*"sql"|\barchive2?\s*=\s*"sql"', text):
        yield (
            "the archive is kept in files: with 10,000 messages a busy agent costs 10 ms each",
            'set storage = { archive = "sql" } and sql = { driver = "SQLite3", database = "prosody.sqlite" }',
        )
    disabled = re.search(r"modules_disabled\s*=\s*\{([^}]*)\}", text)
    if disabled is None or '"s2s"' not in disabled[1]:
        yield "other servers can reach the component (s2s)", 'set modules_disabled = { "s2s" } unless you federate'
    if re.search(r'^\s*Component\s[^\n]*"muc"', text, re.MULTILINE) and '"muc_mam"' not in text:
        yield (
            "rooms keep no archive: what agents write there while the gateway is away is not read back",
            'set modules_enabled = { "muc_mam" } in the Component of rooms (Prosody 0.12)',
        )
    if not re.search(rf'privileged_entities\s*=\s*\{{[^}}]*"{re.escape(domain)}"', text):
        yield (
            "no privileges (XEP-0356): agents must accept a subscription, and see no contact list of open chats",
            f'give {domain} privileged_entities: roster = "both", message = "outgoing", presence = "managed_entity"',
        )


def _ejabberd(text: str, domain: str) -> Iterator[Trouble]:
    if "ejabberd_service" not in text:
        yield "no listener for components", f"add a listener with module ejabberd_service and host {domain}"
    elif not re.search(r"global_routes:\s*false", text):
        yield (
            "components on one port get each other's messages",
            "set global_routes: false in the listener of ejabberd_service",
        )
    if "domain_balancing" in text:
        yield "domain_balancing loses half of the messages when one of two gateways dies", "take domain_balancing out"
    if "mod_mam" in text and not re.search(r"default_db:\s*sql|mod_mam:[^\n]*(?:\n\s+[^\n]*)*?db_type:\s*sql", text):
        yield (
            "the archive is kept by Mnesia: a busy agent costs 14 to 31 ms a message",
            "set default_db: sql, sql_type and sql_database, and load lite.sql",
        )
    if re.search(r"^\s*mod_muc:", text, re.MULTILINE) and not re.search(r"\bmam:\s*true", text):
        yield (
            "rooms keep no archive: what agents write there while the gateway is away is not read back",
            "set default_room_options: {mam: true} in mod_muc",
        )
    if not re.search(r"s2s_access:\s*none", text):
        yield (
            "what agents write while the gateway is away is tried over the internet and lost, and looks sent",
            "set s2s_access: none",
        )
    if not re.search(r"disable_sasl_mechanisms:[^\n]*PLAIN|disable_sasl_mechanisms:\s*(?:\n\s*-[^\n]*)*PLAIN", text):
        yield (
            "before ejabberd 26.07 whoever has an account can log in as anybody else with PLAIN (issue 4601)",
            "set disable_sasl_mechanisms: [PLAIN, DIGEST-MD5, X-OAUTH2], or upgrade",
        )
    if "managed_entity" in text:
        yield (
            "ejabberd does not tell a component with managed_entity who was there before it",
            "take presence: managed_entity out of mod_privilege: agents are asked for a subscription instead",
        )
