"""Recognises a model that declines to answer."""

from __future__ import annotations

import re

_VERBS = (
    r"(?:help|assist|identify|determine|analy[sz]e|provide|comply|tell|recogni[sz]e|infer|judge|assess|evaluate|answer|"
    r"describe|make|guess|process|do|say|detect|estimate|give|interpret|classify|comment|engage|fulfil|fulfill|offer|"
    r"rate|label|perform|continue|support|discuss|share|speculate|characteri[sz]e|read|respond|complete|participate|"
    r"view the|view this|view images?|view any|see the image|see this image|see any image|see images|see an image)"
)
_REFUSAL = re.compile(
    rf"\b(?:i|we) (?:really |simply |also |just )?"
    r"(?:can't|cannot|can not|won't|will not)"
    rf"(?: \w+){{0,3}}? {_VERBS}\b"
    rf"|\b(?:i'm|i am|we're|we are) (?:\w+ ){{0,2}}?(?:unable|not able|not comfortable|not permitted|not allowed|"
    r"not going|not designed|not in a position)\b"
    r"|\b(?:i|we) (?:don't|do not) (?:feel comfortable|have the ability|have the capability|have access|"
    r"analy[sz]e|identify|provide|make|infer|engage)\b"
    r"|\b(?:i must|i have to|i need to|i respectfully|i will have to|i'll have to|i) (?:decline|refuse|pass)\b"
    r"|\bi(?:'d| would) (?:prefer|rather) not\b"
    r"|\bas an? (?:ai|artificial|language model|large language)\b"
    r"|\bagainst (?:my|our|the) (?:guidelines|polic|safety|content|usage)"
    r"|\b(?:not appropriate|inappropriate) (?:for me )?to\b"
    rf"|\bunable to {_VERBS}\b"
)
_SORRY = re.compile(r"\W{0,8}(?:(?:i'm|i am) (?:\w+ ){0,2}?(?:sorry|afraid)|sorry\b|my apologies|i apologi[sz]e)")


def reads_as_refusal(bare: str) -> bool:
    """Whether a page's `bare` text declines, anywhere in its first or last 4,000 characters."""
    if len(bare) > 8000:
        bare = bare[:4000] + "\n" + bare[-4000:]
    flat = re.sub(r"\s+", " ", bare)
    return _SORRY.match(flat) is not None or _REFUSAL.search(flat) is not None
