"""One's own second factor: `/api/v1/me/second-factor`."""

from __future__ import annotations

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, Field

from tiro.errors import Conflict, Forbidden, InvalidRequest, TooManyGuesses, Unauthorized
from tiro.features.accounts.dependencies import Factors, InTurn, LoggedIn
from tiro.features.accounts.factors.qr import svg
from tiro.features.keys.dependencies import Limits, Reader
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/me/second-factor", tags=["account"], responses=documented(Unauthorized, Forbidden)
)


class Proof(BaseModel):
    password: str = Field(max_length=5000)


class Code(BaseModel):
    code: str = Field(max_length=100, description="Six digits of the app.")


class FullProof(BaseModel):
    password: str = Field(max_length=5000)
    code: str = Field(max_length=100, description="Six digits of the app, or a recovery code.")


class State(BaseModel):
    enabled: bool
    recovery_codes: int = Field(description="How many are left.")


class Enrolment(BaseModel):
    """For an authenticator app, shown this once."""

    secret: str = Field(description="To be typed.")
    address: str = Field(description="The same as an address, `otpauth://…`.")
    qr: str = Field(description="The address as a QR code, an SVG image.")


class RecoveryCodes(BaseModel):
    codes: list[str] = Field(description="Each is good for one login without the app. Shown this once.")


@router.get("")
def state(factors: Factors, who: Reader) -> State:
    """Whether a login of yours asks for a code."""
    found = factors.state(who.user_id)
    return State(enabled=found.enabled, recovery_codes=found.recovery_codes)


@router.post("", responses=documented(Conflict))
async def enrol(
    factors: Factors, turns: InTurn, limits: Limits, request: Request, who: LoggedIn, given: Proof
) -> Enrolment:
    """Begin: put the secret into an app, then send a code to `…/confirm`. Until then nothing changes."""
    async with limits.guess_of_name(request, who.user_id):
        made = await turns.run(factors.enrol, who.user_id, given.password)
    return Enrolment(secret=made.secret, address=made.address, qr=svg(made.address))


@router.post("/confirm", responses=documented(Conflict, InvalidRequest))
def confirm(factors: Factors, who: LoggedIn, given: Code) -> RecoveryCodes:
    """The app works: from now on your password alone does not log in."""
    return RecoveryCodes(codes=factors.confirm(who.user_id, given.code))


@router.post("/recovery-codes", responses=documented(Conflict, TooManyGuesses))
async def renew_recovery_codes(
    factors: Factors, turns: InTurn, limits: Limits, request: Request, who: LoggedIn, given: FullProof
) -> RecoveryCodes:
    """Other recovery codes; the old ones are worth nothing."""
    async with limits.guess_of_name(request, who.user_id):
        made = await turns.run(factors.renew_recovery, who.user_id, given.password, given.code)
    return RecoveryCodes(codes=made)


@router.post(
    "/disable", status_code=status.HTTP_204_NO_CONTENT, responses=documented(Conflict, TooManyGuesses)
)
async def disable(
    factors: Factors, turns: InTurn, limits: Limits, request: Request, who: LoggedIn, given: FullProof
) -> None:
    """Your password alone logs in again."""
    async with limits.guess_of_name(request, who.user_id):
        await turns.run(factors.disable, who.user_id, given.password, given.code)
