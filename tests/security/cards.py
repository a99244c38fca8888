"""Numbers as payment cards have them; none is a card's."""

from __future__ import annotations

from hypothesis import strategies as st


def luhn_digit(digits: str) -> str:
    """Return the digit that makes `digits` pass the Luhn check."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _grouped(digits: str) -> list[str]:
    groups = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4), 19: (4, 4, 4, 4, 3)}.get(len(digits))
    if groups is None:
        return [digits]
    ends = [sum(groups[: number + 1]) for number in range(len(groups))]
    words = [digits[end - size : end] for end, size in zip(ends, groups, strict=True)]
    return [digits, " ".join(words), "-".join(words)]


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    """Draw 13 to 19 digits that pass the Luhn check, in one run or grouped as they are printed."""
    size = draw(st.integers(12, 18))
    digits = "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=size, max_size=size)))
    return draw(st.sampled_from(_grouped(digits + luhn_digit(digits))))
