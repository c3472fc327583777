"""The service that endpoints ask about quotas."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.quotas.service import QuotaService


async def _service(request: Request) -> QuotaService:
    return cast(QuotaService, request.app.state.runtime.quotas)


Quotas = Annotated[QuotaService, Depends(_service)]
