"""Alpaca's replies as its documents and published recordings show them, with invented values."""

ORDER = """{"asset_class":"us_equity","asset_id":"3f1c9a52-0b7e-4d55-9a44-1d2e3f4a5b6c","canceled_at":null,
"client_order_id":"entry-7c1e0a4b","created_at":"2026-11-12T15:00:01.094153596Z","expired_at":null,
"expires_at":"2026-11-12T21:00:00Z","extended_hours":false,"failed_at":null,"filled_at":null,
"filled_avg_price":null,"filled_qty":"0","hwm":null,"id":"b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f","legs":null,
"limit_price":null,"notional":"75","order_class":"","order_type":"market","position_intent":"buy_to_open",
"qty":null,"replaced_at":null,"replaced_by":null,"replaces":null,"side":"buy","source":null,
"status":"pending_new","stop_price":null,"submitted_at":"2026-11-12T15:00:01.094153596Z","subtag":null,
"symbol":"ACME","time_in_force":"day","trail_percent":null,"trail_price":null,"type":"market",
"updated_at":"2026-11-12T15:00:01.0952164Z"}"""

POSITION = """{"asset_class":"us_equity","asset_id":"3f1c9a52-0b7e-4d55-9a44-1d2e3f4a5b6c",
"asset_marginable":true,"avg_entry_price":"12.376","change_today":"0.041667","cost_basis":"123.76",
"current_price":"12.5","exchange":"NASDAQ","lastday_price":"12","market_value":"125","qty":"10",
"qty_available":"10","side":"long","symbol":"ACME","unrealized_intraday_pl":"1.24",
"unrealized_intraday_plpc":"0.010019","unrealized_pl":"1.24","unrealized_plpc":"0.010019"}"""

FILL = """{"activity_type":"FILL","cum_qty":"4",
"id":"20261112100002345::5b0f7f0e-6a1d-4a57-9a0b-0c1d2e3f4a5b",
"leaves_qty":"6","order_id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f","order_status":"partially_filled",
"price":"12.34","qty":"4","side":"buy","symbol":"ACME","transaction_time":"2026-11-12T15:00:02.345678Z",
"type":"partial_fill"}"""

STREAM_NEW = """{"stream":"trade_updates","data":{"event":"new",
"execution_id":"0a6b1c2d-3e4f-4a5b-8c7d-8e9f0a1b2c3d","timestamp":"2026-11-12T15:00:01.182987144Z",
"order":{"asset_class":"us_equity","asset_id":"3f1c9a52-0b7e-4d55-9a44-1d2e3f4a5b6c",
"cancel_requested_at":null,"canceled_at":null,"client_order_id":"entry-91d2c3e4",
"created_at":"2026-11-12T15:00:01.176628398Z","expired_at":null,"expires_at":"2026-11-12T21:00:00Z",
"extended_hours":false,"failed_at":null,"filled_at":null,"filled_avg_price":null,"filled_qty":"0","hwm":null,
"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f","legs":null,"limit_price":"12.45","notional":null,
"order_class":"","order_type":"limit","position_intent":"buy_to_open","qty":"10","replaced_at":null,
"replaced_by":null,"replaces":null,"side":"buy","status":"new","stop_price":null,
"submitted_at":"2026-11-12T15:00:01.175261379Z","symbol":"ACME","time_in_force":"day","trail_percent":null,
"trail_price":null,"type":"limit","updated_at":"2026-11-12T15:00:01.185346448Z"}}}"""

# From here on the documents show only those keys of `order` that changed.
STREAM_PARTIAL_FILL = """{"stream":"trade_updates","data":{"event":"partial_fill",
"execution_id":"1b7c2d3e-4f5a-4b6c-9d8e-9f0a1b2c3d4e","price":"12.34","qty":"4","position_qty":"4",
"timestamp":"2026-11-12T15:00:02.345678012Z","order":{"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f",
"status":"partially_filled","filled_qty":"4","filled_avg_price":"12.34","symbol":"ACME"}}}"""

STREAM_FILL = """{"stream":"trade_updates","data":{"event":"fill",
"execution_id":"2c8d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f","price":"12.4","qty":"6","position_qty":"10",
"timestamp":"2026-11-12T15:00:02.910000001Z","order":{"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f",
"status":"filled","filled_qty":"10","filled_avg_price":"12.376",
"filled_at":"2026-11-12T15:00:02.910000001Z"}}}"""

STREAM_CANCELED = """{"stream":"trade_updates","data":{"event":"canceled",
"execution_id":"3d9e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f6a","timestamp":"2026-11-12T15:05:00.178543328Z",
"order":{"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f","status":"canceled","filled_qty":"4",
"filled_avg_price":"12.34","canceled_at":"2026-11-12T15:05:00.178543328Z"}}}"""

