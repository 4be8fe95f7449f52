"""Reading the members of a JSON object by hand: each wrong one is named, all of them at once."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from gateway.settings import nearest
from gateway.web.bodies import step
from gateway.web.problems import Problem

LONGEST_TEXT = 1600
LONGEST_NAME = 200
# Control characters; a text may hold line breaks and tabs.
CONTROLS = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029]")
_TEXT_CONTROLS = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]")


class Fields:
    """An object of a request. Ask for its members, then `done`; only then are the answers good.

    kind: of the Problem that tells what is wrong. known: the members that it may have.
    """

    def __init__(self, value: object, kind: str, known: Collection[str]) -> None:
        if not isinstance(value, dict):
            raise Problem("not-an-object", "the body must be a JSON object", [("", "must be a JSON object")])
        self._value: Mapping[str, object] = value
        self._kind = kind
        self.errors: list[tuple[str, str]] = []
        for name in value:
            if name not in known:
                hint = nearest(name[:60], known) or f"; its fields are {', '.join(known)}"
                self.wrong(name, f"is not a field of this call{hint}")

    def wrong(self, name: str, sentence: str) -> None:
        """One more thing that is wrong."""
        self.errors.append((step("", name), sentence))

    def given(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._value.get(name) is not None

    def has(self, name: str) -> bool:
        """Whether the member is there, null or not."""
        return name in self._value

    def name(self, name: str, *, required: bool = False, most: int = LONGEST_NAME) -> str | None:
        """A short text of one line."""
        value = self._string(name, required, most)
        if value is not None and CONTROLS.search(value):
            self.wrong(name, "must not hold control characters")
            return None
        return value

    def text(self, name: str, *, required: bool = False, most: int = LONGEST_TEXT) -> str | None:
        """Words for people: line breaks are fine."""
        value = self._string(name, required, most)
        if value is not None and _TEXT_CONTROLS.search(value):
            self.wrong(name, "must not hold control characters (line breaks and tabs are fine)")
            return None
        return value

    def object(self, name: str, most: int = 50) -> dict[str, object]:
        """A flat object of texts, numbers and booleans; empty when it is not there."""
        value = self._flat(name, most)
        for inner, one in value.items():
            if not isinstance(one, str | int | float | bool) or (isinstance(one, str) and len(one) > LONGEST_TEXT):
                self.errors.append((step(step("", name), inner), "must be a text, a number, true or false"))
            elif isinstance(one, str) and CONTROLS.search(one):
                self.errors.append((step(step("", name), inner), "must not hold control characters"))
        return value

    def words(self, name: str, most: int, longest: int = LONGEST_TEXT) -> dict[str, str]:
        """A flat object of texts for people; empty when it is not there."""
        value = self._flat(name, most)
        for inner, one in value.items():
            if not isinstance(one, str) or not 1 <= len(one) <= longest or _TEXT_CONTROLS.search(one):
                said = f"must be a text of 1 to {longest} characters, without control characters"
                self.errors.append((step(step("", name), inner), said))
        return value

    def _flat(self, name: str, most: int) -> dict[str, Any]:
        value = self._value.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or len(value) > most:
            self.wrong(name, f"must be an object of at most {most} members")
            return {}
        return value

    def items(self, name: str, most: int) -> list[Any]:
        """A list; empty when it is not there."""
        value = self._value.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            self.wrong(name, f"must be a list of at most {most} items")
            return []
        return value

    def lines(self, name: str, most: int) -> list[str]:
        """A list of short texts of one line."""
        found = self.items(name, most)
        for at, one in enumerate(found):
            if not isinstance(one, str) or not 1 <= len(one) <= LONGEST_NAME or CONTROLS.search(one):
                self.errors.append((f"{step('', name)}/{at}", f"must be a line of 1 to {LONGEST_NAME} characters"))
        return found

    def choice(self, name: str, known: Collection[str]) -> str | None:
        """One of the words."""
        value = self._string(name, required=False, most=LONGEST_NAME)
        if value is not None and value not in known:
            self.wrong(name, f"must be one of {', '.join(known)}{nearest(value[:60], known)}")
            return None
        return value

    def done(self) -> None:
        """Raises Problem with all that was wrong."""
        if self.errors:
            pointer, sentence = self.errors[0]
            raise Problem(self._kind, f"{pointer} {sentence}", self.errors)

    def _string(self, name: str, required: bool, most: int) -> str | None:
        value = self._value.get(name)
        if value is None:
            if required:
                self.wrong(name, "is required")
            return None
        if not isinstance(value, str):
            self.wrong(name, "must be a string")
        elif not value.strip():
            self.wrong(name, "must not be empty")
        elif len(value) > most:
            self.wrong(name, f"must have at most {most} characters")
        else:
            return value
        return None
