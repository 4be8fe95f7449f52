"""What the agents' server said it is, for programs beside the gateway: a mark of the desk."""

import json

import apsw

from gateway.model.chat_server import ChatServer
from gateway.store.marks import set_mark, words
from gateway.store.units import Unit

_SERVER = "chat_server"


def note_server(server: ChatServer, at: int) -> Unit:
    """It said so at this time, ms."""
    unit = Unit("desk")
    set_mark(unit, _SERVER, json.dumps([server.name, server.version, at]))
    return unit


def last_server(connection: apsw.Connection) -> tuple[ChatServer, int] | None:
    """What it said last, and when, ms; None while no gateway has asked."""
    found = words(connection, _SERVER)
    if found is None:
        return None
    name, version, at = json.loads(found)
    return ChatServer(name, version), at
