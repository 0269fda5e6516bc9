"""What the owner may write, what is refused in one sentence, and that real money needs its mode."""

import os
from pathlib import Path

import pytest

from settings import ConfigurationError, load

LIVE_URL = "https://api.alpaca.markets"
PAPER_URL = "https://paper-api.alpaca.markets"
LOOPBACK = "http://127.0.0.1:8788"
ELSEWHERE = "https://broker.example"


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the tester's own configuration counts; this `.env` is not there yet."""
    for name in list(os.environ):
        if name.upper().startswith(("STARFILL_", "APCA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "beside" / ".env"
    path.parent.mkdir()
    monkeypatch.setattr("settings.ENV_FILE", path)
    monkeypatch.setattr("settings.HOME", path.parent)
    return path


def refusal(**flags: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(**flags)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


@pytest.mark.parametrize("mode", [None, "paper", "simulator"])
@pytest.mark.parametrize("key", ["AKREAL", "PKPLAY", "other"])
@pytest.mark.parametrize(
    "url",
    [LIVE_URL, "https://API.Alpaca.Markets", LIVE_URL + ".", LIVE_URL + ":443/", LIVE_URL + ".:443/v2"],
)
def test_the_live_host_is_reached_in_live_mode_only(mode: str | None, key: str, url: str) -> None:
    assert "STARFILL_MODE=live" in refusal(mode=mode, key_id=key, secret_key="s", broker_url=url)


@pytest.mark.parametrize(
    ("mode", "key", "url"),
    [
        (None, "AKREAL", None),
        ("paper", "AKREAL", PAPER_URL),
        ("paper", "AKREAL", ELSEWHERE),
        ("simulator", "AKREAL", ELSEWHERE),
        ("live", "PKPLAY", None),
        ("live", "PKPLAY", ""),
        ("live", "PKPLAY", LIVE_URL),
        ("live", "PKPLAY", ELSEWHERE),
        ("live", "AKREAL", PAPER_URL),
        ("live", "AKREAL", "https://PAPER-api.alpaca.markets./"),
    ],
)
def test_a_key_or_address_of_the_other_mode_is_refused(mode: str | None, key: str, url: str | None) -> None:
    assert "live" in refusal(mode=mode, key_id=key, secret_key="s", broker_url=url)


@pytest.mark.parametrize(
    ("mode", "key", "url"),
    [
        ("live", "AKREAL", LIVE_URL),
        ("live", "AKREAL", None),
        ("live", "PKPLAY", LOOPBACK),
        ("live", "AKREAL", ELSEWHERE),
        ("paper", "PKPLAY", ELSEWHERE),
        ("paper", "AKREAL", LOOPBACK),
        (None, "PKPLAY", PAPER_URL),
        ("simulator", "AKREAL", None),
    ],
)
def test_what_fits_together_is_taken(mode: str | None, key: str, url: str | None) -> None:
    settings = load(mode=mode, key_id=key, secret_key="s", broker_url=url)
    assert settings.mode == (mode or "paper")
    assert url is None or settings.broker_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:x",
        "http://127.0.0.1:65536",
        "https://api.alpaca.markets\\@127.0.0.1",
        "https://me@api.alpaca.markets",
        "https://api.alpaca\uff0emarkets",
        "https://api.alpaca%2Emarkets",
        "https://api.alpaca\t.markets",
        "https://",
        "ftp://x",
    ],
)
@pytest.mark.parametrize("name", ["broker_url", "data_url"])
def test_an_address_that_can_be_misread_is_refused(name: str, url: str) -> None:
    assert f"STARFILL_{name.upper()} is not" in refusal(**{name: url})


@pytest.mark.parametrize("wrong", ["with space", "line\n", "tab\t", "nul\0", "ümlaut", "\udcff"])
def test_a_key_with_a_character_that_no_key_has_is_refused_and_not_shown(wrong: str) -> None:
    for name in ("key_id", "secret_key"):
        given = {"key_id": "PKPLAY", "secret_key": "s", name: wrong}
        text = refusal(**given)
        assert "KEY" in text
        assert wrong not in text


@pytest.mark.parametrize("path", ["~nosuchuser/x", "a\0b"])
def test_a_path_that_cannot_be_resolved_is_refused(path: str) -> None:
    assert "STARFILL_STATE_DIR" in refusal(state_dir=path)
    assert "STARFILL_DATABASE" in refusal(database=f"sqlite:///{path}")


@pytest.mark.parametrize("http", ["127.0.0.1:65536", "127.0.0.1:" + "9" * 5000, "127.0.0.1:x"])
def test_a_port_that_is_none_is_refused(http: str) -> None:
    assert "HOST:PORT" in refusal(http=http)


def test_the_env_file_beside_the_program_counts_and_the_current_folders_does_not(
    env_file: Path, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("STARFILL_LANES=2\nSTARFILL_HTTP=127.0.0.1:1\n")
    env_file.write_text("STARFILL_LANES=3\n")
    settings = load()
    assert (settings.lanes, settings.http_port) == (3, 8787)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
@pytest.mark.parametrize("line", ["APCA_API_SECRET_KEY=top", "export APCA_API_SECRET_KEY=top"])
def test_a_secret_that_others_can_read_is_refused(env_file: Path, mode: int, line: str) -> None:
    env_file.write_text(f"APCA_API_KEY_ID=PKPLAY\n{line}\n")
    env_file.chmod(mode)
    text = refusal()
    assert f"chmod 600 {env_file}" in text
    assert "top" not in text.replace(str(env_file), "")
    env_file.chmod(0o600)
    assert load().mode == "paper"


def test_an_env_file_without_a_secret_may_be_read_by_others(env_file: Path) -> None:
    env_file.write_text("STARFILL_LANES=3\n# APCA_API_SECRET_KEY= goes into the environment\n")
    env_file.chmod(0o644)
    assert load().lanes == 3


def test_an_env_file_that_is_not_utf_8_is_refused(env_file: Path) -> None:
    env_file.write_bytes(b"STARFILL_LANES=\xff\n")
    assert "UTF-8" in refusal()


def test_an_env_file_that_cannot_be_read_is_refused(env_file: Path) -> None:
    env_file.mkdir()  # root, too, cannot read a folder
    assert "cannot be read" in refusal()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/ledger.db", Path("/var/lib/ledger.db")),
        ("sqlite:///var/ledger.db", Path("var/ledger.db")),
    ],
)
def test_a_database_url_names_an_absolute_path(url: str, path: Path) -> None:
    assert load(database=url).database == path.resolve()


