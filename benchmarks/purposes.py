"""What processor time is spent for, told from the functions on a stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.equipment import ROOT
from benchmarks.stacks import Stack, Stacks

REST = "other"
_PACKAGE = ROOT / "provider" / "cxone_provider"


@dataclass(frozen=True, slots=True)
class Rule:
    """A purpose, and the functions by which it is known.

    Attributes:
        purpose: what it is called.
        files: beginnings of their files.
        functions: their names; empty for all.
        is_last: only where no other function was called from it.
    """

    purpose: str
    files: tuple[str, ...]
    functions: frozenset[str] = frozenset()
    is_last: bool = False

    def fits(self, stack: Stack) -> bool:
        """Tell whether a stack is of this purpose."""
        frames = stack[-1:] if self.is_last else stack
        return any(
            frame.file.startswith(self.files) and (not self.functions or frame.function in self.functions)
            for frame in frames
        )


_WAITING = ("threading.py", "concurrent/", "queue.py", "archive/slots.py", "archive/ordering.py", "archive/pooling.py")
_TENANT = ("adapters/cxone/", "urllib3/", "requests/", "http/", "email/")
_EVIDENCE = (
    "archive/audit.py", "archive/trail.py", "archive/manifest.py", "archive/evidence.py", "archive/ending.py", "json/",
    "pendulum/",
)  # fmt: skip
# The first that fits: what is narrow comes first.
RULES = (
    Rule("the S3 client is made, once a task", ("benchmarks/clients.py",), frozenset({"_s3"})),
    Rule("the S3 client is made, once a task", ("adapters/s3/direct.py",), frozenset({"_found_line"})),
    Rule("audio walked", ("archive/audio/",)),
    Rule("HMAC of each chunk", ("archive/integrity.py",), frozenset({"verify_chunk", "chunk_signature"})),
    Rule("SHA-256 of the whole", ("archive/integrity.py",), is_last=True),
    Rule("SHA-256 of each chunk", ("archive/reading.py",), frozenset({"chunk_of"}), is_last=True),
    Rule("store: bytes sent", ("adapters/s3/connections.py",), frozenset({"write"})),
    Rule("store: answers read", ("adapters/s3/answering.py", "adapters/s3/connections.py")),
    Rule("store: requests built and signed", ("adapters/s3/", "botocore/", "boto3/")),
    Rule("tenant: media received", ("adapters/cxone/media.py",), frozenset({"slices", "_pour"})),
    Rule("tenant: requests and heads", _TENANT),
    Rule("buffers made", ("archive/slots.py",), frozenset({"_made"})),
    Rule("threads and locks", _WAITING, is_last=True),
    Rule("audit trail, manifest, JSON, times", _EVIDENCE),
    Rule("the pipeline's own steps", ("archive/", "adapters/", "benchmarks/")),
)
PURPOSES = (*dict.fromkeys(rule.purpose for rule in RULES), REST)


def check_rules() -> None:
    """Refuse to sort by files of this package that are no longer there."""
    for rule in RULES:
        for file in rule.files:
            if file.startswith(("archive/", "adapters/")) and not (_PACKAGE / file).exists():
                raise SystemExit(f"{rule.purpose!r} is known by {file}, which is not there")


def purpose_of(stack: Stack) -> str:
    """Return what a stack's time was spent for."""
    return next((rule.purpose for rule in RULES if rule.fits(stack)), REST)


def shares_of(stacks: Stacks) -> Mapping[str, float]:
    """Return each purpose's share of the samples, in the rules' order; those without one are left out."""
    counted: Counter[str] = Counter()
    for stack, count in stacks.items():
        counted[purpose_of(stack)] += count
    return {name: counted[name] / stacks.total() for name in PURPOSES if counted[name]}
