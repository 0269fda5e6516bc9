"""The HTTP API: signals in, the ledger's answers out.

In:  requests on the loopback interface, each with a token or a session
Out: ?AcceptSignal -> SignalReceiver;
     ?PreviewEntry, ?HaltTrading, ?ClearHalts, ?ChangeConfig, ?RequestExit -> TradeLedger;
     AuditNow -> Reconciler;  reads of the ledger
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from web.api.account import account_routes
from web.api.alarms import alarm_routes
from web.api.config import ConfigDesk, config_routes
from web.api.docs_page import docs_routes
from web.api.events import LedgerSource, events_routes
from web.api.exits import Exits, exit_routes
from web.api.exposure import exposure_routes
from web.api.figures import figure_routes
from web.api.halts import Halts, halt_routes
from web.api.hooks import hook_routes
from web.api.journal import journal_routes
from web.api.metrics import metric_routes
from web.api.orders import order_routes
from web.api.report import report_routes
from web.api.session import session_routes
from web.api.signals import Intake, intake_routes, signal_routes
from web.api.status import status_routes
from web.api.system import system_routes
from web.api.timeline import timeline_routes
from web.api.trades import trade_routes
from web.bot import Bot
from web.dashboard import dashboard_routes
from web.errors import ErrorBody, Refusal, on_bad_parameters, on_http_error, on_refusal
from web.guard import Guard
from web.health import live_route, ready_route
from web.hub import Hub
from web.metering import Metered
from web.roles import demand
from web.token import Tokens

DESCRIPTION = (
    "Signals in, orders out, every fill in the ledger. Every call but /livez carries `Authorization: Bearer "
    "TOKEN`, or the cookie of a session; the tokens are in the state folder: `token` may do all, "
    "`token-operate` all but let risk in, `token-view` only read. Money and quantities are strings, times "
    "ISO 8601 in UTC. Every refusal is {code, message, fix, details}."
)


def create_app(bot: Bot, *, tokens: Callable[[], Tokens]) -> FastAPI:
    """The app; its routes block in worker threads, never on the event loop.

    `app.state.hub` is what its event streams hang on; close it before the server stops.
    """
    hub, intake = Hub(LedgerSource(bot)), Intake(bot)
    bot.board.listen(hub.tell)
    app = FastAPI(
        title="Starfill",
        version=version("starfill"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # it would send the same path, which may be a secret, over plain http
        dependencies=[Depends(demand)],
    )
    app.state.hub = hub
    app.add_middleware(Guard, tokens=tokens, clock=bot.clock, public_host=bot.door.rules.public_host)
    app.add_middleware(Metered, metrics=bot.metrics)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_bad_parameters)
    # The guard is what checks who calls; this only has the description say that it is needed.
    described = [Depends(HTTPBearer(auto_error=False, description="The content of the file `token`"))]
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"model": ErrorBody, "description": "The token is missing or wrong, or the session has ended"},
        403: {"model": ErrorBody, "description": "A role too low, a foreign page, a host that is not ours"},
    }
    app.include_router(live_route(tokens))
    app.include_router(session_routes(tokens, bot))
    app.include_router(ready_route(bot.ready), dependencies=described, responses=refusals)
    for routes in (
        status_routes(bot),
        events_routes(bot, hub, tokens),
        intake_routes(intake, bot.door),
        signal_routes(bot.lists, bot.queries),
        trade_routes(bot.lists, bot.queries, bot.session),
        timeline_routes(bot.queries, bot.journal),
        order_routes(bot.lists, bot.queries),
        halt_routes(Halts(bot.desk), bot.queries),
        exit_routes(Exits(bot.desk)),
        exposure_routes(bot.queries, bot.session),
        config_routes(ConfigDesk(bot.desk, bot.queries)),
        journal_routes(bot.journal),
        account_routes(bot),
        system_routes(bot, hub),
        figure_routes(bot),
        report_routes(bot),
        metric_routes(bot, hub),
        alarm_routes(bot.alarms),
    ):
        app.include_router(routes, dependencies=described, responses=refusals)
    app.include_router(hook_routes(intake, bot.door))
    app.include_router(docs_routes(app))
    app.include_router(dashboard_routes())
    return app
