"""`/docs`: the API's description as one page without scripts, and `/openapi.json` for tools.

The usual documentation pages load their scripts from a third party; a page of a program that trades
real money loads nothing from anywhere.
"""

import base64
import hashlib
from html import escape
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "code,pre{font-family:ui-monospace,monospace}h2{margin-top:2em}"
    "td,th{text-align:left;vertical-align:top;padding:.15em 1.5em .15em 0}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


SAMPLES: Final = {
    "signal_id": "news-1",
    "trade_id": "1",
    "symbol": "ACME",
    "path_token": "TOKEN-OF-THE-SOURCE",
}
"""What stands in an example for a part of the path."""
BODIES: Final = {
    ("post", "/api/signals"): (
        '{"signal_id": "news-1", "symbol": "ACME", "catalyst_tier": 3, "ai_confidence": "high", "ttl_s": 300,'
        """ "source": "docs", "issued_at": "'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}"""
    ),
    ("post", "/api/halt"): '{"scope": "ACME", "reason": "a drill"}',
    ("post", "/api/resume"): '{"scope": "ACME", "reason": "the drill is over"}',
    ("post", "/api/positions/ACME/close"): '{"reason": "by hand"}',
    ("post", "/api/flatten"): '{"reason": "by hand"}',
    ("put", "/api/config"): '{"max_orders_per_day": 100}',
    ("post", "/api/session"): """{"token": "'"$(cat var/token)"'"}""",
    ("post", "/api/session/arm"): '{"account_number": "as the broker writes it"}',
}
"""What an example sends."""


def docs_routes(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @router.get("/docs")
    def docs(request: Request) -> HTMLResponse:
        page = page_for(app.openapi(), str(request.base_url).rstrip("/"))
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    return router


def page_for(schema: dict[str, Any], url: str) -> str:
    """The page for an OpenAPI description of the API at this address."""
    info = schema["info"]
    operations = [
        _operation(path, method, operation) + f"<pre>{escape(example(url, method, path))}</pre>"
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>"
        f"<style>{STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p><p>For tools: <code>/openapi.json</code></p>"
        + "".join(operations)
    )


def example(url: str, method: str, path: str) -> str:
    """The operation as it can be pasted into a shell, in the folder that has the state folder `var` in it."""
    for name, value in SAMPLES.items():
        path = path.replace("{" + name + "}", value)
    body = BODIES.get((method, path))
    parts = [f"curl -s {url}{path}"] if method == "get" else [f"curl -s -X {method.upper()} {url}{path}"]
    if path != "/livez":
        parts.append('-H "Authorization: Bearer $(cat var/token)"')
    if body is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}"
    ]
    parts.append(f"<p>{escape(operation['description'])}" if "description" in operation else "")
    parameters = [
        (each["name"], _kind(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", ())
    ]
    parts.append(_table("Parameters", parameters))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parts.append(_table("Body", _fields(body)) if body else "")
    parts.append(
        _table("Answers", [(code, "", each["description"]) for code, each in operation["responses"].items()])
    )
    return "".join(parts)


def _fields(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    required = body.get("required", ())
    return [
        (name, _kind(field), _said_of(field, required=name in required))
        for name, field in body.get("properties", {}).items()
    ]


def _said_of(field: dict[str, Any], *, required: bool) -> str:
    if "description" in field:
        return str(field["description"])
    return "required" if required else f"default {field.get('default')!r}"


def _kind(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(each) for each in field["anyOf"]))
    if "enum" in field:
        return " | ".join(str(each) for each in field["enum"])
    kind = str(field.get("format") or field.get("type") or field.get("$ref", "").rpartition("/")[2])
    return kind + (f" {field['pattern']}" if "pattern" in field else "")


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(text)}"
        for name, kind, text in rows
    )
    return f"<h3>{title}</h3><table>{lines}</table>"
