"""The HTTP API: signals in, the ledger's answers out.

In:  requests on the loopback interface, each with the bearer token
Out: ?AcceptSignal -> SignalReceiver;
     ?PreviewEntry, ?HaltTrading, ?ClearHalts, ?ChangeConfig, ?RequestExit -> TradeLedger;
     AuditNow -> Reconciler;  reads of the ledger
"""

from collections.abc import Callable
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from actors.base import Mailbox
from domain.messages import AuditNow, ChangeConfig, ClearHalts, HaltTrading, ReceiverMail, RequestExit
from domain.values import Clock
from persistence.queries import Queries
from web.account_api import account_routes
from web.config_api import ConfigDesk, config_routes
from web.docs_page import docs_routes
from web.errors import Refusal, on_bad_parameters, on_http_error, on_refusal
from web.exits_api import Exits, exit_routes
from web.exposure_api import exposure_routes
from web.guard import Guard
from web.halts_api import Halts, halt_routes
from web.health import Readiness, live_route, ready_route
from web.preview import Preview
from web.signals_api import MAX_WAITING, Intake, signal_routes
from web.trades_api import Session, trade_routes

__all__ = ["DeskMail", "Readiness", "Session", "create_app"]

DeskMail = HaltTrading | ClearHalts | ChangeConfig | RequestExit
"""What the owner asks of the ledger."""

DESCRIPTION = (
    "Signals in, orders out, every fill in the ledger. Every call but /livez carries `Authorization: Bearer "
    "TOKEN`; the token is in the file `token` in the state folder. Money and quantities are strings, times "
    "ISO 8601 in UTC. Every refusal is {code, message, fix, details}."
)


def create_app(
    *,
    receiver: Mailbox[ReceiverMail],
    preview: Preview,
    desk: Mailbox[DeskMail],
    reconciler: Mailbox[AuditNow],
    queries: Queries,
    token: str,
    clock: Clock,
    ready: Callable[[], Readiness],
    session: Callable[[], Session],
    most_waiting: int = MAX_WAITING,
) -> FastAPI:
    """The app; its routes block in worker threads, never on the event loop.

    `preview` has a signal weighed without a trace. `desk` is where the owner's orders go, as halts, settings
    and what he wants sold: the ledger. `most_waiting`: so many signals may wait for their verdict; while
    they do, no more are taken in.
    """
    app = FastAPI(
        title="Starfill",
        version=version("starfill"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_middleware(Guard, token=token)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_bad_parameters)
    # The guard is what checks the token; this only has the description say that it is needed.
    described = [Depends(HTTPBearer(auto_error=False, description="The content of the file `token`"))]
    app.include_router(live_route())
    app.include_router(ready_route(ready), dependencies=described)
    intake = Intake(
        receiver=receiver, preview=preview, queries=queries, clock=clock, most_waiting=most_waiting
    )
    app.include_router(signal_routes(intake, queries), dependencies=described)
    app.include_router(trade_routes(queries, session), dependencies=described)
    app.include_router(halt_routes(Halts(desk), queries), dependencies=described)
    app.include_router(exit_routes(Exits(desk)), dependencies=described)
    app.include_router(exposure_routes(queries, session), dependencies=described)
    app.include_router(config_routes(ConfigDesk(desk, queries)), dependencies=described)
    app.include_router(account_routes(queries, reconciler, ready, clock), dependencies=described)
    app.include_router(docs_routes(app))
    return app
