"""Refusals in Alpaca's words. Status and body of each are what Alpaca was seen or is documented to answer."""

from decimal import Decimal

BAD_REQUEST = 40010001
FORBIDDEN = 40310000
NOT_FOUND = 40410000
UNPROCESSABLE = 42210000


class ApiError(Exception):
    """Becomes the reply: `status`, and a JSON body of code, message and extras."""

    def __init__(self, status: int, message: str, *, code: int | None = None, **extra: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {**extra, "message": message}
        if code is not None:
            self.body["code"] = code


def invalid(message: str) -> ApiError:
    """A request that is malformed or incomplete."""
    return ApiError(422, message, code=BAD_REQUEST)


def unprocessable(message: str) -> ApiError:
    return ApiError(422, message, code=UNPROCESSABLE)


def forbidden(message: str, **extra: str) -> ApiError:
    return ApiError(403, message, code=FORBIDDEN, **extra)


def not_found(message: str) -> ApiError:
    return ApiError(404, message, code=NOT_FOUND)


def number(value: Decimal) -> str:
    """Alpaca's spelling of a decimal: no exponent, no trailing zeros."""
    return format(value.normalize(), "f") if value else "0"
