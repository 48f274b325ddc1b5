"""A chat server as one would write it with FastAPI: a set of sockets for each room. Run it by uvicorn.

/ws/ROOM, and a text goes to the room's other members. It knows no limits, timeouts or names.
"""

from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


@app.websocket("/ws/{room}")
async def chat(socket: WebSocket, room: str) -> None:
    await socket.accept()
    rooms[room].add(socket)
    try:
        while True:
            text = await socket.receive_text()
            for member in list(rooms[room]):
                if member is not socket:
                    await member.send_text(text)
    except WebSocketDisconnect:
        pass
    finally:
        rooms[room].discard(socket)
        if not rooms[room]:
            del rooms[room]
