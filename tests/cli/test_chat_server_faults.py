"""The files that we ship, each spoilt in one place: doctor names that, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.chat_servers import Unreadable, troubles

OURS = Path(__file__).parents[2] / "config" / "xmpp"
DOMAIN = "sms.example.test"
PROSODY, EJABBERD = "prosody.cfg.lua", "ejabberd.yml"
STORAGE = 'storage = { archive = "sql", muc_log = "sql" }'
ACL = "acl:"
MAM = "{mod_mam: {db_type: mnesia}}"
REGISTER = "  # mod_register is left out: nobody makes accounts but you.\n"
GRANTED = '{ roster = "both", message = "outgoing", presence = "managed_entity" }'


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (PROSODY, STORAGE, 'storage = { muc_log = "sql" }', "archive of agents' messages"),
        (PROSODY, STORAGE, 'storage = { archive = "sql" }', "archive of rooms"),
        (PROSODY, STORAGE, f"--[[ {STORAGE} ]] storage = 'memory'", "archive of agents' messages is kept in memory"),
        (PROSODY, 'modules_disabled = { "s2s" }', '--modules_disabled = { "s2s" }', "s2s"),
        (
            PROSODY,
            GRANTED,
            '{ roster = "get" }',
            "missing in VirtualHost example.test (XEP-0356): roster, message, pres",
        ),
        (PROSODY, GRANTED, GRANTED.replace("both", "get"), "(XEP-0356): roster"),
        (PROSODY, '["sms.example.test"] =', '["web.example.test"] =', "no privileges"),
        (PROSODY, '  "privilege",', "", "VirtualHost example.test does not run"),
        (PROSODY, '  modules_enabled = { "privilege" }\n', "", "component does not run"),
        (PROSODY, "  component_secret = ENV_XMPP_SECRET\n", "", "no secret"),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }', 'component_interfaces = { "*" }', "elsewhere (*)"),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }', 'component_interfaces = "0.0.0.0"', "elsewhere (0.0.0.0)"),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }', 'component_interface = "*"', "elsewhere (*)"),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }', 'local_interfaces = { "::" }', "elsewhere (::)"),
        (PROSODY, 'authentication = "internal_hashed"', 'authentication = "anonymous"', "example.test without an acc"),
        (
            PROSODY,
            f'Component "{DOMAIN}"',
            f'  authentication = "anonymous"\nComponent "{DOMAIN}"',
            "without an account",
        ),
        (PROSODY, f'Component "{DOMAIN}"', f'  anonymous_login = true\nComponent "{DOMAIN}"', "without an account"),
        (
            PROSODY,
            f'Component "{DOMAIN}"',
            f'VirtualHost "care.test"\nComponent "{DOMAIN}"',
            "in VirtualHost care.test",
        ),
        (PROSODY, 'component_conflict_resolve = "kick_old"', "", "noticed dead"),
        (PROSODY, f'Component "{DOMAIN}"', 'Component "other.example.test"', f"no Component {DOMAIN}"),
        (PROSODY, "c2s_require_encryption = true", "c2s_require_encryption = false", "without TLS"),
        (PROSODY, '  modules_enabled = { "muc_mam" }\n', "", "rooms keep no archive"),
        (EJABBERD, "persistent: true, mam: true", "persistent: true", "rooms keep no archive"),
        (EJABBERD, "default_db: sql\n", "", "Mnesia"),
        (EJABBERD, "default_db: sql\n", "default_db: mnesia\n", "Mnesia"),
        (EJABBERD, "    assume_mam_usage: true\n", "    db_type: mnesia\n", "Mnesia"),
        (EJABBERD, "s2s_access: none", "s2s_access: all", "over the internet"),
        (EJABBERD, "[PLAIN, DIGEST-MD5, X-OAUTH2]", "[DIGEST-MD5]", "PLAIN"),
        (EJABBERD, "global_routes: false", "global_routes: true", "each other's"),
        (EJABBERD, "    starttls_required: true ", "    starttls_required: false ", "without TLS on port 5222"),
        (EJABBERD, "    starttls_required: true ", "    ", "without TLS on port 5222"),
        (EJABBERD, "module: ejabberd_service", "module: ejabberd_http", "no listener"),
        (EJABBERD, "hosts: COMPONENT", 'hosts: {"web.example.test": {}}', "has no host"),
        (EJABBERD, "hosts: COMPONENT", f'hosts: {{"{DOMAIN}": {{domain_balancing: {{}}}}}}', "domain_balancing"),
        (EJABBERD, 'ip: "127.0.0.1"', 'ip: "0.0.0.0"', "elsewhere"),
        (EJABBERD, "mod_privilege:", "mod_nothing:", "roster, message"),
        (
            EJABBERD,
            ACL,
            f"host_config: {{example.test: {{modules: {MAM}}}}}\n{ACL}",
            "of example.test is kept by Mnesia",
        ),
        (
            EJABBERD,
            ACL,
            f"append_host_config: {{example.test: {{modules: {MAM}}}}}\n{ACL}",
            "of example.test is kept by",
        ),
        (
            EJABBERD,
            ACL,
            f"host_config: {{example.test: {{default_db: mnesia}}}}\n{ACL}",
            "of example.test is kept by Mnesia",
        ),
        (EJABBERD, REGISTER, "  mod_register: {}\n", "anybody may make an account"),
        (EJABBERD, REGISTER, "  mod_register: {access: local}\n", "anybody may make an account"),
        (EJABBERD, REGISTER, "  mod_register: {access: [allow], ip_access: all}\n", "anybody may make an account"),
        (
            EJABBERD,
            ACL,
            f"append_host_config: {{example.test: {{modules: {{mod_register: {{}}}}}}}}\n{ACL}",
            "anybody may make an account at example.test",
        ),
        (EJABBERD, "auth_method: [sql]", "auth_method: [sql, anonymous]", "without an account"),
        (EJABBERD, "auth_method: [sql]", "auth_method: anonymous", "without an account"),
        (
            EJABBERD,
            ACL,
            f"host_config: {{example.test: {{auth_method: [anonymous]}}}}\n{ACL}",
            "at example.test without an",
        ),
        (EJABBERD, "access_create: rooms", "access_create: local", "out of rooms (access_create)"),
        (EJABBERD, "access_create: rooms", "access_create: none", "out of rooms (access_create)"),
        (EJABBERD, "access_create: rooms", "access_create: {allow: loopback}", "out of rooms (access_create)"),
        (EJABBERD, "    access: rooms", "    access: local", "out of rooms (access)"),
        (EJABBERD, ", {allow: careline}]", "]", "out of rooms (access, access_create, access_persistent)"),
        (
            EJABBERD,
            'careline: {server: "sms.',
            'careline: {server: "web.',
            "out of rooms (access, access_create, access_p",
        ),
        (EJABBERD, "roster: {both: careline}", "presence: {managed_entity: careline}", "managed_entity"),
    ],
)
def test_one_fault(name: str, old: str, new: str, words: str, tmp_path: Path) -> None:
    shipped = (OURS / name).read_text("utf-8")
    assert old in shipped
    path = tmp_path / name
    path.write_text(shipped.replace(old, new))
    told = [told for told, todo in troubles(path, DOMAIN) if todo]
    assert words in "\n".join(told)
    more = 1 if words in ("managed_entity", "archive of agents' messages is kept in memory") else 0  # it breaks two
    assert len(told) == 1 + more, told


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (PROSODY, '["sms.example.test"] =', '["web.example.test"] = { roster = "get" }, ["sms.example.test"] ='),
        (PROSODY, '"mam",', "'mam';"),
        (PROSODY, f'Component "{DOMAIN}"', f'Component("{DOMAIN}")'),
        (PROSODY, STORAGE, 'default_storage = "sql"'),
        (PROSODY, STORAGE, 'storage = "sql" -- storage = "internal"'),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }', 'component_interfaces = "127.0.0.1"'),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }\n', ""),
        (PROSODY, 'component_interfaces = { "127.0.0.1" }\n', 'interfaces = { "*" }\n'),
        (EJABBERD, ACL, f"host_config: {{web.example.test: {{default_db: mnesia}}}}\n{ACL}"),
        (EJABBERD, ACL, f"append_host_config: {{example.test: {{modules: {{mod_ping: {{}}}}}}}}\n{ACL}"),
        (EJABBERD, REGISTER, "  mod_register: {access: none}\n"),
        (EJABBERD, REGISTER, "  mod_register: {access: [deny]}\n"),
        (EJABBERD, REGISTER, "  mod_register: {ip_access: [{allow: loopback}]}\n"),
        (EJABBERD, REGISTER, "  mod_register: {access: [{deny: all}, {allow: local}]}\n"),
        (EJABBERD, "access_create: rooms", "access_create: [{deny: loopback}, allow]"),
        (EJABBERD, "    access_create: rooms", "    #"),
        (EJABBERD, "access_create: rooms", "access_create: [{allow: {acl: careline}}]"),
        (EJABBERD, "access_create: rooms", "access_create: {allow: [{server: sms.example.test}]}"),
        (EJABBERD, 'careline: {server: "sms.example.test"}', 'careline: [{server: ["a.test", "sms.example.test"]}]'),
        (EJABBERD, 'careline: {server: "sms.example.test"}', 'careline: {server_regexp: "^sms"}'),
        (EJABBERD, "default_db: sql", 'default_db: "sql" # mnesia'),
        (EJABBERD, "[PLAIN, DIGEST-MD5, X-OAUTH2]", '\n  - "plain"'),
        (EJABBERD, "    starttls: true\n    starttls_required: true ", "    tls: true "),
        (
            EJABBERD,
            "    starttls: true\n    starttls_required: true ",
            '    ip: "127.0.0.1" ',
        ),
    ],
)
def test_the_same_said_in_another_way_is_as_good(name: str, old: str, new: str, tmp_path: Path) -> None:
    shipped = (OURS / name).read_text("utf-8")
    assert old in shipped
    path = tmp_path / name
    path.write_text(shipped.replace(old, new))
    assert troubles(path, DOMAIN) == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (PROSODY, '\nVirtualHost "guests.test"\n  authentication = "anonymous"\n'),
        (EJABBERD, "\nhost_config: {guests.test: {auth_method: [anonymous], modules: {mod_register: {}}}}\n"),
    ],
)
def test_a_host_of_others_is_not_the_agents(name: str, more: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text((OURS / name).read_text("utf-8").replace("[example.test]", "[example.test, guests.test]") + more)
    assert troubles(path, DOMAIN, ("example.test",)) == []
    assert troubles(path, DOMAIN, ("guests.test",))
    assert troubles(path, DOMAIN), "any host may be"


def test_what_prosody_includes_is_read(tmp_path: Path) -> None:
    shipped = (OURS / PROSODY).read_text("utf-8")
    at = shipped.index('VirtualHost "example.test"')
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "desk.cfg.lua").write_text(shipped[at:].replace('"kick_old"', '"kick_new"'))
    path = tmp_path / PROSODY
    path.write_text(shipped[:at] + 'Include "conf.d/*.cfg.lua"\nInclude "conf.d/*.cfg.lua"\n')
    [(told, _)] = troubles(path, DOMAIN)
    assert "noticed dead" in told
    (tmp_path / "conf.d" / "self.cfg.lua").write_text('Include "*.cfg.lua"')
    assert troubles(path, DOMAIN), "one that includes itself ends"


@settings(max_examples=40)
@given(st.sampled_from([PROSODY, EJABBERD]), st.text(max_size=60), st.integers(0, 3000))
def test_a_broken_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, junk: str, at: int
) -> None:
    shipped = (OURS / name).read_text("utf-8")
    path = tmp_path_factory.mktemp("broken") / name
    path.write_text(shipped[:at] + junk + shipped[at:], errors="replace")
    try:
        found = troubles(path, DOMAIN)
    except Unreadable:
        return
    assert all(told and todo for told, todo in found)
