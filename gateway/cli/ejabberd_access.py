"""Whom an access rule of ejabberd lets in, as far as that can be told from the file: rules, and the lists (`acl`) that
they name.
"""

from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[str, Any], bool | None]
"""Whether a condition of a list (its kind, its value) is true of somebody; None = that is not known here."""
_PLAIN = {"all": True, "allow": True, "none": False, "deny": False}
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def mapping(value: Any) -> Mapping[Any, Any]:
    """An empty one where it is something else."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """The values, of one or several."""
    return value if isinstance(value, list) else [value] if value is not None else []


def lets_in(its: Mapping[str, Any], access: Any, fits: Fits) -> bool | None:
    """Whether a rule (its name, or what it says) lets in whom `fits` describes; None = that is not known here. No rule
    lets all in.
    """
    if access is None:
        return True
    if isinstance(access, str):
        rules = mapping(its.get("access_rules"))
        if access in _PLAIN or access not in rules:
            return _PLAIN.get(access)
        access = rules[access]
    for one in listed(access):
        if isinstance(one, str):
            return _PLAIN.get(one)
        for verdict, whom in mapping(one).items():
            found = _meant(its, whom, fits)
            if found is not False:
                return verdict == "allow" if found else None
    return False


def _meant(its: Mapping[str, Any], whom: Any, fits: Fits) -> bool | None:
    """Whether somebody is of a list: by its name, or by conditions that must all hold."""
    if isinstance(whom, str):
        known = mapping(its.get("acl"))
        if whom in _PLAIN or whom not in known:
            return _PLAIN.get(whom)
        return _any(fits(str(kind), value) for one in listed(known[whom]) for kind, value in mapping(one).items())
    each = [(str(kind), value) for one in listed(whom) for kind, value in mapping(one).items()]
    found = [_meant(its, value, fits) if kind == "acl" else fits(kind, value) for kind, value in each]
    return False if False in found or not found else None if None in found else True


def _any(found: Any) -> bool | None:
    all_ = list(found)
    return True if True in all_ else None if None in all_ else False


def anybody(hosts: list[str]) -> Fits:
    """Who has no account yet, and comes from the internet."""

    def fits(kind: str, value: Any) -> bool | None:
        if kind in ("user_regexp", "user_glob"):
            return True if value in ("", ".*", "*") else None
        if kind == "server":
            return any(one in hosts for one in listed(value))
        if kind == "ip":
            return any(one in _EVERYWHERE for one in listed(value))
        return False if kind == "user" else None

    return fits


def component(domain: str) -> Fits:
    """A contact of a component: of no host of the server's own, which is what a condition on users alone means."""

    def fits(kind: str, value: Any) -> bool | None:
        if kind == "server":
            return domain in listed(value)
        if kind in ("user", "user_regexp", "user_glob"):
            return False if all(isinstance(one, str) and "@" not in one for one in listed(value)) else None
        return False if kind == "ip" else None

    return fits
