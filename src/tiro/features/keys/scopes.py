"""What a key may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tiro.errors import Forbidden, InvalidRequest
from tiro.features.users.service import Role


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"
    LIVE = "live"
    ADMIN = "admin"


EVERY = frozenset(Scope)


def of_role(role: str) -> frozenset[Scope]:
    """All that a role allows."""
    return EVERY if role == Role.ADMIN else EVERY - {Scope.ADMIN}


def parsed(names: Iterable[str]) -> frozenset[Scope]:
    """Raises InvalidRequest where a name is no scope, or there is none."""
    names = set(names)
    if unknown := names - EVERY:
        raise InvalidRequest(f"There is no scope {min(unknown)!r}. There are: {', '.join(Scope)}.")
    if not names:
        raise InvalidRequest(f"A key needs at least one scope. There are: {', '.join(Scope)}.")
    return frozenset(map(Scope, names))


def stored(scopes: frozenset[Scope]) -> str:
    """As one text, in the order of ``Scope``; ``read_back`` reads it."""
    return " ".join(scope for scope in Scope if scope in scopes)


def read_back(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))


def missing(scope: Scope) -> Forbidden:
    """The refusal of a key that has not got ``scope``."""
    error = Forbidden(f"This key lacks the scope `{scope}`. Use one that has it.")
    error.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return error
