"""What can be wrong in an `ejabberd.yml` for the desk. Files that it includes are not read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.cli import journal

_LONGEST = 1 << 20
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NotYaml(Exception):
    """It is no file that ejabberd could read."""


def check(path: Path, domain: str) -> Iterator[tuple[str, str]]:
    """Each trouble, with what to do about it. Raises NotYaml, OSError."""
    its = _read(path)
    modules = _mapping(its.get("modules"))
    yield from _clients(its)
    yield from _listeners(its, domain)
    yield from _archive(its, modules)
    if its.get("s2s_access") != "none":
        yield (
            "what agents write while the gateway is away is tried over the internet and lost, and looks sent",
            "set s2s_access: none",
        )
    if "PLAIN" not in [str(one).upper() for one in _list(its.get("disable_sasl_mechanisms"))]:
        yield (
            "before ejabberd 26.07 whoever has an account can log in as anybody else with PLAIN (issue 4601)",
            "set disable_sasl_mechanisms: [PLAIN, DIGEST-MD5, X-OAUTH2], or upgrade",
        )
    yield from _privileges(modules)


def _read(path: Path) -> Mapping[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_LONGEST)
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise NotYaml(f"{path}: {' '.join(str(problem).split())[:200]}") from problem
    if not isinstance(found, dict) or "listen" not in found:
        raise NotYaml(f"{path} listens nowhere")
    return found


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _clients(its: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """ejabberd_c2s wants no TLS unless it is told to; one on this machine alone is for a proxy or a client there."""
    listeners = [_mapping(one) for one in _list(its.get("listen"))]
    for one in listeners:
        tls = one.get("starttls_required") is True or one.get("tls") is True
        if one.get("module") == "ejabberd_c2s" and not tls and one.get("ip") not in _LOOPBACK:
            yield (
                f"agents may log in without TLS on port {one.get('port')}: others can read what customers write",
                "set starttls: true and starttls_required: true in that listener of ejabberd_c2s (or tls: true)",
            )


def _listeners(its: Mapping[str, Any], domain: str) -> Iterator[tuple[str, str]]:
    listeners = [_mapping(one) for one in _list(its.get("listen"))]
    ours = [one for one in listeners if one.get("module") == "ejabberd_service"]
    if not ours:
        yield "no listener for components", f"add a listener with module ejabberd_service and host {domain}"
    for one in ours:
        hosts = _mapping(one.get("hosts"))  # a macro of another file is a text: what it says is not known here
        if hosts and domain not in hosts:
            yield f"the listener for components has no host {domain}", f"add {domain} with its password to its hosts"
        if one.get("global_routes") is not False:
            yield (
                "components on one port get each other's messages",
                "set global_routes: false in the listener of ejabberd_service",
            )
        if "domain_balancing" in one or any("domain_balancing" in _mapping(host) for host in hosts.values()):
            yield (
                "domain_balancing loses half of the messages when one of two gateways dies",
                "take domain_balancing out",
            )
        if one.get("ip") not in _LOOPBACK:
            yield (
                "components may connect from elsewhere, and their stream is not encrypted",
                'set ip: "127.0.0.1" in that listener, or see that only your own network reaches the port',
            )


def _archive(its: Mapping[str, Any], modules: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    mam = modules.get("mod_mam")
    if "mod_mam" in modules and (_mapping(mam).get("db_type") or its.get("default_db") or "mnesia") != "sql":
        yield (
            "the archive is kept by Mnesia: a busy agent costs 14 to 31 ms a message",
            "set default_db: sql, sql_type and sql_database, take db_type out of mod_mam, and load lite.sql",
        )
    rooms = _mapping(_mapping(modules.get("mod_muc")).get("default_room_options"))
    if "mod_muc" in modules and rooms.get("mam") is not True:
        yield (
            "rooms keep no archive: what agents write there while the gateway is away is not read back",
            "set default_room_options: {mam: true} in mod_muc",
        )
    database = its.get("sql_database")
    if its.get("sql_type") == "sqlite" and isinstance(database, str) and journal.waits_for_disk(Path(database)):
        yield (
            journal.TOLD,
            f"stop ejabberd, then: {journal.todo(database)}",
        )


def _privileges(modules: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    granted = _mapping(modules.get("mod_privilege"))
    if "managed_entity" in _mapping(granted.get("presence")):
        yield (
            "ejabberd does not tell a component with managed_entity who was there before it",
            "take presence: managed_entity out of mod_privilege: agents are asked for a subscription instead",
        )
    wanted = {"roster": "both", "message": "outgoing"}
    missing = [name for name, what in wanted.items() if what not in _mapping(granted.get(name))]
    if missing:
        told = "agents see no contact list of open chats, or not what the console sends"
        yield (
            f"privileges are missing (XEP-0356): {', '.join(missing)}: {told}",
            "give them in mod_privilege: roster: {both: RULE}, message: {outgoing: RULE}",
        )
