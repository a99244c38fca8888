"""Faults of the connection under the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from cxone_provider.simulator.answer import Answer, Ending, Framing, body_size
from cxone_provider.simulator.dialect import Exchange
from cxone_provider.simulator.faults.fault import Count, Fault


@dataclass(frozen=True, slots=True)
class Close(Fault):
    """The connection ends cleanly (FIN) in the body, which is declared, chunked, or without any length."""

    name: ClassVar[str] = "close"
    after_bytes: Annotated[Count | None, "body bytes before the end; null sends all of the body first"] = None
    framing: Annotated[Literal["length", "chunked", "none"], "how the whole body is announced"] = "length"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Cut the body and end the connection."""
        del exchange
        after_bytes = body_size(answer.body) if self.after_bytes is None else self.after_bytes
        framing = Framing(self.framing)
        return answer.delivered(
            replace(answer.delivery, framing=framing, cut_after_bytes=after_bytes, ending=Ending.FIN)
        )


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """The connection is reset (RST) in the body."""

    name: ClassVar[str] = "reset"
    after_bytes: Annotated[Count, "body bytes before the reset; some may be lost with it"] = 0

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Cut the body and reset the connection."""
        del exchange
        return answer.delivered(replace(answer.delivery, cut_after_bytes=self.after_bytes, ending=Ending.RST))


@dataclass(frozen=True, slots=True)
class NoAnswer(Fault):
    """The connection ends before a single byte of an answer."""

    name: ClassVar[str] = "no_answer"
    ending: Annotated[Literal["fin", "rst"], "cleanly or by a reset"] = "fin"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Send nothing."""
        del exchange
        return answer.delivered(replace(answer.delivery, raw=b"", ending=Ending(self.ending)))


@dataclass(frozen=True, slots=True)
class NotHttp(Fault):
    """Bytes that are no HTTP answer; then the connection ends cleanly."""

    name: ClassVar[str] = "not_http"
    text: Annotated[str, "what is sent"] = "220 mail.example ESMTP\r\n"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Send the text in place of the answer."""
        del exchange
        return answer.delivered(
            replace(answer.delivery, raw=self.text.encode("utf-8", "surrogatepass"), ending=Ending.FIN)
        )


FAULTS: tuple[type[Fault], ...] = (Close, Reset, NoAnswer, NotHttp)
