"""The protocol of /stream, frame by frame."""

import pytest
import websocket

from simulator.server import Simulator
from tests.simulator.conftest import Api, Connect, Ear, Start

AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
OLD_FORM = {"action": "authenticate", "data": {"key_id": "simulator", "secret_key": "simulator"}}
NEW_FORM = {"action": "auth", "key": "simulator", "secret": "simulator"}


@pytest.fixture
def stranger(simulator: Simulator, connect: Connect) -> Ear:
    return connect(simulator, listen=False)


@pytest.mark.parametrize("form", [OLD_FORM, NEW_FORM])
def test_both_forms_of_authentication_are_taken(stranger: Ear, form: dict[str, object]) -> None:
    assert stranger.ask(form) == AUTHORIZED


def test_a_wrong_key_is_told_and_may_try_again(stranger: Ear) -> None:
    assert stranger.ask({**NEW_FORM, "secret": "wrong"}) == {
        "stream": "authorization",
        "data": {
            "action": "authenticate",
            "message": "access key verification failed",
            "status": "unauthorized",
        },
    }
    assert stranger.ask(NEW_FORM) == AUTHORIZED


def test_listening_before_authentication_is_refused(stranger: Ear) -> None:
    answer = {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
    assert stranger.ask(LISTEN) == answer


def test_a_new_list_of_streams_replaces_the_old(api: Api, stranger: Ear) -> None:
    stranger.ask(NEW_FORM)
    wanted = {"action": "listen", "data": {"streams": ["trade_updates", "account_updates"]}}
    assert stranger.ask(wanted)["data"] == {"streams": ["trade_updates"]}
    assert api.get("/_sim/state")["streams"] == 1
    assert stranger.ask({"action": "listen", "data": {"streams": []}})["data"] == {"streams": []}
    api.order(symbol="RESTS")
    assert stranger.ask(LISTEN)["stream"] == "listening"


def test_frames_are_binary_by_default_and_text_by_switch(api: Api, ear: Ear) -> None:
    api.order(symbol="RESTS")
    assert ear.socket.recv_data()[0] == websocket.ABNF.OPCODE_BINARY
    ear.until("new")
    api.sim("switches", {"binary_frames": False})
    api.order(symbol="RESTS")
    assert ear.socket.recv_data()[0] == websocket.ABNF.OPCODE_TEXT


def test_a_ping_is_answered_with_its_own_words(ear: Ear) -> None:
    ear.socket.ping("are you there")
    assert ear.socket.recv_data_frame(control_frame=True)[1].data == b"are you there"


def test_nonsense_is_passed_over(stranger: Ear) -> None:
    for nonsense in ("{", "[]", '"listen"', '{"action": "dance"}'):
        stranger.socket.send(nonsense)
    assert stranger.ask(NEW_FORM) == AUTHORIZED


def test_all_listeners_hear_the_same(simulator: Simulator, api: Api, ear: Ear, connect: Connect) -> None:
    other = connect(simulator)
    api.order()
    assert ear.until("fill") == other.until("fill")


def test_who_does_not_authenticate_in_time_is_closed(start: Start, connect: Connect) -> None:
    ear = connect(start(stream_auth_deadline_s=0.01), listen=False)
    opcode, data = ear.socket.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1008).to_bytes(2, "big"))
