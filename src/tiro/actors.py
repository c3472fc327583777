"""Who is at work: bound to the context of a request or a command, and read where a deed is written down.

No service passes it on. What runs with nobody's order, such as a sweeper, is the server's own work.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum


class ActorKind(StrEnum):
    KEY = "key"
    LOGIN = "login"
    ANONYMOUS = "anonymous"
    COMMAND_LINE = "command line"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where. ``name`` is that of the key, of the user who logged in, or of the
    machine's user at the command line."""

    kind: ActorKind
    name: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    address: str | None = None
    request_id: str | None = None


SERVER = Actor(ActorKind.SERVER)
_actor: ContextVar[Actor] = ContextVar("tiro.actor", default=SERVER)


def current() -> Actor:
    return _actor.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What happens in the block is ``actor``'s deed."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def identify(user_id: str, name: str, key_id: str | None) -> None:
    """The one who is at work, until now unknown, has shown who they are. Call it in the request's own task:
    what is set in another is not seen there."""
    _actor.set(known(user_id, name, key_id))


def known(user_id: str, name: str, key_id: str | None = None) -> Actor:
    """This user, at the place of whoever is at work."""
    kind = ActorKind.LOGIN if key_id is None else ActorKind.KEY
    return replace(current(), kind=kind, user_id=user_id, name=name, key_id=key_id)


def command_line() -> Actor:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        name = None
    return Actor(ActorKind.COMMAND_LINE, name)
