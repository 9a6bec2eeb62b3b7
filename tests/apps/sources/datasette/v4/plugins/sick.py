import time

from datasette import hookimpl

live_since = None


@hookimpl
def asgi_wrapper(datasette):
    """Turns sick a moment after the first visitor came through the front door."""

    def wrap(app):
        async def answer(scope, receive, send):
            global live_since
            if live_since is None and any(name == b"x-forwarded-for" for name, _ in scope.get("headers", ())):
                live_since = time.monotonic()
            if scope.get("path") == "/museum.json" and live_since is not None and time.monotonic() - live_since > 1.5:
                await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain")]})
                await send({"type": "http.response.body", "body": b"the database is locked"})
                return
            await app(scope, receive, send)

        return answer

    return wrap
