"""The one shape every refusal has, and the refusals that several rooms of the API share."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.values import Message

PHRASES: Final = {
    404: ("not_found", "There is nothing at this address.", "See /docs for the addresses there are."),
    405: ("method_not_allowed", "This address does not take this method.", "See /docs for its methods."),
}


class Fault(Message):
    """One thing that is wrong with one field."""

    field: str
    fault: str


class ErrorBody(Message):
    """What every refusal looks like: what happened, and what to do about it."""

    code: str
    """For programs; it does not change between versions."""
    message: str
    fix: str
    details: tuple[Fault, ...] = ()


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The request is refused; carries the whole answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fix: str,
        *,
        details: Sequence[Fault] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, fix=fix, details=tuple(details))
        self.headers = headers

    def response(self) -> JSONResponse:
        return JSONResponse(self.body.model_dump(mode="json"), self.status, self.headers)


def unavailable(message: str, fix: str, *, retry_after_s: int = 1) -> Refusal:
    """503: nothing is wrong with the request, the bot cannot answer it now."""
    return Refusal(503, "unavailable", message, fix, headers={"Retry-After": str(retry_after_s)})


async def on_refusal(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for `Refusal`."""
    assert isinstance(error, Refusal)
    return error.response()


async def on_http_error(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for what its router refuses itself."""
    assert isinstance(error, HTTPException)
    code, message, fix = PHRASES.get(error.status_code, ("http_error", str(error.detail), "See /docs."))
    headers = dict(error.headers) if error.headers else None
    return Refusal(error.status_code, code, message, fix, headers=headers).response()


async def on_bad_parameters(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for query and path parameters of the wrong kind."""
    assert isinstance(error, RequestValidationError)
    faults = [Fault(field=str(each["loc"][-1]), fault=str(each["msg"])) for each in error.errors()]
    return Refusal(
        422, "bad_parameters", "A parameter is not usable.", "Correct what `details` names.", details=faults
    ).response()
