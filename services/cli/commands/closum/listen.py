"""`flows closum listen`: an address for Closum's webhooks; what comes is shown and compared with what is assumed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from cyclopts import Parameter

from services.cli.commands.closum import command
from services.cli.commands.closum.writing import apply_to_file
from services.cli.terminal import AnyPort, CommandError, Limit, Seconds

Flag = Annotated[bool, Parameter(negative="")]
LARGEST = 1024 * 1024
LONGEST_SHOWN = 4000


@command.command(name="listen")
def listen_to_webhooks(
    *,
    trigger: str | None = None,
    port: AnyPort = 8095,
    host: str = "127.0.0.1",
    requests: Limit | None = None,
    seconds: Seconds | None = None,
    apply: Flag = False,
) -> int:
    """Show what Closum's webhooks send, and how it differs from what is assumed of them, while you set them off there.

    Give Closum the address that is printed, through your proxy or a tunnel of your own. Ctrl-C ends it. Requests are
    answered 200 and go nowhere else. Exit code 1 when nothing came, or something could not be read.

    Parameters
    ----------
    trigger:
        Which trigger the webhook is of, such as closum.sms.status_updated. Without it the likeliest is taken.
    port:
        The port to listen on; 0 takes a free one.
    host:
        The address to listen on.
    requests:
        End after so many.
    seconds:
        End after so long.
    apply:
        Write what differs into closum.yaml, at the end.
    """
    from services.closum.facts import WEBHOOKS  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_facts import facts  # noqa: PLC0415
    from services.project.closum_listen import Heard, heard, likeliest  # noqa: PLC0415
    from services.runtime.documents.suggestion import suggestion  # noqa: PLC0415

    if trigger is not None and trigger not in WEBHOOKS:
        raise CommandError(f"there is no webhook trigger {trigger!r}; {suggestion(trigger, WEBHOOKS)}")
    known = facts().webhooks
    came: dict[str, list[Any]] = {}
    found: dict[str, Heard] = {}

    def take(body: Any) -> None:  # noqa: ANN401 - JSON
        name = trigger or likeliest([body])
        came.setdefault(name, []).append(body)
        found[name] = heard(came[name], name, known)
        _tell(found[name], body)

    try:
        asyncio.run(_listen(host, port, requests, seconds, take))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    if not came:
        print("Nothing came.")
        return 1
    now = datetime.now(UTC).date().isoformat()
    rows = {
        name: {"basis": "confirmed", "by": "flows closum listen", "on": now, **one.override}
        for name, one in found.items()
        if one.fits
    }
    if apply:
        apply_to_file({"webhooks": rows} if rows else {})
    return 0 if all(one.fits for one in found.values()) else 1


def _tell(one: Any, body: Any) -> None:  # noqa: ANN401 - Heard, and JSON
    print(json.dumps(body, ensure_ascii=False, indent=2)[:LONGEST_SHOWN])
    if not one.fits:
        print(f"{one.trigger}: CANNOT BE READ: {one.why}. What was guessed: {json.dumps(one.override)}", flush=True)
        return
    how = (
        f"differs; the override that mends it: {json.dumps(one.override, ensure_ascii=False)}"
        if one.override
        else ("confirmed: as it is known")
    )
    print(f"{one.trigger}: {how}")
    print(f"  a flow sees {json.dumps(one.read, ensure_ascii=False)}")
    if one.missing:
        print(f"  not in it: {', '.join(one.missing)}", flush=True)


async def _listen(host: str, port: int, requests: int | None, seconds: float | None, take: Any) -> None:  # noqa: ANN401 - a function
    from aiohttp import web  # noqa: PLC0415 - heavy, and only needed here

    path = f"/{secrets.token_urlsafe(18)}"
    done = asyncio.Event()
    count = 0

    async def handle(request: web.BaseRequest) -> web.Response:
        nonlocal count
        if request.path != path:
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(text="listening")
        raw = await request.content.read(LARGEST + 1)
        if len(raw) > LARGEST:
            return web.Response(status=413)
        names = ", ".join(sorted({name.lower() for name in request.headers}))  # a value may be a secret
        print(f"\n{request.method} {request.content_type}, {len(raw)} bytes; headers: {names}")
        body = _parsed(request.content_type, raw)
        if body is None:
            print("This is neither JSON nor a form.", flush=True)
        else:
            take(body)
        count += 1
        if requests is not None and count >= requests:
            done.set()
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(handle, access_log=None), handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        real = runner.addresses[0][1]
        print(f"Listening: http://{host}:{real}{path}", flush=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()
    finally:
        await runner.cleanup()


def _parsed(kind: str, raw: bytes) -> Any:  # noqa: ANN401 - JSON
    from services.runtime.documents import forms  # noqa: PLC0415

    with contextlib.suppress(orjson.JSONDecodeError):  # whatever its sender calls it
        found = orjson.loads(raw)
        return found if isinstance(found, dict | list) and found else None
    if kind in {forms.URLENCODED, forms.MULTIPART}:
        with contextlib.suppress(forms.FormError):
            return forms.parse(raw, kind)
    return None
