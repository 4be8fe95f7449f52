"""All that an agent can do to a conversation, by name: what forms, lines of chat and their help are made of."""

from collections.abc import Mapping

from gateway.floor.canned import CANNED
from gateway.floor.tagging import TAGGING
from gateway.floor.tongues import TONGUES
from gateway.floor.verbs import VERBS as TURNS
from gateway.floor.verbs import Verb

VERBS: Mapping[str, Verb] = {**TURNS, **{verb.name: verb for verb in (*CANNED, *TAGGING, *TONGUES)}}
