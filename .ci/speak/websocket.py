"""A WebSocket client in one page (RFC 6455), so that the runner needs nothing but Python. Blocking; text only."""

import base64
import os
import socket
import struct


class WebSocket:
    """One connection. `patience` is in seconds, and bounds every wait."""

    def __init__(self, host, port, path, patience):
        self.socket = socket.create_connection((host, port), patience)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            self._receive()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(head.decode(errors="replace").splitlines()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self._send_frame(1, text.encode())

    def texts(self):
        """The texts that come, until the connection ends or has been silent for too long."""
        message = b""
        while True:
            try:
                final, opcode, payload = self._frame()
            except OSError:
                return
            match opcode:
                case 0 | 1:
                    message += payload
                    if final:
                        text, message = message.decode(), b""
                        yield text
                case 8:
                    return
                case 9:
                    self._send_frame(10, payload)

    def _send_frame(self, opcode, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length) if length > 0xFFFF else \
                struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def _frame(self):
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        return bool(first & 0x80), first & 0x0F, self._take(length)

    def _take(self, count):
        while len(self.buffer) < count:
            self._receive()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the connection ended")
        self.buffer += received
