"""What you have and may have: `/api/v1/me/usage`."""

from __future__ import annotations

from fastapi import APIRouter

from tiro.errors import Forbidden, Unauthorized
from tiro.features.keys.dependencies import Reader
from tiro.features.quotas.dependencies import Quotas
from tiro.features.quotas.schemas import MyUsage
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/me", tags=["account"], responses=documented(Unauthorized, Forbidden))


@router.get("/usage")
def my_usage(quotas: Quotas, who: Reader) -> MyUsage:
    """How much you store, send and have at work, and how much you may."""
    return MyUsage.of(*quotas.overview(who.user_id))
