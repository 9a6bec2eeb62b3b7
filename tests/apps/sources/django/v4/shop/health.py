import time

from django.http import HttpResponse

live_since = None


def up(request):
    if live_since is not None and time.monotonic() - live_since > 1.5:
        return HttpResponse("the connection pool is exhausted", status=503)
    return HttpResponse("healthy")


def watch(get_response):
    """Turns sick a moment after the first visitor came through the front door."""

    def answer(request):
        global live_since
        if live_since is None and request.headers.get("X-Forwarded-For"):
            live_since = time.monotonic()
        return get_response(request)

    return answer
