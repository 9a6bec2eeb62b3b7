def healthy() -> dict[str, str]:
    return {"state": "healthy"}


async def watch(request, call_next):
    return await call_next(request)
