-- The agents' XMPP server: Prosody 0.12 as Debian 12 ships it.
--
--   apt-get install prosody prosody-modules lua-dbi-sqlite3 lua-event sqlite3
--   cp prosody.cfg.lua /etc/prosody/, then put your own domains in the place of example.test
--   certificates:      prosodyctl --root cert import /etc/letsencrypt/live (see "TLS" below)
--   the shared secret: systemctl edit prosody, and there: [Service] Environment=XMPP_SECRET=...
--                      Careline has the same one: [xmpp] secret_file, or CARELINE_XMPP__SECRET
--   agents' accounts:  prosodyctl adduser ana@example.test
--   the archive:       sudo -u prosody sqlite3 /var/lib/prosody/prosody.sqlite "PRAGMA journal_mode = WAL"
--                      (once: without WAL Prosody waits for the disk four times as long with each message)
--   all well?          prosodyctl check config && prosodyctl check certs
--
-- Domains: example.test       the agents      [xmpp] agent_domains = ["example.test"]
--          sms.example.test   the customers   [xmpp] domain = "sms.example.test"
--          rooms.example.test the lobbies     [[queues]] room = "billing@rooms.example.test"
--          files.example.test what agents send: customers open it, so it has a name in the public DNS and a certificate
--                             that phones trust

pidfile = "/run/prosody/prosody.pid"
log = { info = "/var/log/prosody/prosody.log", error = "/var/log/prosody/prosody.err" }

modules_enabled = {
  "roster", "saslauth", "tls", "disco",
  "carbons",                   -- all devices of an agent show the same
  "mam",                       -- the server keeps what was said, for devices that come later
  "offline",                   -- what came while an agent was away is delivered at the log-in
  "smacks",                    -- a phone that changes its network loses nothing
  "csi_simple",                -- a phone that sleeps is not woken for presence
  "groups",                    -- agents see each other, see groups_file
  "pep", "bookmarks", "blocklist", "vcard4", "vcard_legacy",
  "ping", "time", "version", "posix", "cron",
  "limits",                    -- see limits
  "privilege",                 -- XEP-0356, package prosody-modules. Without it Prosody logs an error and goes on, and
                               -- Careline asks each agent for a subscription instead.
  -- "websocket",              -- for agents who use a client in the browser; then also see https://prosody.im/doc/http
}
modules_disabled = { "s2s" }   -- agents are our own: nobody federates in, and what cannot be delivered bounces at once
s2s_ports = {}

-- TLS. Prosody finds certificates by their domain in this folder (relative to this file).

certificates = "certs"
c2s_ports = { 5222 }
c2s_direct_tls_ports = { 5223 }
https_ports = { 5281 }
http_ports = {}                -- files and their links never go unencrypted
c2s_require_encryption = true
allow_unencrypted_plain_auth = false

-- Accounts

authentication = "internal_hashed"
allow_registration = false
limits = { c2s = { rate = "32kb/s", burst = "10s" } } -- a client at a time; Careline itself is not limited

-- One roster group for all. groups.txt lies beside this file; without it Prosody logs an error and goes on:
--   [Care desk]
--   ana@example.test=Ana
--   ben@example.test=Ben
-- Read at the start: after a change, prosodyctl reload is not enough, restart.

groups_file = "groups.txt"

-- The archive must be SQL. With Prosody's default (files) a busy agent's account took 10.6 ms a message at 10,000 kept
-- ones, and 0.7 ms with SQLite. Relative to the data folder, /var/lib/prosody. What customers wrote is in there: keep it
-- no longer than you are allowed to. Once it is there, on a disk that is slow: stop Prosody, and
--   sqlite3 /var/lib/prosody/prosody.sqlite "PRAGMA journal_mode = WAL"

storage = { archive = "sql", muc_log = "sql" } -- agents' messages, and those of rooms
sql = { driver = "SQLite3", database = "prosody.sqlite" }
archive_expires_after = "4w"
default_archive_policy = true

-- Careline connects here. The stream is not encrypted: this machine, or a network of your own, only.

component_ports = { 5347 }
component_interfaces = { "127.0.0.1" }

VirtualHost "example.test"
  -- Presence of all agents, customers' names in their rosters, and the console's replies in their own clients.
  privileged_entities = {
    ["sms.example.test"] = { roster = "both", message = "outgoing", presence = "managed_entity" },
  }

Component "sms.example.test"
  component_secret = ENV_XMPP_SECRET
  component_conflict_resolve = "kick_old" -- a Careline that takes over need not wait until the old one is noticed dead
  modules_enabled = { "privilege" }

-- Lobbies of queues, and rooms for agent, supervisor and customer. Not restrict_room_creation = "local": customers are
-- of sms.example.test, and it would refuse the rooms that Careline opens in their name. Nobody from outside gets in.

Component "rooms.example.test" "muc"
  modules_enabled = { "muc_mam" }
  muc_room_default_public = false
  muc_room_default_persistent = true

-- Files that agents send (XEP-0363). The customer gets the link by SMS: port 5281 must be open to the internet, or a proxy
-- be there on 443, which makes shorter links: http_external_url = "https://files.example.test/". Only
-- https links go out. Who has the link has the file, so it goes away after a while. Its name is in the link: short names.

Component "files.example.test" "http_file_share"
  http_file_share_access = { "example.test" }             -- agents, and nobody else, may upload
  http_file_share_size_limit = 10485760                 -- bytes
  http_file_share_daily_quota = 104857600               -- bytes, of each agent
  http_file_share_expires_after = 604800                -- seconds, a week: as long as a customer may need it
