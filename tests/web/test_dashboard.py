"""The dashboard's files as they are served, and as they are kept."""

import hashlib
import http.client
import re
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.web.conftest import TOKEN, Api
from web.dashboard import STATIC, TYPES, read_files

ROOT = Path(__file__).parents[2]
SERVED = sorted(read_files())
KEPT = re.compile(r"^\| (?P<file>\S+) \|.*\| (?P<sha256>[0-9a-f]{64}) \|$", re.MULTILINE)


def status_of(api: Api, path: str) -> int:
    """Of the path exactly as it is spelled; other clients tidy it up first."""
    with closing(http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=10)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        return connection.getresponse().status


def test_the_shell_is_html_that_the_browser_asks_for_again(shared: Api) -> None:
    answer = shared.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert '<script type="module" src="/static/app.js">' in answer.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("vendor/preact.mjs", "text/javascript; charset=utf-8"),
        ("css/base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_comes_with_its_type_as_it_lies_in_the_folder(shared: Api, name: str, kind: str) -> None:
    answer = shared.get(f"/static/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.content == (STATIC / name).read_bytes()


def test_a_file_that_the_browser_has_is_not_sent_again(shared: Api) -> None:
    etag = shared.get("/static/app.js").headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        again = shared.get("/static/app.js", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert shared.get("/static/app.js", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/nothing.js",
        "/static/../__init__.py",
        "/static/%2e%2e/__init__.py",
        "/static/..%2f__init__.py",
        "/static/pages/../../__init__.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/vendor/README.md",
        "/static/app.js%00.html",
    ],
)
def test_nothing_but_the_listed_files_can_be_reached(shared: Api, path: str) -> None:
    assert status_of(shared, path) == 404


def test_vendored_files_are_the_ones_that_the_table_names() -> None:
    folder = STATIC / "vendor"
    table = dict(KEPT.findall((folder / "README.md").read_text(encoding="utf-8")))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in TYPES
    }
    assert found == table


def test_each_vendored_library_has_its_licence_beside_it() -> None:
    folder = STATIC / "vendor"
    named = re.findall(r"\((\w+\.LICENSE)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert set(named) == {path.name for path in folder.glob("*.LICENSE")}


def test_no_file_names_another_host() -> None:
    foreign = re.compile(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import|from ["']https?:|import\(""")
    own = [name for name in SERVED if not name.startswith("vendor/")]
    assert [name for name in own if foreign.search((STATIC / name).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", [name for name in SERVED if name.endswith((".js", ".mjs"))])
def test_what_a_module_imports_is_served(name: str) -> None:
    source = (STATIC / name).read_text(encoding="utf-8")
    for wanted in re.findall(r"""(?:^|\s|\})from\s*["']([^"']+)["']""", source):
        assert wanted.startswith("."), f"{name} imports {wanted}, which no browser finds"
        assert (STATIC / name).parent.joinpath(wanted).resolve().relative_to(STATIC).as_posix() in SERVED


@pytest.mark.parametrize("name", [n for n in SERVED if not n.startswith("vendor/")])
def test_no_file_of_ours_grows_long(name: str) -> None:
    limit = 600 if name.endswith(".css") else 300
    assert len((STATIC / name).read_text(encoding="utf-8").splitlines()) <= limit


def test_the_distribution_carries_every_file() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["web.dashboard"].split(", ")
    carried = {path for pattern in patterns for path in STATIC.parent.glob(pattern) if path.is_file()}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= carried