@pytest.mark.parametrize("url", ["postgresql://localhost/starfill", "sqlite://", "sqlite:///", "mysql://x"])
def test_a_database_we_do_not_speak_is_refused(url: str) -> None:
    assert "STARFILL_DATABASE" in refusal(database=url)


def test_a_proxys_name_and_address_are_taken_as_they_are_meant() -> None:
    settings = load(
        mode="simulator", public_host="Bot.Example.com", trusted_proxies="127.0.0.1, ::1,10.0.0.0/8"
    )
    assert settings.public_host == "bot.example.com"
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "::1/128", "10.0.0.0/8"]
    assert settings.tradingview_addresses is None
    told = load(mode="simulator", tradingview_addresses="52.89.214.238", public_host="bot.example.com:8443")
    assert told.public_host == "bot.example.com:8443"
    assert [str(each) for each in told.tradingview_addresses or ()] == ["52.89.214.238/32"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_host", "https://bot.example.com"),
        ("public_host", "bot.example.com/hooks"),
        ("public_host", "bot example"),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "0.0.0.0/0"),
        ("tradingview_addresses", "52.89.214.238;34.212.75.30"),
        ("tradingview_addresses", "::/0"),
        ("signals_per_minute", "0"),
        ("signals_per_minute", "many"),
    ],
)
def test_a_setting_of_sources_that_cannot_be_meant_is_refused(name: str, value: str) -> None:
    assert f"STARFILL_{name.upper()}" in refusal(mode="simulator", **{name: value})


# --- alarms ------------------------------------------------------------------------------------------


def test_alarm_addresses_are_told_apart_by_their_schemes() -> None:
    urls = "tgram://1:a/2,3, mailto://a:b@c.example?to=d@e.example,f@g.example\njson://127.0.0.1"
    told = load(alarm_urls=urls).alarms
    assert [url.get_secret_value() for url in told.urls] == [
        "tgram://1:a/2,3",
        "mailto://a:b@c.example?to=d@e.example,f@g.example",
        "json://127.0.0.1",
    ]


def test_without_an_address_nobody_is_told() -> None:
    assert (load().alarms.urls, load(deadman_url="").alarms.deadman_url) == ((), None)


def test_an_address_is_in_no_repr() -> None:
    told = load(alarm_urls="tgram://c4nary/1", deadman_url="https://hc-ping.com/c4nary")
    assert "c4nary" not in repr(told)


@pytest.mark.parametrize("url", ["hc-ping.com/c4nary", "ftp://hc-ping.com/c4nary", "https://"])
def test_the_sign_of_life_needs_an_http_address(url: str) -> None:
    told = refusal(deadman_url=url)
    assert told.startswith("STARFILL_DEADMAN_URL is not an http(s) address")
    assert "c4nary" not in told


@pytest.mark.parametrize("name", ["STARFILL_ALARM_URLS", "STARFILL_DEADMAN_URL", "APCA_API_SECRET_KEY"])
def test_a_file_with_secrets_must_not_be_readable_by_others(env_file: Path, name: str) -> None:
    env_file.write_text(f"{name}=https://x.example/c4nary\n")
    env_file.chmod(0o644)
    assert "holds secrets" in refusal()
