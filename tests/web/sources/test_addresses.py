from ipaddress import ip_address, ip_network

import pytest

from web.sources.addresses import is_among, sender_of

PROXY = (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        # Without a proxy of ours, whatever is forwarded is the sender's own invention.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["52.89.214.238"], "203.0.113.9"),
        ("127.0.0.2", ["52.89.214.238"], "127.0.0.2"),
        # With one, the entry that it wrote itself counts: the last.
        ("127.0.0.1", ["52.89.214.238"], "52.89.214.238"),
        ("127.0.0.1", ["52.89.214.238, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["52.89.214.238", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", [" 203.0.113.9 ,10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["::ffff:52.89.214.238"], "52.89.214.238"),
        ("::ffff:127.0.0.1", ["52.89.214.238"], "52.89.214.238"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        # What is no address leaves nobody to be believed.
        ("127.0.0.1", ["52.89.214.238, unknown"], None),
        ("127.0.0.1", ["52.89.214.238,"], None),
        ("127.0.0.1", ["52.89.214.238:443"], None),
        ("127.0.0.1", ["052.089.214.238"], None),
        ("", ["52.89.214.238"], None),
        # A list without end is read from its end, so far and no further.
        ("127.0.0.1", [",".join(["52.89.214.238"] + ["10.0.0.1"] * 1000)], "10.0.0.1"),
    ],
)
def test_the_sender_is_whom_the_last_proxy_that_is_believed_saw(
    peer: str, forwarded: list[str], sender: str | None
) -> None:
    assert sender_of(peer, forwarded, PROXY) == (ip_address(sender) if sender else None)


def test_an_address_is_among_networks_of_its_own_kind() -> None:
    assert is_among(ip_address("10.255.0.1"), PROXY)
    assert not is_among(ip_address("11.0.0.1"), PROXY)
    assert not is_among(ip_address("::1"), PROXY)
