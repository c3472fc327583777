"""Quotas as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from tiro.features.quotas.service import Quota, Usage
from tiro.http.fields import AS_NUMBER


class QuotaWish(BaseModel):
    """What one user may have. 0 is no limit; null is the server's default."""

    storage: Annotated[int, Field(ge=0, le=10**18), AS_NUMBER] | None = Field(
        None, description="Bytes of recordings."
    )
    minutes: Annotated[float, Field(ge=0, le=1e9), AS_NUMBER] | None = Field(
        None, description="Minutes of audio in a day (UTC)."
    )
    jobs: Annotated[int, Field(ge=0, le=2**31 - 1), AS_NUMBER] | None = Field(
        None, description="Jobs that wait or run at once."
    )
    uploads: Annotated[int, Field(ge=0, le=2**31 - 1), AS_NUMBER] | None = Field(
        None, description="Unfinished resumable uploads."
    )


class Allowance(BaseModel):
    used: float
    allowed: float | None = Field(description="null is no limit.")


class MyUsage(BaseModel):
    """What you have, and may have."""

    storage: Allowance = Field(description="Bytes of your recordings, and of your unfinished uploads.")
    minutes: Allowance = Field(description="Minutes of audio that you sent in today (UTC).")
    minutes_reset_at: datetime
    jobs: Allowance = Field(description="Jobs of yours that wait or run.")
    uploads: Allowance = Field(description="Your unfinished resumable uploads.")

    @classmethod
    def of(cls, quota: Quota, usage: Usage) -> MyUsage:
        return cls(
            storage=Allowance(used=usage.storage + usage.reserved, allowed=quota.storage or None),
            minutes=Allowance(used=round(usage.minutes, 3), allowed=quota.minutes or None),
            minutes_reset_at=usage.ends,
            jobs=Allowance(used=usage.jobs, allowed=quota.jobs or None),
            uploads=Allowance(used=usage.uploads, allowed=quota.uploads or None),
        )
