"""What can be wrong in an `ejabberd.yml` for the desk. Files that it includes are not read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.cli import journal
from gateway.cli.ejabberd_access import anybody, component, lets_in, listed, mapping

_LONGEST = 1 << 20
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NotYaml(Exception):
    """It is no file that ejabberd could read."""


@dataclass(frozen=True, slots=True)
class _Host:
    """What counts for a host. name: "" = for all that have nothing of their own."""

    name: str
    options: Mapping[str, Any]
    modules: Mapping[Any, Any]

    @property
    def at(self) -> str:
        """Where that is, in a sentence."""
        return f" at {self.name}" if self.name else ""


def check(path: Path, domain: str, agents: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Each trouble, with what to do about it. agents: the hosts that they log in to, () = any may be. Raises NotYaml,
    OSError.
    """
    its = _read(path)
    yield from _clients(its)
    yield from _listeners(its, domain)
    if its.get("s2s_access") != "none":
        yield (
            "what agents write while the gateway is away is tried over the internet and lost, and looks sent",
            "set s2s_access: none",
        )
    if "PLAIN" not in [str(one).upper() for one in listed(its.get("disable_sasl_mechanisms"))]:
        yield (
            "before ejabberd 26.07 whoever has an account can log in as anybody else with PLAIN (issue 4601)",
            "set disable_sasl_mechanisms: [PLAIN, DIGEST-MD5, X-OAUTH2], or upgrade",
        )
    yield from _journal(its)
    told: set[str] = set()
    for host in _hosts(its, agents):
        for trouble, todo in _of(host, domain):
            if todo not in told:  # what holds for all is said once
                told.add(todo)
                yield trouble, todo


def _hosts(its: Mapping[str, Any], agents: Sequence[str]) -> Iterator[_Host]:
    """That of all first, then those with options of their own."""
    yield _Host("", its, mapping(its.get("modules")))
    own, more = mapping(its.get("host_config")), mapping(its.get("append_host_config"))
    for name in listed(its.get("hosts")):
        if not isinstance(name, str) or (agents and name not in agents) or (name not in own and name not in more):
            continue
        options = {**its, **mapping(own.get(name)), **mapping(more.get(name))}
        modules = {**mapping(its.get("modules")), **mapping(mapping(own.get(name)).get("modules"))}
        yield _Host(name, options, {**modules, **mapping(mapping(more.get(name)).get("modules"))})


def _of(host: _Host, domain: str) -> Iterator[tuple[str, str]]:
    yield from _archive(host)
    yield from _rooms(host, domain)
    yield from _accounts(host)
    yield from _privileges(host.modules)


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


def _clients(its: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """ejabberd_c2s wants no TLS unless it is told to; one on this machine alone is for a proxy or a client there."""
    listeners = [mapping(one) for one in listed(its.get("listen"))]
    for one in listeners:
        tls = one.get("starttls_required") is True or one.get("tls") is True
        if one.get("module") == "ejabberd_c2s" and not tls and one.get("ip") not in _LOOPBACK:
            yield (
                f"agents may log in without TLS on port {one.get('port')}: others can read what customers write",
                "set starttls: true and starttls_required: true in that listener of ejabberd_c2s (or tls: true)",
            )


def _listeners(its: Mapping[str, Any], domain: str) -> Iterator[tuple[str, str]]:
    listeners = [mapping(one) for one in listed(its.get("listen"))]
    ours = [one for one in listeners if one.get("module") == "ejabberd_service"]
    if not ours:
        yield "no listener for components", f"add a listener with module ejabberd_service and host {domain}"
    for one in ours:
        hosts = mapping(one.get("hosts"))  # a macro of another file is a text: what it says is not known here
        if hosts and domain not in hosts:
            yield f"the listener for components has no host {domain}", f"add {domain} with its password to its hosts"
        if one.get("global_routes") is not False:
            yield (
                "components on one port get each other's messages",
                "set global_routes: false in the listener of ejabberd_service",
            )
        if "domain_balancing" in one or any("domain_balancing" in mapping(host) for host in hosts.values()):
            yield (
                "domain_balancing loses half of the messages when one of two gateways dies",
                "take domain_balancing out",
            )
        if one.get("ip") not in _LOOPBACK:
            yield (
                "components may connect from elsewhere, and their stream is not encrypted",
                'set ip: "127.0.0.1" in that listener, or see that only your own network reaches the port',
            )


def _archive(host: _Host) -> Iterator[tuple[str, str]]:
    mam = host.modules.get("mod_mam")
    kept = mapping(mam).get("db_type") or host.options.get("default_db") or "mnesia"
    if "mod_mam" in host.modules and kept != "sql":
        whose = f" of {host.name}" if host.name else ""
        yield (
            f"the archive{whose} is kept by Mnesia: 14 to 31 ms a message of a busy agent",
            "set default_db: sql, sql_type and sql_database, take db_type out of mod_mam, and load lite.sql",
        )


def _rooms(host: _Host, domain: str) -> Iterator[tuple[str, str]]:
    if "mod_muc" not in host.modules:
        return
    its = mapping(host.modules.get("mod_muc"))
    if mapping(its.get("default_room_options")).get("mam") is not True:
        yield (
            "rooms keep no archive: what agents write there while the gateway is away is not read back",
            "set default_room_options: {mam: true} in mod_muc",
        )
    rules = ("access", "access_create", "access_persistent")
    shut = [name for name in rules if lets_in(host.options, its.get(name), component(domain)) is False]
    if shut:
        yield (
            f"Careline is shut out of rooms ({', '.join(shut)}): no lobby and no room comes up",
            f"name a rule there that has {{allow: careline}} as well, with acl: {{careline: {{server: {domain}}}}}",
        )


def _accounts(host: _Host) -> Iterator[tuple[str, str]]:
    its, hosts = mapping(host.modules.get("mod_register")), listed(host.options.get("hosts"))
    rules = ("access", "ip_access")
    if "mod_register" in host.modules and all(
        lets_in(host.options, its.get(name), anybody(hosts)) is True for name in rules
    ):
        yield (
            f"anybody may make an account{host.at} (mod_register), also that of an agent who has none yet",
            "take mod_register out of modules, or set access: none in it; accounts: ejabberdctl register",
        )
    if "anonymous" in listed(host.options.get("auth_method")):
        yield (
            f"anybody may log in{host.at} without an account (auth_method)",
            "take anonymous out of auth_method; guests belong on a host of their own",
        )


def _journal(its: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    database = its.get("sql_database")
    if its.get("sql_type") == "sqlite" and isinstance(database, str) and journal.waits_for_disk(Path(database)):
        yield (
            journal.TOLD,
            f"stop ejabberd, then: {journal.todo(database)}",
        )


def _privileges(modules: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    granted = mapping(modules.get("mod_privilege"))
    if "managed_entity" in mapping(granted.get("presence")):
        yield (
            "ejabberd does not tell a component with managed_entity who was there before it",
            "take presence: managed_entity out of mod_privilege: agents are asked for a subscription instead",
        )
    wanted = {"roster": "both", "message": "outgoing"}
    missing = [name for name, what in wanted.items() if what not in mapping(granted.get(name))]
    if missing:
        told = "agents see no contact list of open chats, or not what the console sends"
        yield (
            f"privileges are missing (XEP-0356): {', '.join(missing)}: {told}",
            "give them in mod_privilege: roster: {both: RULE}, message: {outgoing: RULE}",
        )
