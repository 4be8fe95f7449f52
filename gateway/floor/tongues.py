"""`/language TAG`: which language a customer speaks; a guess may be wrong, and many are never guessed."""

from collections.abc import Sequence

from gateway.care import languages
from gateway.floor.verbs import Scene, Verb, may_read
from gateway.model.desk import Input


def _wants_language(scene: Scene) -> Sequence[Input]:
    return (
        Input("language", "Language, such as en or es-MX", True, value=scene.turn.language(scene.conversation.brand)),
    )


def language(scene: Scene) -> str:
    """Sets it, whatever was known before."""
    said = languages.say(scene.turn, scene.values["language"])
    scene.turn.note(scene.conversation, "language", scene.agent, said)
    return f"language: {said}"


TONGUES: Sequence[Verb] = (Verb("language", "The customer's language", "TAG", language, _wants_language, may=may_read),)
