"""Groups of users: `/api/v1/groups`. Everybody sees them, for who shares must know with whom; admins make
them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, status
from pydantic import BaseModel, Field

from tiro.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.groups import service
from tiro.features.groups.service import GroupService
from tiro.features.keys.dependencies import ADMIN, READ
from tiro.features.users.service import NAME_SHAPE
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/groups", tags=["sharing"], responses=documented(Unauthorized, Forbidden))


async def _service(request: Request) -> GroupService:
    return cast(GroupService, request.app.state.runtime.groups)


Service = Annotated[GroupService, Depends(_service)]


class GroupWish(BaseModel):
    name: str = Field(
        description="A name that no group has yet, of printable characters.", json_schema_extra=NAME_SHAPE
    )


class GroupMember(BaseModel):
    id: str
    name: str


class Group(BaseModel):
    id: str
    name: str
    created_at: datetime
    members: list[GroupMember]


class Groups(BaseModel):
    items: list[Group]


@router.get("", dependencies=[READ])
def list_groups(service: Service) -> Groups:
    """All groups with their members, in the order of their names."""
    return Groups(items=[_shown(group) for group in service.list()])


@router.post(
    "",
    dependencies=[ADMIN, ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(Conflict, InvalidRequest, *REFUSALS),
)
def create_group(service: Service, wish: GroupWish) -> Group:
    """Make a group, as an admin. It is empty at first."""
    return _shown(service.create(wish.name))


@router.delete(
    "/{group_id}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotFound),
)
def delete_group(service: Service, group_id: str) -> None:
    """Remove a group, as an admin. What was shared with it is no longer open to its members."""
    service.remove(group_id)


@router.put(
    "/{group_id}/members/{user_id}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotFound),
)
def add_member(service: Service, group_id: str, user_id: str) -> None:
    """Put somebody into a group, as an admin. They can open all that is shared with it."""
    service.add_member(group_id, user_id)


@router.delete(
    "/{group_id}/members/{user_id}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotFound),
)
def remove_member(service: Service, group_id: str, user_id: str) -> None:
    """Take somebody out of a group, as an admin. What was open to them through it is closed at once."""
    service.remove_member(group_id, user_id)


def _shown(group: service.Group) -> Group:
    members = [GroupMember(id=member.id, name=member.name) for member in group.members]
    return Group(id=group.id, name=group.name, created_at=group.created_at, members=members)
