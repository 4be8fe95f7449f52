"""What can be wrong in a `prosody.cfg.lua` for the desk."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.cli import journal
from gateway.cli.prosody_file import Host, ProsodyFile, read, words

PRIVILEGES = {"roster": "both", "message": "outgoing", "presence": "managed_entity"}
"""XEP-0356: who is there, the contact list of open chats, and what the console sends shown in the agent's client."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STORES = {"mam": "archive", "muc_mam": "muc_log"}
"""The store that a module keeps messages in."""


def check(path: Path, domain: str, agents: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Each trouble, with what to do about it. agents: the hosts that they log in to, () = any may be. Raises NotLua,
    OSError.
    """
    its = read(path)
    component = its.hosts.get(domain)
    if component is None or component.kind != "Component":
        yield f"no Component {domain}", f'add: Component "{domain}" with a component_secret'
    else:
        yield from _component(its, component)
    yield from _archives(its)
    if "s2s" not in words(its.options.get("modules_disabled")):
        yield "other servers can reach the component (s2s)", 'set modules_disabled = { "s2s" } unless you federate'
    hosts = [one for one in its.hosts.values() if one.kind == "VirtualHost" and (not agents or one.name in agents)]
    yield from _privileges(its, hosts, component, domain)
    yield from _logins(its, hosts)


def _component(its: ProsodyFile, component: Host) -> Iterator[tuple[str, str]]:
    if its.of(component, "component_secret") is None:
        yield "the component has no secret, so nothing can connect", "set component_secret, and [xmpp] secret_file"
    if its.of(component, "component_conflict_resolve") != "kick_old":
        yield (
            "a gateway that restarts waits until the old connection is noticed dead",
            f'set component_conflict_resolve = "kick_old" in Component "{component.name}"',
        )
    interfaces = _interfaces(its)
    if not set(interfaces) <= set(_LOOPBACK):
        yield (
            f"components may connect from elsewhere ({', '.join(interfaces)[:60]}), and their stream is not encrypted",
            'set component_interfaces = { "127.0.0.1" }, or see that only your own network reaches the port',
        )


def _interfaces(its: ProsodyFile) -> list[str]:
    """Where components connect, as Prosody's portmanager looks for it; none said = this machine alone."""
    names = ("component_interfaces", "component_interface", "local_interfaces")
    said = next((its.options[name] for name in names if its.options.get(name)), None)
    return [said] if isinstance(said, str) else words(said)


def _archives(its: ProsodyFile) -> Iterator[tuple[str, str]]:
    rooms = [host for host in its.hosts.values() if host.module == "muc"]
    if any("muc_mam" not in its.modules(host) for host in rooms):
        yield (
            "rooms keep no archive: what agents write there while the gateway is away is not read back",
            'set modules_enabled = { "muc_mam" } in the Component of rooms (Prosody 0.12)',
        )
    slow = {}
    for host in its.hosts.values():
        for module in sorted(its.modules(host) & _STORES.keys()):
            driver = _driver(its, host, _STORES[module])
            if driver != "sql":
                slow[_STORES[module]] = driver
    for store, driver in slow.items():
        what = "agents' messages" if store == "archive" else "rooms"
        kept = "in memory, so that a restart loses it" if driver == "memory" else "in files"
        yield (
            f"the archive of {what} is kept {kept}: with 10,000 messages a busy agent costs 10 ms each",
            f'set storage = {{ {store} = "sql" }} and sql = {{ driver = "SQLite3", database = "prosody.sqlite" }}',
        )

    sql = its.options.get("sql")
    if not isinstance(sql, Mapping) or sql.get("driver", "SQLite3") != "SQLite3":
        return
    folder, name = its.options.get("data_path", "/var/lib/prosody"), sql.get("database", "prosody.sqlite")
    if isinstance(folder, str) and isinstance(name, str) and journal.waits_for_disk(Path(folder, name)):
        yield journal.TOLD, f"stop Prosody, then: {journal.todo(Path(folder, name))}"


def _driver(its: ProsodyFile, host: Host, store: str) -> Any:
    """Where Prosody's storagemanager would keep it."""
    storage = its.of(host, "storage")
    named = storage.get(store) if isinstance(storage, Mapping) else storage
    return named or its.of(host, "default_storage") or "internal"


def _privileges(
    its: ProsodyFile, hosts: Sequence[Host], component: Host | None, domain: str
) -> Iterator[tuple[str, str]]:
    """Of the hosts that agents log in to, each: one that gives nothing does not show who is there."""
    without = "agents must accept a subscription, and see no contact list of open chats"
    asked = ", ".join(f'{name} = "{value}"' for name, value in PRIVILEGES.items())
    granting = [(host, granted) for host in hosts if (granted := _granted(its, host, domain)) is not None]
    if not granting:
        yield (
            f"no privileges (XEP-0356): {without}",
            f"give {domain} privileged_entities in the VirtualHost of the agents: {asked}",
        )
    for host in hosts:
        if granting and _granted(its, host, domain) is None:
            yield (
                f"no privileges in VirtualHost {host.name} (XEP-0356): of its agents it is true that {without}",
                f"give {domain} privileged_entities there, too: {asked}",
            )
    for host, granted in granting:
        missing = [name for name, value in PRIVILEGES.items() if granted.get(name) != value]
        if missing:
            yield (
                f"privileges are missing in VirtualHost {host.name} (XEP-0356): {', '.join(missing)}",
                f"give {domain} there: {asked}",
            )
        if "privilege" not in its.modules(host):
            yield (
                f"VirtualHost {host.name} does not run the module that gives privileges: {without}",
                'add "privilege" to modules_enabled; it is in the package prosody-modules',
            )
    if granting and component is not None and "privilege" not in its.modules(component):
        yield (
            f"the component does not run the module that takes privileges: {without}",
            f'set modules_enabled = {{ "privilege" }} in Component "{domain}"',
        )


def _granted(its: ProsodyFile, host: Host, domain: str) -> Mapping[Any, Any] | None:
    all_ = its.of(host, "privileged_entities")
    granted = all_.get(domain) if isinstance(all_, Mapping) else None
    return granted if isinstance(granted, Mapping) else None


def _logins(its: ProsodyFile, hosts: Sequence[Host]) -> Iterator[tuple[str, str]]:
    for host in hosts:
        if its.of(host, "c2s_require_encryption") is False:
            yield f"agents may log in to {host.name} without TLS", "take c2s_require_encryption = false out"
        if its.of(host, "authentication") == "anonymous" or its.of(host, "anonymous_login") is True:
            yield (
                f"anybody may log in to {host.name} without an account (SASL ANONYMOUS), and no agent with theirs",
                'set authentication = "internal_hashed"; guests belong on a VirtualHost of their own',
            )
        if its.of(host, "allow_registration") is True and its.modules(host) & {"register", "register_ibr"}:
            yield f"anybody may make an account at {host.name}", "set allow_registration = false"