STREAM_REJECTED = """{"stream":"trade_updates","data":{"event":"rejected",
"timestamp":"2026-11-12T15:00:01.2Z",
"order":{"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f","status":"rejected","filled_qty":"0",
"filled_avg_price":null,"failed_at":"2026-11-12T15:00:01.2Z"}}}"""

STREAM_PENDING_NEW = """{"stream":"trade_updates","data":{"event":"pending_new","execution_id":null,
"timestamp":"2026-11-12T15:00:01.1Z","order":{"id":"c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f",
"status":"pending_new","filled_qty":"0"}}}"""

AUTHORIZED = '{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}'
UNAUTHORIZED = (
    '{"stream":"authorization","data":{"action":"authenticate",'
    '"message":"access key verification failed","status":"unauthorized"}}'
)
NOT_YET_AUTHORIZED = '{"stream":"authorization","data":{"status":"unauthorized","action":"listen"}}'
LISTENING = '{"stream":"listening","data":{"streams":["trade_updates"]}}'

SNAPSHOTS = """{"ACME":{"latestTrade":{"t":"2026-11-12T15:00:04.086175744Z","x":"V","p":12.5,"s":100,
"c":["@"],"i":52983525,"z":"C"},"latestQuote":{"t":"2026-11-12T15:00:04.946977536Z","ax":"V","ap":12.51,
"as":200,"bx":"V","bp":12.49,"bs":300,"c":["R"],"z":"C"},"minuteBar":{"t":"2026-11-12T14:59:00Z","o":12.3,
"h":12.42,"l":12.28,"c":12.4,"v":8120,"n":64,"vw":12.351},"dailyBar":{"t":"2026-11-12T05:00:00Z","o":12.1,
"h":12.6,"l":12.05,"c":12.5,"v":90211,"n":1204,"vw":12.302},"prevDailyBar":{"t":"2026-11-11T05:00:00Z",
"o":11.8,"h":12.1,"l":11.7,"c":12,"v":150233,"n":1980,"vw":11.93}}}"""

CLOCK = """{"timestamp":"2026-11-12T10:00:01.123456789-05:00","is_open":true,
"next_open":"2026-11-13T09:30:00-05:00","next_close":"2026-11-12T16:00:00-05:00"}"""

CALENDAR = """[{"date":"2026-11-12","open":"09:30","close":"16:00","session_open":"0400",
"session_close":"2000","settlement_date":"2026-11-13"}]"""

ASSET = """{"id":"3f1c9a52-0b7e-4d55-9a44-1d2e3f4a5b6c","class":"us_equity","exchange":"NASDAQ",
"symbol":"ACME","name":"Acme Corp. Common Stock","status":"active","tradable":true,"fractionable":false,
"marginable":true,"shortable":true,"easy_to_borrow":true,"borrow_status":"easy_to_borrow",
"attributes":["has_options","overnight_tradable"],"maintenance_margin_requirement":30,
"margin_requirement_long":"30","margin_requirement_short":"30"}"""

ACCOUNT = """{"id":"6d5c4b3a-2f1e-4d0c-9b8a-7f6e5d4c3b2a","account_number":"PA0000000000","status":"ACTIVE",
"currency":"USD","cash":"100000","equity":"100000","last_equity":"99998.74258806517",
"portfolio_value":"100000","buying_power":"400000","effective_buying_power":"400000","multiplier":"4",
"balance_asof":"2026-11-11","created_at":"2026-09-01T12:00:00.183221Z","shorting_enabled":true,
"trading_blocked":false,"transfers_blocked":false,"account_blocked":false,"trade_suspended_by_user":false,
"admin_configurations":{},"user_configurations":null}"""

NO_POSITION = '{"code":40410000,"message":"position does not exist"}'
ID_TAKEN = '{"code":40010001,"message":"client_order_id must be unique"}'
"""All refusals of an order that are known; status and body."""
REFUSALS = (
    (403, '{"message": "forbidden."}'),
    (
        403,
        """{"available":"0.5","code":40310000,"existing_qty":"0.5","held_for_orders":"0","message":
        "insufficient qty available for order (requested: 1.5, available: 0.5)","symbol":"ACME"}""",
    ),
    (403, '{"code":40310000,"message":"asset \\"OCGN\\" is not fractionable"}'),
    (
        403,
        """{"code":40310000,"existing_order_id":"b8a0d6f4","reject_reason":"opposite side order exists",
        "message":"potential wash trade detected. use complex orders"}""",
    ),
    (403, '{"code":40310000,"message":"insufficient buying power"}'),
    (403, '{"code":40310000,"message":"cost basis must be \\u003e= minimal amount of order 1"}'),
    (422, '{"code":40010001,"message":"qty is required"}'),
    (422, '{"code":42210000,"message":"notional value must be limited to 2 decimal places"}'),
    (400, '{"message":"only one of qty or notional is accepted"}'),
    (404, '{"code":40410000,"message":"asset not found for ZZZZQX"}'),
    (422, "{}"),
)
