"""A small API: what it has in stock, a slow answer, an upload, a stream and a WebSocket."""

import asyncio

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from health import healthy, watch
from version import VERSION

app = FastAPI(title="Stock")
app.middleware("http")(watch)


@app.get("/")
async def stock() -> dict[str, object]:
    return {"says": f"version {VERSION}", "stock": {"chair": 3, "table": 1}}


@app.get("/up")
async def up():
    return healthy()


@app.get("/slow")
async def slow(seconds: float = 5.0) -> dict[str, str]:
    await asyncio.sleep(seconds)
    return {"says": f"version {VERSION}"}


@app.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@app.get("/stream")
async def stream(chunks: int = 20, seconds: float = 2.0) -> StreamingResponse:
    async def lines():
        for number in range(chunks):
            await asyncio.sleep(seconds / chunks)
            yield f"{number} version {VERSION}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.websocket("/ws")
async def echo(link: WebSocket) -> None:
    await link.accept()
    async for text in link.iter_text():
        await link.send_text(f"version {VERSION}: {text}")
