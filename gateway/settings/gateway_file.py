"""The schema of `config/gateway.toml`: infrastructure. Every key has its help text."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from gateway.settings.holidays import check_calendar
from gateway.settings.hours import Hours
from gateway.settings.promised import Promised
from gateway.settings.shapes import (
    FAULTS,
    CallingCode,
    Domain,
    EventPattern,
    Host,
    Jid,
    Label,
    Language,
    Module,
    Name,
    Port,
    Seconds,
    Section,
    SenderAddress,
    WebUrl,
    Word,
    Zone,
    nearest,
    text,
)


def _calendar(value: str) -> str:
    check_calendar(value)
    return value


Calendar = Annotated[str, AfterValidator(_calendar)]


class Store(Section):
    """Where everything is kept."""

    url: str = Field(
        default="sqlite:///var/careline.db",
        repr=False,  # a PostgreSQL URL may hold a password
        description="sqlite:///FILE, relative to the working directory, or postgresql://user@host/database",
    )

    @field_validator("url")
    @classmethod
    def _shape(cls, url: str) -> str:
        check = text(r"sqlite:///[^?#]+|postgresql(\+\w+)?://\S+", "sqlite:///FILE or postgresql://user@host/database")
        return check(url)


class Http(Section):
    """The web server: API, console, links in texts."""

    host: Host = Field(default="127.0.0.1", description="the address to listen on; 0.0.0.0 for all")
    port: int = Field(default=8080, ge=0, le=65535, description="the port to listen on; 0 for any free one")
    public_url: WebUrl = Field(
        default="http://127.0.0.1:8080",
        description="how customers and agents reach this server; links in texts begin with it",
    )


class Brand(Section):
    """Who the customer thinks they talk to."""

    name: Name = Field(description="short name, used by senders, queues, offers, events")
    display_name: Label = Field(description="the name as customers read it")
    default_language: Language = Field(default="en", description="for customers whose language is not known")
    timezone: Zone = Field(default="UTC", description="of opening hours, and of customers whose zone is not known")
    help_contact: Label = Field(description="URL or phone number in the answers to HELP and STOP")
    holidays: Calendar | None = Field(
        default=None, description='whose public holidays PH means in opening hours: "US", or a part of it, "US-NY"'
    )
    keywords: tuple[Word, ...] = Field(
        default=(),
        description="on an address of several brands: a text that is one of these words, or begins with one, "
        "means this brand; name and display_name count as well",
    )


class Tls(Section):
    """TLS of a carrier link. `tls = true` is this with defaults."""

    verify: bool = Field(default=True, description="check the carrier's certificate and name; false only in a lab")
    ca_file: Path | None = Field(default=None, description="PEM file of the carrier's CA; default: the system's")
    cert_file: Path | None = Field(
        default=None, description="PEM file of our own certificate, when the carrier asks for one"
    )
    key_file: Path | None = Field(default=None, description="PEM file of its private key, unless in cert_file")
    server_name: Host | None = Field(
        default=None, description="the name in the carrier's certificate, when it is not `host`"
    )


class Carrier(Section):
    """An SMSC that is reached over SMPP."""

    name: Name = Field(description="short name, used by senders")
    host: Host = Field(description="host of the SMSC")
    port: Port = Field(default=2775, description="port of the SMSC")
    system_id: str = Field(max_length=15, description="our log-in, up to 15 characters")
    password: SecretStr = Field(description="our password; some carriers take 8 characters only")
    password_file: Path | None = Field(default=None, description="file that holds the password")
    system_type: str = Field(default="", max_length=12, description="as the carrier says; most often empty")
    bind: Literal["transceiver", "transmitter+receiver"] = Field(default="transceiver", description="kind of session")
    binds: int = Field(default=1, ge=1, le=64, description="how many sessions of that kind")
    window: int = Field(default=10, ge=1, le=10_000, description="parts on the way without an answer, per bind")
    tps: float = Field(
        default=0.0, ge=0, le=1_000_000, description="parts a second over all binds of this carrier; 0 for no limit"
    )
    doubt_wait: Seconds = Field(
        default=60.0, description="time to wait for evidence before the rule for a submit in doubt is applied"
    )
    enquire_interval: Seconds = Field(default=30.0, gt=0, description="silence after which the link is probed")
    response_timeout: Seconds = Field(
        default=30.0, gt=0, description="after this, a submit without an answer is in doubt"
    )
    tls: Tls | None = Field(default=None, description="true, false, or a table with ca_file, cert_file, verify ...")
    interface_version: Literal["3.3", "3.4", "5.0"] = Field(default="3.4", description="SMPP version said when binding")
    default_alphabet: Literal["gsm7", "latin1", "ascii"] = Field(
        default="gsm7", description="what data_coding 0 means to this carrier"
    )
    long_messages: Literal["udh8", "udh16", "sar", "payload"] = Field(
        default="udh8", description="how long texts are joined"
    )
    message_id: Literal["auto", "hex", "decimal", "text"] = Field(
        default="auto", description="how this carrier writes ids in answers and receipts; auto learns it"
    )
    country: CallingCode | None = Field(
        default=None, description='"US" or "1": completes numbers that this carrier writes without country code'
    )
    errors: dict[int, str] = Field(
        default_factory=dict, description='what this carrier\'s own error codes mean: { 0x0B = "bad_number" }'
    )

    @field_validator("tls", mode="before")
    @classmethod
    def _tls_switch(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {} if value else None
        if not isinstance(value, dict):
            raise ValueError("must be true, false or a table such as { ca_file = 'carrier.pem' }")
        return value

    @field_validator("errors", mode="before")
    @classmethod
    def _error_codes(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError('must be a table such as { 0x0B = "bad_number" }')
        codes = {}
        for written, fault in value.items():
            try:
                code = int(written, 0)
            except ValueError:
                raise ValueError(f"{written!r} is no code; write it as 0x0B or 11") from None
            if fault not in FAULTS:
                hint = nearest(str(fault), FAULTS) or f" (known: {', '.join(FAULTS)})"
                raise ValueError(f"{fault!r} for {written} is no kind of fault{hint}")
            if code in codes or not 0 < code <= 0xFFFFFFFF:
                raise ValueError(f"{written} stands here twice, or is outside 1..0xFFFFFFFF")
            codes[code] = fault
        return codes


class Sender(Section):
    """An address of ours."""

    address: SenderAddress = Field(description="short code, number or alphanumeric id")
    brand: Name = Field(description="the brand that owns it")
    shared_with: tuple[Name, ...] = Field(
        default=(),
        description="other brands on the same address; STOP ends the texts of all of them, STOP BRAND of one",
    )
    carriers: tuple[Name, ...] = Field(min_length=1, description="names of [[carriers]], in order of preference")
    use_case: Name = Field(default="customer_care", description="what it is registered for with the carriers")


class Xmpp(Section):
    """The XMPP server that we are a component (XEP-0114) of."""

    host: Host = Field(default="127.0.0.1", description="host of the XMPP server")
    port: Port = Field(default=5347, description="its component port")
    domain: Domain = Field(description="the component; customers are +15551234567@DOMAIN")
    secret: SecretStr = Field(description="the component's shared secret")
    secret_file: Path | None = Field(default=None, description="file that holds the secret")
    agent_domains: tuple[Domain, ...] = Field(min_length=1, description="domains whose users may be agents")
    file_links: tuple[WebUrl, ...] = Field(
        default=(),
        description="for trying out: links to agents' files go out that begin so, though they are not https",
    )


class Handlers(Section):
    """Which trigger handlers run."""

    load: tuple[Module, ...] = Field(default=(), description="modules of the namespace package `handlers`")
    folders: tuple[Path, ...] = Field(default=(), description="the operator's own folders of handlers, beside ours")


class Limits(Section):
    """Bounds that protect the machine."""

    queued: int = Field(default=1_000_000, ge=1, description="outgoing parts on disk before HTTP answers 429")


class Process(Section):
    """How the process uses the machine."""

    one_core: bool = Field(
        default=True,
        description="keeps the threads that share the interpreter on one core, whichever is free: a fifth less work; "
        "false where something else pins them",
    )


class Queue(Promised):
    """Where conversations wait for a person."""

    name: Name = Field(description="short name, used by agents and handlers")
    brand: Name = Field(description="the brand whose conversations wait here")
    room: Jid | None = Field(default=None, description="optional: the lobby, a chat room")
    offer_timeout: Seconds = Field(default=20.0, ge=1, description="time an agent has to take what is offered")
    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        description="points of what waits here; agents of several queues take most points first",
    )
    skills: tuple[Name, ...] = Field(
        default=(), description="what an agent must have, all of it, to be asked for what waits here"
    )
    backup: Name | None = Field(default=None, description="the queue whose agents are asked as well after backup_after")
    backup_after: Seconds = Field(default=60.0, description="so long its own agents are asked alone")
    hours: str | None = Field(
        default=None, description='opening_hours such as "Mo-Fr 08:00-20:00", in the brand\'s timezone; absent = always'
    )
    holidays: Calendar | None = Field(default=None, description="where they differ from the brand's")

    dispositions: tuple[Name, ...] = Field(
        default=(), description="how conversations of this queue end: /close NAME; absent = those of rules.toml"
    )
    wrapup: Seconds = Field(
        default=0.0,
        le=3600,
        description="time after /close in which the agent writes notes and gets no other; 0 = none",
    )

    @field_validator("hours")
    @classmethod
    def _hours_parse(cls, value: str | None) -> str | None:
        if value is not None:
            Hours.parse(value)
        return value


class Agent(Section):
    """A person who answers."""

    jid: Jid = Field(description="the bare JID the person logs in with")
    name: Label = Field(description="as colleagues and the console see it")
    queues: tuple[Name, ...] = Field(default=(), description="names of [[queues]] that this person answers")
    skills: tuple[Name, ...] = Field(default=(), description="what queues may ask for, such as refunds")
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1, description="languages spoken, best first")
    capacity: int = Field(default=3, ge=1, le=100, description="conversations at once")
    role: Literal["agent", "supervisor"] = Field(default="agent", description="supervisors may take over and listen in")


class BackOffice(Section):
    """A billing or booking system that is called, signed (Standard Webhooks)."""

    name: Name = Field(description="short name, used by offers and handlers")
    url: WebUrl = Field(description="where calls are posted")
    secret: SecretStr = Field(description="whsec_... that signs our calls")
    secret_file: Path | None = Field(default=None, description="file that holds the secret")


class Webhook(Section):
    """Somebody who is told what happens."""

    name: Name | None = Field(default=None, description="short name, for CARELINE_WEBHOOKS__NAME__SECRET")
    url: WebUrl = Field(description="where notices are posted")
    secret: SecretStr = Field(description="whsec_... that signs them")
    secret_file: Path | None = Field(default=None, description="file that holds the secret")
    events: tuple[EventPattern, ...] = Field(
        default=("*",), min_length=1, description='such as "message.*" or "offer.accepted"'
    )


class ApiKey(Section):
    """A key of the HTTP API that lives in the files; those of `careline keys add` live in the database."""

    name: Name = Field(description="whose key it is; logs and timelines show it")
    key: SecretStr | None = Field(default=None, description="the raw key; better by key_file or environment")
    key_file: Path | None = Field(default=None, description="file that holds the raw key")
    hash: str | None = Field(default=None, repr=False, description="SHA-256 of the raw key in hex, instead of the key")
    role: Literal["integrator", "viewer", "agent", "supervisor", "admin", "privacy"] = Field(
        default="integrator", description="what the key may do"
    )

    @field_validator("hash")
    @classmethod
    def _hex(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return text(r"[0-9a-f]{64}", "64 hex digits: the SHA-256 of the raw key")(value.removeprefix("sha256:").lower())

    @model_validator(mode="after")
    def _one(self) -> "ApiKey":
        if (self.key is None) == (self.hash is None):
            raise ValueError("needs exactly one of key_file and hash")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the raw key in hex: keys are long and random, so no slow hash is needed."""
        if self.key is None:
            return str(self.hash)
        return sha256(self.key.get_secret_value().encode()).hexdigest()


class GatewayFile(Section):
    """`gateway.toml`, whole."""

    store: Store = Field(default_factory=Store, description="where everything is kept")
    http: Http = Field(default_factory=Http, description="the web server")
    brands: tuple[Brand, ...] = Field(min_length=1, description="at least one [[brands]]")
    carriers: tuple[Carrier, ...] = Field(default=(), description="SMSCs that are reached over SMPP")
    senders: tuple[Sender, ...] = Field(default=(), description="addresses of ours")
    xmpp: Xmpp | None = Field(default=None, description="the agents' XMPP server; absent = no desk")
    handlers: Handlers = Field(default_factory=Handlers, description="which trigger handlers run")
    limits: Limits = Field(default_factory=Limits, description="bounds that protect the machine")
    process: Process = Field(default_factory=Process, description="how the process uses the machine")
    queues: tuple[Queue, ...] = Field(default=(), description="where conversations wait for a person")
    agents: tuple[Agent, ...] = Field(default=(), description="people who answer")
    backoffice: tuple[BackOffice, ...] = Field(default=(), description="systems that are called")
    webhooks: tuple[Webhook, ...] = Field(default=(), description="who is told what happens")
    api_keys: tuple[ApiKey, ...] = Field(default=(), description="keys of the HTTP API")
