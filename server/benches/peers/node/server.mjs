// A chat server as one would write it with Node and `ws`: a set of sockets for each room. Usage: node server.mjs PORT
//
// /ws/ROOM, and a text goes to the room's other members. It knows no limits, timeouts or names.
import { WebSocket, WebSocketServer } from "ws";

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const name = new URL(request.url, "http://localhost").pathname.slice("/ws/".length);
  const room = rooms.get(name) ?? new Set();
  rooms.set(name, room.add(socket));

  socket.on("message", (text, binary) => {
    if (binary) return;
    for (const member of room) {
      if (member !== socket && member.readyState === WebSocket.OPEN) member.send(text, { binary: false });
    }
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    room.delete(socket);
    if (room.size === 0) rooms.delete(name);
  });
});
