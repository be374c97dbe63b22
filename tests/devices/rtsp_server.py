"""A network camera in a few lines: one H.264 stream over RTSP, with RTP packets inside the TCP connection."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np

FPS = 25
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"
)
_ANSWERS = {
    "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
}


class RtspCamera:
    """Sends noise of 160 x 120 px to whoever plays `address`; a context manager. `hang_up` cuts all connections."""

    def __init__(self) -> None:
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", 0))
        self._packets.settimeout(0.1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.address = f"rtsp://me:secret@127.0.0.1:{self._listener.getsockname()[1]}/live"
        self._players: list[socket.socket] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._film, self._relay, self._listen)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.hang_up()
        for thread in self._threads:
            thread.join()
        self._packets.close()
        self._listener.close()

    def hang_up(self) -> None:
        for player in self._players[:]:
            with suppress(OSError):
                player.shutdown(socket.SHUT_RDWR)
        self._players.clear()

    def _film(self) -> None:
        options = {"tune": "zerolatency", "preset": "ultrafast", "g": "5", "threads": "1"}
        with av.open(f"rtp://127.0.0.1:{self._packets.getsockname()[1]}", "w", format="rtp") as out:
            stream = out.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            rng, begun = np.random.default_rng(0), time.monotonic()
            count = 0
            while not self._over.is_set():
                noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
                frame.pts, frame.time_base = count, Fraction(1, FPS)
                for packet in stream.encode(frame):
                    out.mux(packet)
                count += 1
                self._over.wait(max(0.0, begun + count / FPS - time.monotonic()))

    def _relay(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                data = self._packets.recv(65536)
                for player in self._players[:]:
                    try:
                        player.sendall(b"$\0" + len(data).to_bytes(2, "big") + data)
                    except OSError:
                        self._players.remove(player)

    def _listen(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(10.0)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests, suppress(OSError):
            while (method := self._answer(connection, requests)) not in ("", "TEARDOWN"):
                if method == "PLAY":
                    connection.settimeout(None)
                    self._players.append(connection)

    def _answer(self, connection: socket.socket, requests: BinaryIO) -> str:
        """Answer one request; its method, '' at the end."""
        line = requests.readline()
        if not line or line[:1] == b"$":
            return ""
        number = ""
        while header := requests.readline().strip():
            name, _, value = header.decode().partition(":")
            number = value.strip() if name.lower() == "cseq" else number
        method = line.split()[0].decode()
        body = _SDP if method == "DESCRIBE" else ""
        head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{_ANSWERS.get(method, '')}\r\n"
        connection.sendall((head + body).encode())
        return method
