"""aiohttp's reader of answers, for destinations that send more than they say.

aiohttp gives all bytes that came at once to its parser, and where some of them are wrong, the answer before them is
lost: of a 204 with a body (RFC 9110, 15.3.5: it has none), or of a body that is longer than its Content-Length. The
call is answered all the same; what comes behind the answer is nobody's, and ends the connection.
"""

from __future__ import annotations

from typing import Any

from aiohttp.client_proto import ResponseHandler

END = b"\r\n\r\n"
FIRST_FINAL_STATUS = 200
SWITCHING = 101


class AnswerProtocol(ResponseHandler):
    """Gives the parser the head of an answer by itself."""

    _in_head = False
    _last = b""

    def set_response_params(self, **params: Any) -> None:  # noqa: ANN401 - aiohttp's own
        """A request leaves: a head comes next."""
        self._in_head, self._last = True, b""
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        while self._in_head and data and self._exception is None:
            seen = self._last + data
            end = seen.find(END)
            if end < 0:
                self._last = seen[1 - len(END) :]
                break
            cut = end + len(END) - len(self._last)
            self._last = b""
            super().data_received(data[:cut])
            data = data[cut:]
            # Those before the answer itself (RFC 9110, 15.2) have heads of their own.
            status = self._buffer[-1][0][0].code if self._buffer else FIRST_FINAL_STATUS
            self._in_head = status < FIRST_FINAL_STATUS and status != SWITCHING
            if not data:
                return
        if not self._in_head and data and (self._payload is None or self._payload.is_eof()):
            self._should_close = True  # it is behind the answer, or nobody asked for it
        if self._exception is None:
            super().data_received(data)
