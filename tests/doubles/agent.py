"""An agent's ordinary chat client, on slixmpp: log-in, chat, ticks, failed bubbles, presence, forms."""

import asyncio
from collections.abc import Callable
from typing import Any

from slixmpp import JID, ClientXMPP

from tests.doubles.prosody import COMPONENT, DOMAIN, PASSWORD

_PLUGINS = ("xep_0030", "xep_0004", "xep_0050", "xep_0199", "xep_0184", "xep_0280", "xep_0203")


class AgentClient:
    """One device of an agent. inbox: (customer's number or "", text) of each chat message, in order.

    ticked: ids of own messages that the customer's phone has. failed: id -> why a message went nowhere.
    """

    def __init__(self, name: str, port: int, *, device: str = "desk", accepts: bool = True) -> None:
        self.name, self._port = name, port
        self.jid = f"{name}@{DOMAIN}"
        self.inbox: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.ticked: set[str] = set()
        self.failed: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._read = 0
        self._count = 0
        self.client = client = ClientXMPP(f"{self.jid}/{device}", PASSWORD)
        client.enable_starttls = client.enable_direct_tls = False
        client.enable_plaintext = True
        client.plugin["feature_mechanisms"].unencrypted_plain = True
        for plugin in _PLUGINS:
            client.register_plugin(plugin)
        self._verbs: Any = client.plugin["xep_0050"]
        self._forms: Any = client.plugin["xep_0004"]
        client.auto_authorize = accepts
        client.auto_subscribe = accepts
        client.add_event_handler("message", self._message)
        client.add_event_handler("message_error", self._error)
        client.add_event_handler("receipt_received", self._receipt)

    # -- life

    async def login(self, show: str = "") -> None:
        """Connects and is there. show: "" = available, else chat, away, xa or dnd."""
        started = asyncio.get_running_loop().create_future()
        self.client.add_event_handler("session_start", lambda _: started.set_result(None), disposable=True)
        self.client.connect("127.0.0.1", self._port)
        async with asyncio.timeout(10):
            await started
        await self.client.get_roster()
        self.client.plugin["xep_0280"].enable()
        self.show(show)

    def show(self, show: str) -> None:
        """How much one is there."""
        self.client.send_presence(pshow=show or None)

    async def logout(self) -> None:
        """Closes in order."""
        if self.client.is_connected():
            await self.client.disconnect(wait=1.0)
        await self._still()

    async def drop(self) -> None:
        """The network is gone: no good-bye."""
        self.client.abort()
        await self._still()

    def pause(self) -> None:
        """Reads no more from the network."""
        assert self.client.transport is not None, "log in first"
        self.client.transport.pause_reading()

    def resume(self) -> None:
        """Reads what there is."""
        assert self.client.transport is not None, "log in first"
        self.client.transport.resume_reading()

    async def _still(self) -> None:
        """slixmpp leaves its sender running."""
        self.client.cancel_connection_attempt()
        sender = self.client._run_out_filters
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    # -- what comes

    def _message(self, stanza: Any) -> None:
        if stanza["type"] in ("chat", "normal") and stanza["body"]:
            customer = stanza["from"].node if stanza["from"].domain == COMPONENT else stanza["from"].bare
            self.inbox.append((customer, stanza["body"]))
            self.ids.append(stanza["id"])
            self._changed.set()

    def _error(self, stanza: Any) -> None:
        self.failed[stanza["id"]] = stanza["error"]["text"]
        self._changed.set()

    def _receipt(self, stanza: Any) -> None:
        self.ticked.add(stanza["receipt"])
        self._changed.set()

    async def until(self, so: Callable[[], bool], what: str, within: float = 10.0) -> None:
        """Waits until it is so; each stanza is a reason to look again."""
        try:
            async with asyncio.timeout(within):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name}: it never came to be that {what}; inbox: {self.inbox}") from None

    async def reads(self, words: str, of: str | None = None) -> str:
        """The next unread line, which holds these words (and is of this customer)."""
        await self.until(lambda: len(self.inbox) > self._read, f"{words!r} is read")
        customer, text = self.inbox[self._read]
        assert words in text, f"{self.name} reads {text!r}, not {words!r}"
        assert of is None or customer == of, f"it is of {customer}"
        self._read += 1
        return text

    @property
    def unread(self) -> list[tuple[str, str]]:
        """What came and was not read."""
        return self.inbox[self._read :]

    # -- what goes

    def says(self, to: str, text: str, *, stanza: str | None = None) -> str:
        """Writes to a customer ("" = the desk), and asks for a receipt; the stanza's id."""
        self._count += 1
        message = self.client.make_message(_contact(to), text, mtype="chat")
        message["id"] = stanza or f"{self.name}-{self._count}"
        message["request_receipt"] = True
        message.send()
        return str(message["id"])

    async def form(self, to: str, verb: str) -> tuple[str, dict[str, list[str]], str]:
        """Runs a verb: session, the form's fields with the values of their choices, and what it says."""
        answer = await self._verbs.send_command(_contact(to), f"careline#{verb}")
        command = answer["command"]
        fields: dict[str, list[str]] = {}
        if command["status"] == "executing":
            for name, field in command["form"].get_fields().items():
                fields[name] = [option["value"] for option in field.get_options()]
        return command["sessionid"], fields, _notes(command)

    async def fills(self, to: str, verb: str, session: str, values: dict[str, str]) -> str:
        """Submits a form; what the desk says."""
        form = self._forms.make_form(ftype="submit")
        for name, value in values.items():
            form.add_field(var=name, value=value)
        answer = await self._verbs.send_command(
            _contact(to), f"careline#{verb}", action="complete", payload=form, sessionid=session
        )
        return _notes(answer["command"])

    async def commands(self, to: str) -> list[str]:
        """The verbs that a contact offers."""
        found = await self._verbs.get_commands(_contact(to))
        return [item[1].removeprefix("careline#") for item in found["disco_items"]["items"]]


def _contact(customer: str) -> JID:
    return JID(f"{customer}@{COMPONENT}" if customer else COMPONENT)


def _notes(command: Any) -> str:
    return " ".join(text for _, text in command["notes"])
