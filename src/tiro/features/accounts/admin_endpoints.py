"""Users, for admins: `/api/v1/users`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, Field

from tiro.db.tables import UserTable
from tiro.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.accounts.dependencies import Accounts, Factors, Users
from tiro.features.accounts.links import address
from tiro.features.keys.dependencies import ADMIN
from tiro.features.quotas.dependencies import Quotas
from tiro.features.quotas.schemas import QuotaWish
from tiro.features.users.service import NAME_SHAPE, Role
from tiro.http.fields import Flag
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/users",
    tags=["users"],
    dependencies=[ADMIN],
    responses=documented(Unauthorized, Forbidden),
)


class User(BaseModel):
    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    second_factor: bool
    quota: QuotaWish = Field(description="What was set for them alone.")


class People(BaseModel):
    items: list[User]


class Invitation(BaseModel):
    name: str = Field(
        description="A name that nobody has yet, of printable characters.",
        json_schema_extra=NAME_SHAPE,
    )
    role: Role = Role.USER


class UserChange(BaseModel):
    role: Role | None = None
    disabled: Flag | None = None
    quota: QuotaWish | None = Field(None, description="Of its fields only those that are there are set.")


class Link(BaseModel):
    user: User
    link: str = Field(description="Where they set their password, once, within 7 days. Shown this once.")


@router.get("")
def list_users(users: Users, factors: Factors, quotas: Quotas) -> People:
    """All users, in the order of their making."""
    with_factor, quota = factors.everyone(), quotas.all_set()
    return People(items=[_shown(user, with_factor, quota.get(user.id, {})) for user in users.list()])


@router.post(
    "",
    dependencies=[ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(Conflict, InvalidRequest, *REFUSALS),
)
def invite(request: Request, users: Users, accounts: Accounts, wish: Invitation) -> Link:
    """Invite somebody: give them the link, with which they set their password."""
    user = users.create(wish.name, wish.role)
    shown = _shown(user, frozenset(), {})
    return Link(user=shown, link=address(str(request.base_url), accounts.link(user.id)))


@router.patch("/{user_id}", responses=documented(NotFound, Conflict))
def change_user(
    accounts: Accounts, factors: Factors, quotas: Quotas, user_id: str, change: UserChange
) -> User:
    """Disable or enable somebody, give them another role, or say how much they may have. Their logins end
    where they may do less, at once; the keys of who is disabled are worth nothing until they are enabled
    again."""
    wanted = change.quota.model_dump(exclude_unset=True) if change.quota else {}
    user = accounts.change_user(
        user_id, role=change.role, disabled=change.disabled, also=quotas.changing(user_id, wanted)
    )
    return _shown(user, factors.everyone(), quotas.set_for(user_id))


@router.post("/{user_id}/reset", dependencies=[ONCE], responses=documented(NotFound, *REFUSALS))
def reset(
    request: Request, users: Users, accounts: Accounts, factors: Factors, quotas: Quotas, user_id: str
) -> Link:
    """Take somebody's password away and end their logins; the link sets another."""
    token = accounts.reset(user_id)
    user = _shown(users.get(user_id), factors.everyone(), quotas.set_for(user_id))
    return Link(user=user, link=address(str(request.base_url), token))


@router.delete(
    "/{user_id}/second-factor", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound)
)
def reset_second_factor(accounts: Accounts, user_id: str) -> None:
    """For somebody who lost their phone and the recovery codes: their password alone logs in again. Their
    logins end."""
    accounts.reset_factor(user_id)


def _shown(user: UserTable, with_factor: frozenset[str], quota: Mapping[str, float | None]) -> User:
    return User(
        id=user.id,
        name=user.name,
        role=Role(user.role),
        created_at=user.created_at,
        disabled_at=user.disabled_at,
        has_password=user.password is not None,
        second_factor=user.id in with_factor,
        quota=QuotaWish.model_validate(quota),
    )
