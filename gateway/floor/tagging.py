"""`/tag WORD ...` and `/untag WORD ...`."""

from collections.abc import Sequence

from gateway.care import tagging
from gateway.floor.verbs import ANY, Scene, Verb, may_read
from gateway.model.desk import Input


def _had(scene: Scene) -> tuple[str, ...]:
    return scene.tags.get(scene.conversation.id, ())


def _wants_tags(_: Scene) -> Sequence[Input]:
    return (Input("tags", "Tags, with blanks between", True),)


def _wants_known(scene: Scene) -> Sequence[Input]:
    return (Input("tags", "Tags to take away", True, value=" ".join(_had(scene))),)


def tag(scene: Scene) -> str:
    """Adds tags."""
    return _changed(scene, add=scene.values["tags"].split())


def untag(scene: Scene) -> str:
    """Takes tags away."""
    return _changed(scene, remove=scene.values["tags"].split())


def _changed(scene: Scene, add: Sequence[str] = (), remove: Sequence[str] = ()) -> str:
    after = tagging.change(scene.turn, scene.conversation, _had(scene), add, remove)
    return f"tags: {', '.join(after)}" if after else "no tags"


TAGGING: Sequence[Verb] = (
    Verb(
        "tag",
        "Tag the conversation",
        "WORD ...",
        tag,
        _wants_tags,
        tagged=True,
        help="Tags it; .untag takes them away",
        on=ANY,
        may=may_read,
    ),
    Verb(
        "untag", "Take tags away", "WORD ...", untag, _wants_known, tagged=True, told_with="tag", on=ANY, may=may_read
    ),
)
