"""Refusals that carry more than a sentence. Here, since a compiled class has no interpreted descendants."""

from collections.abc import Mapping

from gateway.care.turn import Refused


class WhichBrand(Refused):
    """Two conversations could be meant. brands: of which, each (name, as customers read it). verb: "" = words."""

    def __init__(self, brands: tuple[tuple[str, str], ...], verb: str = "") -> None:
        named = " and ".join(f"{shown} ({name})" for name, shown in brands)
        super().__init__(
            f"this customer talks with {named}: say which, as in .as {brands[0][0]} {f'.{verb}' if verb else 'TEXT'}",
            "brand",
        )
        self.brands = brands


class Missing(Refused):
    """A verb wants to know more. fields: those that are missing, or are none of its own, and what is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields
