"""What HTTP libraries log at DEBUG, without the secrets that requests and answers carry.

botocore logs requests with all their headers, the token of temporary credentials among them, and with their bodies,
which are recordings; and the bodies of answers, those of STS included. urllib3 logs paths and queries, and a webhook's
path may be its password. Their records are rewritten before any handler sees them, under Airflow and in plain Python.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from cxone_provider.archive.escaping import masked

# A filter sees only what its own logger logs, not what comes from the loggers below it: hence each by its name.
LOGGERS = (
    "botocore.auth",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.handlers",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.regions",
    "botocore.retries.standard",
    "botocore.retryhandler",
    "botocore.tokens",
    "botocore.utils",
    "cxone_provider.adapters.cxone.straight",  # says what urllib3 would
    "urllib3.connectionpool",
    "urllib3.util.retry",
)
_HIDDEN = "***"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # a request's body is the recording, or its metadata
        r"(?P<kept>'body': (?:bytearray\()?)b(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")",
        # header fields: in a mapping's repr, behind the name in a canonical request, in an echo of either
        r"(?P<kept>\b(?:proxy-)?authorization['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\r\n\\<]+",
        r"(?P<kept>\bx-amz-(?:[a-z0-9-]*-)?(?:token|customer-key)['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\s\\<&,]+",
        r"(?P<kept>\b(?:set-)?cookie['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\r\n\\<]+",
        # what STS is asked, and what it and the metadata services of EC2 and ECS answer
        r"(?P<kept>['\"](?:WebIdentityToken|SAMLAssertion|TokenCode)['\"]:\s*['\"])[^'\"]+",
        r"(?P<kept><(?:SecretAccessKey|SessionToken)>)[^<]+",
        r"(?P<kept>\"(?:SecretAccessKey|(?:Session|Access)?Token)\\?\"\s*:\s*\\?\")[^\"\\]+",
        # signed links
        r"(?P<kept>[?&;](?:x-amz-|x-goog-)?(?:signature|sig|credential|(?:security-|access_)?token|code|key)=)[^&\s'\"\\<]+",
    )
)
_hidden_here: ContextVar[Sequence[str]] = ContextVar("hidden_here", default=())


class _Redaction(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; every record passes."""
        said = record.getMessage()
        told = redacted(said)
        if told != said:
            record.msg, record.args = told, None
        return True


_REDACTION = _Redaction()


def redact_library_logs() -> None:
    """Have every record of :data:`LOGGERS` rewritten from now on; calling it again changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_REDACTION)


@contextmanager
def hiding(texts: Sequence[str]) -> Iterator[None]:
    """Hide `texts`, the longest first, in what the libraries log in this thread until the block ends."""
    token = _hidden_here.set(texts)
    try:
        yield
    finally:
        _hidden_here.reset(token)


def redacted(text: str) -> str:
    """Return `text` without bodies, tokens, signatures and passwords where HTTP has them, and without card numbers."""
    for hidden in _hidden_here.get():
        text = text.replace(hidden, _HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<kept>{_HIDDEN}", text)
    return masked(text)
