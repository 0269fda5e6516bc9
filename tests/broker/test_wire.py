"""What the bytes of Alpaca mean."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import wire
from broker.api import Account
from domain.market import Asset, MarketDay
from domain.orders import OrderUpdate
from domain.reconcile import BrokerPosition
from tests.broker import samples

ORDER_ID = "c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def streamed(frame: str | bytes) -> OrderUpdate:
    update = wire.trade_update(frame)
    assert update is not None
    # The models are built without validation for speed; this is the validation.
    assert OrderUpdate.model_validate(dict(update)) == update
    return update


def a_frame(**data: object) -> str:
    order = {"id": ORDER_ID, "client_order_id": "sf-a", "symbol": "ACME", "side": "buy", "status": "new"}
    order |= data.pop("order", {})  # type: ignore[call-overload]
    order = {name: value for name, value in order.items() if value != "absent"}
    return json.dumps({"stream": "trade_updates", "data": {"event": "new", "order": order} | data})


# --- reads --------------------------------------------------------------------------------------


def test_an_order_that_was_read_is_no_stream_event() -> None:
    assert wire.order(samples.ORDER.encode()) == OrderUpdate(
        broker_order_id="b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f",
        client_order_id="entry-7c1e0a4b",
        symbol="ACME",
        side="buy",
        status="pending_new",
        notional=Decimal(75),
        time_in_force="day",
        updated_at=at("2026-11-12T15:00:01.095216"),
    )


def test_a_position_is_read() -> None:
    assert wire.position(samples.POSITION.encode()) == BrokerPosition(
        symbol="ACME", qty=Decimal(10), avg_entry_price=Decimal("12.376")
    )


@pytest.mark.parametrize("qty", ["3", "-3"])
def test_a_short_position_is_negative_however_it_is_written(qty: str) -> None:
    body = json.dumps({"symbol": "ACME", "qty": qty, "side": "short"}).encode()
    assert wire.position(body).qty == Decimal(-3)


def test_an_execution_of_the_history_is_read() -> None:
    (fill,) = wire.fills(f"[{samples.FILL}]".encode())
    assert fill.activity_id == "20261112100002345::5b0f7f0e-6a1d-4a57-9a0b-0c1d2e3f4a5b"
    assert (fill.broker_order_id, fill.symbol, fill.side) == (ORDER_ID, "ACME", "buy")
    assert (fill.qty, fill.price, fill.cum_qty) == (Decimal(4), Decimal("12.34"), Decimal(4))
    assert fill.at == at("2026-11-12T15:00:02.345678")


@pytest.mark.parametrize(
    ("told", "moved_at"),
    [
        (
            {"created_at": "2026-11-12T14:02:03.123456Z", "date": "2026-11-12"},
            at("2026-11-12T14:02:03.123456"),
        ),
        ({"date": "2026-11-12"}, at("2026-11-12T05:00:00")),
        ({"created_at": "lately", "date": "today"}, None),
        ({}, None),
    ],
    ids=["to the moment", "by New York's day", "unreadable", "not told"],
)
def test_a_split_is_read_with_when_it_moved_the_shares(
    told: dict[str, str], moved_at: datetime | None
) -> None:
    body = {"id": "20261112::a", "activity_type": "SPLIT", "symbol": "ACME", "qty": "-5", **told}
    [action] = wire.corporate_actions(json.dumps([body]).encode())
    assert (action.symbol, action.qty, action.at) == ("ACME", Decimal(-5), moved_at)


def test_the_account_is_read_without_the_fields_that_alpaca_dropped() -> None:
    assert wire.account(samples.ACCOUNT.encode()) == Account(
        id="6d5c4b3a-2f1e-4d0c-9b8a-7f6e5d4c3b2a",
        account_number="PA0000000000",
        status="ACTIVE",
        currency="USD",
        cash=Decimal(100000),
        equity=Decimal(100000),
        buying_power=Decimal(400000),
    )


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_each_way_of_blocking_an_account_blocks_it(flag: str) -> None:
    assert wire.account(json.dumps(json.loads(samples.ACCOUNT) | {flag: True}).encode()).trading_blocked


@pytest.mark.parametrize("figure", ["cash", "equity", "buying_power"])
@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
def test_a_figure_that_the_account_does_not_tell_any_more_is_unknown(figure: str, absent: bool) -> None:
    whole, body = wire.account(samples.ACCOUNT.encode()), json.loads(samples.ACCOUNT)
    if absent:
        del body[figure]
    else:
        body[figure] = None
    assert wire.account(json.dumps(body).encode()) == whole.having({figure: None})


def test_what_is_no_figure_is_no_account() -> None:
    body = json.loads(samples.ACCOUNT) | {"equity": "NaN"}
    with pytest.raises(wire.UNREADABLE):
        wire.account(json.dumps(body).encode())


def test_an_account_without_its_id_is_no_account() -> None:
    with pytest.raises(wire.UNREADABLE):
        wire.account(b'{"cash":"1","equity":"1","buying_power":"1"}')


def test_the_clock_is_told_in_utc() -> None:
    clock = wire.clock(samples.CLOCK.encode())
    assert clock.timestamp == at("2026-11-12T15:00:01.123456")
    assert (clock.next_open, clock.next_close) == (at("2026-11-13T14:30"), at("2026-11-12T21:00"))
    assert clock.is_open


def a_day(date: str, *hours: str) -> dict[str, str]:
    """As the calendar writes it; without `hours` of the extended session, if only two are given."""
    return dict(zip(("date", "open", "close", "session_open", "session_close"), (date, *hours), strict=False))


def hours_of(day: MarketDay) -> list[str]:
    moments = (day.extended_opens_at, day.opens_at, day.closes_at, day.extended_closes_at)
    assert all(moment.tzinfo is UTC for moment in moments)
    return [f"{moment:%d %H:%M}" for moment in moments]


def test_a_market_day_is_read_into_utc() -> None:
    assert wire.days(samples.CALENDAR.encode()) == (
        MarketDay(
            date="2026-11-12",
            opens_at=at("2026-11-12T14:30"),
            closes_at=at("2026-11-12T21:00"),
            extended_opens_at=at("2026-11-12T09:00"),
            extended_closes_at=at("2026-11-13T01:00"),
        ),
    )


@pytest.mark.parametrize(
    ("date", "close", "late", "utc"),
    [
        ("2026-03-06", "16:00", "2000", ["06 09:00", "06 14:30", "06 21:00", "07 01:00"]),
        ("2026-03-09", "16:00", "2000", ["09 08:00", "09 13:30", "09 20:00", "10 00:00"]),
        ("2026-10-30", "16:00", "2000", ["30 08:00", "30 13:30", "30 20:00", "31 00:00"]),
        ("2026-11-02", "16:00", "2000", ["02 09:00", "02 14:30", "02 21:00", "03 01:00"]),
        ("2026-11-27", "13:00", "1700", ["27 09:00", "27 14:30", "27 18:00", "27 22:00"]),
    ],
    ids=["winter", "summer time began", "summer", "summer time ended", "half day"],
)
def test_new_yorks_hours_are_placed_on_their_day(date: str, close: str, late: str, utc: list[str]) -> None:
    (day,) = wire.days(json.dumps([a_day(date, "09:30", close, "0400", late)]).encode())
    assert hours_of(day) == utc


@pytest.mark.parametrize("extended", [{}, {"session_open": None, "session_close": None}], ids=repr)
def test_without_extended_hours_the_regular_ones_are_all(extended: dict[str, None]) -> None:
    body = [a_day("2026-11-12", "09:30", "16:00") | extended]
    (day,) = wire.days(json.dumps(body).encode())
    assert hours_of(day) == ["12 14:30", "12 14:30", "12 21:00", "12 21:00"]


def test_market_days_come_in_order_however_they_are_told() -> None:
    days = [a_day(f"2026-11-{day}", "09:30", "16:00") for day in (13, 12, 16)]
    told = wire.days(json.dumps(days).encode())
    assert [day.date for day in told] == ["2026-11-12", "2026-11-13", "2026-11-16"]


@pytest.mark.parametrize(
    "day",
    [
        a_day("2026-02-30", "09:30", "16:00"),
        a_day("2026-11-12", "09:30", "24:30"),
        a_day("2026-11-12", "soon", "16:00"),
        a_day("2026-11-12", "09:30"),
    ],
    ids=repr,
)
def test_a_day_that_cannot_be_placed_is_no_calendar(day: dict[str, str]) -> None:
    with pytest.raises(wire.UNREADABLE):
        wire.days(json.dumps([day]).encode())


def test_an_asset_is_read() -> None:
    assert wire.asset(samples.ASSET.encode()) == Asset(
        symbol="ACME", status="active", tradable=True, fractionable=False
    )


def test_prices_are_exact_though_they_come_as_json_numbers() -> None:
    quote = wire.quotes(samples.SNAPSHOTS.encode())["ACME"]
    assert (quote.last_price, quote.bid, quote.ask) == (Decimal("12.5"), Decimal("12.49"), Decimal("12.51"))
    assert quote.last_at == at("2026-11-12T15:00:04.086175")
    assert quote.quoted_at == at("2026-11-12T15:00:04.946977")
    long = wire.quotes(b'{"A":{"latestTrade":{"p":0.1234567894123456789}}}')["A"]
    assert str(long.last_price) == "0.123456789"


def test_missing_parts_of_a_snapshot_and_prices_of_zero_are_no_prices() -> None:
    told = wire.quotes(b'{"A":null,"B":{},"C":{"latestQuote":{"ap":0,"bp":0},"latestTrade":null}}')
    assert sorted(told) == ["B", "C"]
    nothing = (None,) * 5
    assert all((q.last_price, q.last_at, q.bid, q.ask, q.quoted_at) == nothing for q in told.values())


@pytest.mark.parametrize("nonsense", ["-1", "0", "0.0000000001", "1e19", "1e400", '"NaN"', '"Infinity"'])
def test_a_price_that_is_none_costs_no_other_its_price(nonsense: str) -> None:
    trade, quote = '{"latestTrade":{"p":%s}}', '{"latestQuote":{"bp":%s,"ap":%s}}'
    body = f'{{"A":{trade % nonsense},"B":{quote % (nonsense, nonsense)},"C":{trade % "12.5"}}}'
    told = wire.quotes(body.encode())
    assert (told["A"].last_price, told["B"].bid, told["B"].ask) == (None, None, None)
    assert told["C"].last_price == Decimal("12.5")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-12T15:00:01Z", "2026-11-12T15:00:01"),
        ("2026-11-12T15:00:01.2Z", "2026-11-12T15:00:01.2"),
        ("2026-11-12T15:00:01.999999999Z", "2026-11-12T15:00:01.999999"),
        ("2026-11-12T11:00:01.123456789-04:00", "2026-11-12T15:00:01.123456"),
    ],
)
def test_a_time_is_cut_to_microseconds_and_told_in_utc(text: str, meant: str) -> None:
    told = wire.moment(text)
    assert (told, told.tzinfo) == (at(meant), UTC)


def test_a_time_without_an_offset_is_no_moment() -> None:
    with pytest.raises(ValueError, match="offset"):
        wire.moment("2026-11-12T15:00:01")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("12.5", "12.5"), ("12.3733333333333", "12.373333333"), ("0.0000000004", "0E-9"), ("-3", "-3")],
)
def test_numbers_keep_nine_decimals(value: str, kept: str) -> None:
    assert str(wire.nine_places(Decimal(value))) == kept


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1e19", "1e400", "1e999999999"])
def test_what_is_no_amount_is_refused(value: str) -> None:
    with pytest.raises(wire.UNREADABLE):
        wire.nine_places(Decimal(value))


# --- the stream ---------------------------------------------------------------------------------


def test_a_new_order_on_the_stream_executes_nothing() -> None:
    update = streamed(samples.STREAM_NEW)
    assert (update.event, update.status, update.execution) == ("new", "new", None)
    assert (update.broker_order_id, update.client_order_id) == (ORDER_ID, "entry-91d2c3e4")
    assert (update.symbol, update.side, update.qty, update.notional) == ("ACME", "buy", Decimal(10), None)
    assert update.updated_at == at("2026-11-12T15:00:01.185346")


def test_a_fill_tells_its_own_execution_and_the_orders_total() -> None:
    update = streamed(samples.STREAM_FILL)
    assert (update.filled_qty, update.filled_avg_price) == (Decimal(10), Decimal("12.376"))
    assert update.execution is not None
    assert update.execution.execution_id == "2c8d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
    assert (update.execution.qty, update.execution.price) == (Decimal(6), Decimal("12.4"))
    assert update.execution.at == at("2026-11-12T15:00:02.910000")
    assert update.updated_at == at("2026-11-12T15:00:02.910000")


def test_the_position_after_a_fill_is_told_with_its_symbol_only() -> None:
    assert streamed(samples.STREAM_PARTIAL_FILL).position_qty == Decimal(4)
    assert streamed(samples.STREAM_FILL).position_qty is None


@pytest.mark.parametrize(
    ("frame", "status", "filled"),
    [
        (samples.STREAM_CANCELED, "canceled", "4"),
        (samples.STREAM_REJECTED, "rejected", "0"),
        (samples.STREAM_PENDING_NEW, "pending_new", "0"),
    ],
)
def test_an_event_without_an_execution_still_tells_the_total(frame: str, status: str, filled: str) -> None:
    update = streamed(frame)
    assert (update.status, update.filled_qty, update.execution) == (status, Decimal(filled), None)


@pytest.mark.parametrize("frame", [samples.STREAM_FILL, samples.STREAM_FILL.encode()])
def test_text_and_binary_frames_say_the_same(frame: str | bytes) -> None:
    assert streamed(frame) == streamed(samples.STREAM_FILL)


def test_a_fill_without_an_execution_id_gets_one_that_a_repetition_shares() -> None:
    def told(filled: str) -> str:
        update = streamed(
            a_frame(
                event="partial_fill",
                price="12.4",
                qty="1",
                timestamp="2026-11-12T15:00:02Z",
                order={"filled_qty": filled, "status": "partially_filled"},
            )
        )
        assert update.execution is not None
        return update.execution.execution_id

    assert told("3") == told("3") == told("3.000") == f"inferred:{ORDER_ID}:partial_fill:3"
    assert told("3") != told("4")


@pytest.mark.parametrize("missing", ["price", "qty", "timestamp"])
def test_half_an_execution_is_none_but_the_total_counts(missing: str) -> None:
    data = {"price": "12.4", "qty": "1", "timestamp": "2026-11-12T15:00:02Z", "execution_id": "e"}
    data[missing] = None  # type: ignore[assignment]
    update = streamed(a_frame(event="fill", order={"filled_qty": "7", "status": "filled"}, **data))
    assert (update.execution, update.filled_qty) == (None, Decimal(7))


def test_a_bust_is_not_an_execution() -> None:
    update = streamed(
        a_frame(event="trade_bust", price="1", qty="1", timestamp="2026-11-12T15:00:02Z", execution_id="e")
    )
    assert update.execution is None


@pytest.mark.parametrize(
    ("event", "status"), [("fill", "filled"), ("partial_fill", "partially_filled"), ("expired", "expired")]
)
@pytest.mark.parametrize("said", [None, "absent", ""])
def test_an_order_without_its_status_has_the_one_its_event_means(
    event: str, status: str, said: str | None
) -> None:
    assert streamed(a_frame(event=event, order={"status": said})).status == status


def test_unknown_events_and_statuses_are_passed_on_as_they_came() -> None:
    update = streamed(a_frame(event="teleported", order={"status": "in_orbit", "filled_qty": "2"}))
    assert (update.event, update.status, update.filled_qty) == ("teleported", "in_orbit", Decimal(2))


def test_a_time_that_cannot_be_read_does_not_cost_the_fill() -> None:
    update = streamed(a_frame(event="fill", timestamp="soon", order={"filled_qty": "2", "updated_at": "?"}))
    assert (update.filled_qty, update.updated_at) == (Decimal(2), None)


@pytest.mark.parametrize(
    "frame",
    [
        '{"stream":"trade_updates","data":null}',
        '{"stream":"trade_updates"}',
        '{"stream":"trade_updates","data":{}}',
        '{"stream":"trade_updates","data":{"event":"fill"}}',
        '{"stream":"trade_updates","data":{"event":"fill","order":null}}',
        a_frame(event="teleported", order={"status": None}),
        a_frame(event="restated", order={"status": "absent"}),
        a_frame(event=None),
        a_frame(order={"filled_qty": "NaN"}),
        a_frame(order={"filled_qty": "1e999999999"}),
        samples.AUTHORIZED,
        samples.LISTENING,
        '{"stream":"weather","data":{"order":{"id":"x","status":"new"},"event":"new"}}',
        "[]",
        "null",
        "7",
        "",
        "not json",
        b"\xff\xfe",
        '{"stream":' + "[" * 100_000,
    ],
)
def test_a_frame_that_speaks_of_no_order_is_none(frame: str | bytes) -> None:
    assert wire.trade_update(frame) is None


@given(st.binary() | st.text())
def test_no_frame_makes_the_parser_raise(frame: bytes | str) -> None:
    wire.trade_update(frame)
    wire.control(frame)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(
    ["fill", "new", "filled", "12.5", "NaN", "1e30", "2026-11-12T15:00:02Z", "0001-01-01T00:00:00+14:00"]
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["id", "event", "status", "symbol", "filled_qty", "updated_at", "timestamp", "price", "qty", "order"]
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS | st.text(), inner, max_size=6),
    max_leaves=20,
)


@given(_JSON)
def test_no_json_makes_the_parser_raise(data: object) -> None:
    for told in (data, {"stream": "trade_updates", "data": data}):
        update = wire.trade_update(json.dumps(told))
        assert update is None or OrderUpdate.model_validate(dict(update)) == update


@given(_JSON | st.text())
def test_reads_raise_nothing_but_what_the_client_catches(data: object) -> None:
    body = json.dumps(data).encode()
    wire.refusal(body)
    for read in (wire.order, wire.orders, wire.position, wire.account, wire.clock, wire.fills, wire.quotes):
        with contextlib.suppress(*wire.UNREADABLE):
            read(body)
