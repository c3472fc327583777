"""All users' jobs, for admins: `/api/v1/admin/jobs`, `…/queues`."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, status

from tiro.errors import Conflict, Forbidden, MediaRemoved, NotFound, Unauthorized
from tiro.features.administration.schemas import AdminJob, AdminJobs, JobQueues
from tiro.features.administration.service import AdministrationService
from tiro.features.jobs.states import JobQueue, JobState
from tiro.features.keys.dependencies import ADMIN
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/admin/jobs",
    tags=["admin"],
    dependencies=[ADMIN],
    responses=documented(Unauthorized, Forbidden),
)
queues = APIRouter(
    prefix="/api/v1/admin/queues",
    tags=["admin"],
    dependencies=[ADMIN],
    responses=documented(Unauthorized, Forbidden),
)


async def _service(request: Request) -> AdministrationService:
    return cast(AdministrationService, request.app.state.runtime.administration)


Service = Annotated[AdministrationService, Depends(_service)]


@router.get("")
def list_jobs(
    service: Service,
    state: JobState | None = None,
    queue: JobQueue | None = None,
    owner: Annotated[str | None, Query(description="The id of a user.")] = None,
    before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AdminJobs:
    """All users' jobs, newest first. What they are about is not shown."""
    return service.jobs(state, queue, owner, before, limit)


@router.post(
    "/{job_id}/cancel", status_code=status.HTTP_202_ACCEPTED, responses=documented(NotFound, Conflict)
)
def cancel_job(service: Service, job_id: str) -> AdminJob:
    """Stop a job, whoever's it is."""
    return service.cancel(job_id)


@router.post(
    "/{job_id}/requeue",
    dependencies=[ONCE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(NotFound, Conflict, MediaRemoved, *REFUSALS),
)
def requeue_job(service: Service, job_id: str) -> AdminJob:
    """Run a job that has ended again, as its owner's `retry` does. The answer is the new one."""
    return service.requeue(job_id)


@queues.get("")
def look_at_queues(service: Service) -> JobQueues:
    """How many jobs wait and run in each queue, for how long, and which workers are alive."""
    return service.queues()
