"""Quotas as the API shows them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from tiro.features.quotas.service import Quota, Usage


class QuotaWish(BaseModel):
    """What one user may have. 0 is no limit; null is the server's default."""

    storage: int | None = Field(None, ge=0, le=2**62, description="Bytes of recordings.")
    minutes: float | None = Field(None, ge=0, le=1e9, description="Minutes of audio in a day (UTC).")
    jobs: int | None = Field(None, ge=0, le=2**31 - 1, description="Jobs that wait or run at once.")
    uploads: int | None = Field(None, ge=0, le=2**31 - 1, description="Unfinished resumable uploads.")


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
