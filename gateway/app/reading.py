"""What the settings say, as care and channels want it; and what of the database would not fit it."""

from collections.abc import Mapping

from gateway.care.languages import guessing
from gateway.care.playbook import Playbook, brands_of, senders_of
from gateway.care.rendering import Catalogue
from gateway.channels.smpp import CarrierProfile
from gateway.model.channel import Fault
from gateway.model.desk import DeskProfile
from gateway.settings import Carrier, Settings
from gateway.settings.gateway_file import Xmpp
from gateway.triggers.registry import Registry


class CannotStart(Exception):
    """The gateway cannot run like this; each line says why and what to do."""


def playbook_of(settings: Settings) -> Playbook:
    """What the settings decide beforehand. Raises HandlerError or ConfigError."""
    registry = Registry()
    registry.load(settings.handler_modules, settings.handlers.folders)
    texts = Catalogue.load(settings.template_folders, settings.brands[0].default_language)
    return Playbook(
        brands=brands_of(settings.brands),
        senders=senders_of(settings.senders),
        queues={queue.name: queue for queue in settings.queues},
        agents=settings.agents,
        backoffices={office.name: office for office in settings.backoffice},
        offers={offer.name: offer for offer in settings.offers},
        keywords=settings.keywords,
        rules=settings.rules,
        handlers={handler.type: handler for handler in registry},
        texts=texts,
        public_url=settings.http.public_url,
        alphabets={carrier.name: carrier.default_alphabet for carrier in settings.carriers},
        long_messages={carrier.name: carrier.long_messages for carrier in settings.carriers},
        desk=settings.xmpp is not None,
        guessing=guessing(texts.languages) if settings.rules.conversations.guess_language else None,
    )


def live_problems(playbook: Playbook, live: Mapping[tuple[str, str], int]) -> list[str]:
    """Conversations that wait where the loaded code has no step, a line each."""
    lines = []
    for (name, step), count in live.items():
        handler = playbook.handlers.get(name)
        if handler is None:
            lines.append(f"{count} conversations wait in handler {name}, which is not loaded; add it to handlers.load")
        elif step and not handler.has_step(step):
            lines.append(
                f"{count} conversations wait in step {step} of {name}, which the code lacks; "
                f'give Handler(..., renamed={{"{step}": "its new name"}})'
            )
    return lines


def profile_of(carrier: Carrier) -> CarrierProfile:
    """A carrier's settings as the channel wants them."""
    tls = carrier.tls
    return CarrierProfile(
        name=carrier.name,
        host=carrier.host,
        port=carrier.port,
        system_id=carrier.system_id,
        password=carrier.password.get_secret_value(),
        system_type=carrier.system_type,
        interface_version=carrier.interface_version,
        bind=carrier.bind,
        binds=carrier.binds,
        window=carrier.window,
        tps=carrier.tps,
        enquire_interval=carrier.enquire_interval,
        response_timeout=carrier.response_timeout,
        tls=tls is not None,
        tls_verify=tls.verify if tls else True,
        tls_ca_file=str(tls.ca_file) if tls and tls.ca_file else "",
        tls_cert_file=str(tls.cert_file) if tls and tls.cert_file else "",
        tls_key_file=str(tls.key_file) if tls and tls.key_file else "",
        tls_server_name=(tls.server_name or "") if tls else "",
        default_alphabet=carrier.default_alphabet,
        long_messages=carrier.long_messages,
        message_id=carrier.message_id,
        country=carrier.country or "",
        errors={code: Fault(name) for code, name in carrier.errors.items()},
    )


def desk_profile_of(xmpp: Xmpp) -> DeskProfile:
    """The agents' server as the channel wants it."""
    return DeskProfile(
        host=xmpp.host,
        port=xmpp.port,
        domain=xmpp.domain,
        secret=xmpp.secret.get_secret_value(),
        agent_domains=xmpp.agent_domains,
        file_links=xmpp.file_links,
    )
