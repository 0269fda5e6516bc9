"""What a fault does to the stream: each act turns the frame about to be sent into other frames.

To add one, write the function and name it in STREAM_ACTS.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from simulator.errors import number
from simulator.fault import Fault

Frame = dict[str, object]


@dataclass(frozen=True)
class Close:
    """Sent in a frame's place: the connection is closed with this code."""

    code: int


@dataclass(frozen=True)
class Half:
    """Only the first half of the frame's bytes is sent, and nothing after it."""

    frame: Frame


@dataclass(frozen=True)
class Later:
    """The frame is sent after the next one."""

    frame: Frame


Outgoing = Frame | Close | Half | Later


def ws_drop_event(_: Fault, __: Frame) -> list[Outgoing]:
    return []


def ws_dup(_: Fault, frame: Frame) -> list[Outgoing]:
    return [frame, frame]


def ws_null_data(_: Fault, frame: Frame) -> list[Outgoing]:
    return [{"stream": "trade_updates", "data": None}, frame]


def ws_unknown_event(fault: Fault, frame: Frame) -> list[Outgoing]:
    stranger = copy.deepcopy(frame)
    data = cast("Frame", stranger["data"])
    data["event"] = fault.options.get("name", "held_for_review")
    return [stranger, frame]


def ws_unknown_status(fault: Fault, frame: Frame) -> list[Outgoing]:
    changed = copy.deepcopy(frame)
    order = cast("Frame", cast("Frame", changed["data"])["order"])
    order["status"] = fault.options.get("name", "under_review")
    return [changed]


def ws_no_execution_id(_: Fault, frame: Frame) -> list[Outgoing]:
    changed = copy.deepcopy(frame)
    cast("Frame", changed["data"])["execution_id"] = None
    return [changed]


def ws_wrong_position(fault: Fault, frame: Frame) -> list[Outgoing]:
    changed = copy.deepcopy(frame)
    data = cast("Frame", changed["data"])
    if "position_qty" in data:
        data["position_qty"] = number(Decimal(str(data["position_qty"])) + fault.decimal("by"))
    return [changed]


def ws_reorder(_: Fault, frame: Frame) -> list[Outgoing]:
    return [Later(frame)]


def ws_half_frame(_: Fault, frame: Frame) -> list[Outgoing]:
    return [Half(frame)]


def ws_close(fault: Fault, _: Frame) -> list[Outgoing]:
    return [close_of(fault)]


STREAM_ACTS: Final[Mapping[str, Callable[[Fault, Frame], list[Outgoing]]]] = {
    "ws_drop_event": ws_drop_event,
    "ws_mute": ws_drop_event,
    "ws_dup": ws_dup,
    "ws_null_data": ws_null_data,
    "ws_unknown_event": ws_unknown_event,
    "ws_unknown_status": ws_unknown_status,
    "ws_no_execution_id": ws_no_execution_id,
    "ws_wrong_position": ws_wrong_position,
    "ws_reorder": ws_reorder,
    "ws_half_frame": ws_half_frame,
    "ws_close": ws_close,
}


def close_of(fault: Fault) -> Close:
    return Close(int(cast("int", fault.options.get("code", 1011))))


NEVER_PONG: Final = "ws_never_pong"
"""The one act that answers neither a request nor an event: pings stay without their pong."""
