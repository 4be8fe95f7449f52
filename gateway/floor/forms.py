"""What a form that comes back still lacks."""

from collections.abc import Mapping, Sequence

from gateway.model.desk import Form, Input, Told
from gateway.model.rows import replace


def asked_again(form: Form, given: Mapping[str, str] | None) -> Told:
    """The form with what was filled in, and which of its fields are missing. given: None = it was not shown yet."""
    if given is None:
        return Told(form=form)
    lacking = missing(form.inputs, given)
    why = f"not done: fill in {', '.join(one.label or one.name for one in lacking)}" if lacking else ""
    filled = tuple(replace(one, value=given.get(one.name, one.value)) for one in form.inputs)
    return Told(why, replace(form, inputs=filled), refused=bool(why))


def missing(inputs: Sequence[Input], given: Mapping[str, str]) -> list[Input]:
    """Those that must be filled in, and are not."""
    return [one for one in inputs if one.required and not given.get(one.name, "").strip()]
