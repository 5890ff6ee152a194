"""Whether a text affirms the labels it names: the grammar of denial, choice and supposition, by simple rules.

The rules err towards `DOUBTFUL`: what cannot be told apart is not read (a wrong value is worse than none).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from feab.answers.lexicon import Lexicon, Mention, Tokens
from feab.answers.words import (
    AUXILIARIES,
    CONTRASTS,
    CROSSES,
    DENIED_AFTER,
    EVIDENCE,
    LIGHT,
    SUPPOSITIONS,
    VERDICT_NO,
    denies,
    wordset,
)


class Status(Enum):
    """How a mention counts."""

    ASSERTED = 1
    MINOR = 2  # "a hint of fear": counts only when nothing else is named
    DOUBTFUL = 3  # may be meant or not
    DENIED = 4
    ASIDE = 5  # a question, an idiom, a recital of the options, the writer's own feelings


@dataclass(frozen=True, slots=True)
class Judged:
    """A mention with its status and the number of its sentence."""

    mention: Mention
    status: Status
    sentence: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Token range [start, end) of a sentence and the mark that ends it."""

    start: int
    end: int
    mark: str


_FAR = 40
"""Words looked back over: bounds the time on a text that never pauses."""
_OPEN_ENDED = wordset("not is isn't are aren't the a an and or nor looks appears seems of to as in with very")
_GLUE = wordset(
    ", or nor and / & any a an the of signs even looking - feeling expression emotion \" ' either possibly "
    "perhaps maybe clear visible slight some"
)
_JOINS = frozenset({",", "or", "nor", "and", "/", "&"})
_STOPS = frozenset({":", "(", ")", "—", "→", "|", "["})
_ABSENCES = wordset("lack absence without")
_MINOR = wordset(
    "hint hints touch trace traces tinge undertone undertones undercurrent slight slightly subtle bit "
    "secondary possibly perhaps maybe tinged element elements mild mildly"
)
_SELF = wordset("i i'm i'd i'll i've we we're me my")
_JUDGES = wordset(
    "say think believe guess choose classify see observe detect label pick select interpret identify perceive "
    "describe go rate call conclude sense read categorize categorise infer lean lean answer estimate assess "
    "judge consider"
)
_AFTER_IDIOM = {
    "happy": ("to", "birthday", "new", "hour", "medium", "ending"),
    "sad": ("to",),
    "afraid": ("i", "so", "not", "that", "we", "this"),
    "fear": ("that",),
}
_EVOKES = wordset("evoke evokes evoking elicit elicits eliciting induces inspires")
_FIRST_SIGHT = wordset("glance initially")
_AFFECT = wordset(
    "expression expressions emotion emotions face state mood affect demeanor demeanour facial look countenance "
    "disposition emotional"
)
_PARTS = wordset(
    "eyebrow eyebrows brow brows mouth lips lip eyes eye gaze head jaw cheeks cheek forehead nose background "
    "backdrop lighting light posture shoulders body tone tones palette color colors colour colours chin "
    "eyelids lids corners muscles"
)
_NEUTRAL_NOUNS = _PARTS | wordset(
    "wall setting gray grey beige environment angle position pose stance clothing shade area surface line "
    "shape shaped colored coloured toned or-gray curve resting alignment backgrounds configuration"
)


def sentences(tokens: Tokens) -> list[Sentence]:
    """Split at . ! ? ; and line ends; a line that breaks off after "is" or "not" goes on."""
    found: list[Sentence] = []
    start = 0
    words = tokens.words
    for at, word in enumerate(words):
        if word not in (".", "!", "?", ";", "\n") or (word == "\n" and at and words[at - 1] in _OPEN_ENDED):
            continue
        if at > start:
            found.append(Sentence(start, at, word))
        start = at + 1
    if start < len(words):
        found.append(Sentence(start, len(words), ""))
    return found


def judge(tokens: Tokens, lexicon: Lexicon) -> list[Judged]:
    """Every label mentioned in running text, with its status."""
    judged: list[Judged] = []
    for number, sentence in enumerate(sentences(tokens)):
        words = tokens.words[sentence.start : sentence.end]
        # Each sentence is read alone; mentions keep their place in the whole.
        mentions = [m for m in lexicon.mentions(words) if not m.weak]
        spaced = [_spaced_dash(tokens, sentence.start + at) for at in range(len(words))]
        named = {m.first for m in mentions}
        group_end = -1
        for group in _groups(words, mentions):
            statuses = _statuses(words, spaced, group, sentence.mark, group_end, named)
            for mention, status in zip(group, statuses, strict=True):
                placed = Mention(
                    mention.label, mention.listed, mention.first + sentence.start, mention.last + sentence.start
                )
                judged.append(Judged(placed, status, number))
            group_end = group[-1].last
    return judged


def _spaced_dash(tokens: Tokens, at: int) -> bool:
    return tokens.words[at] == "-" and at > 0 and tokens.starts[at] > tokens.ends[at - 1]


def _groups(words: list[str], mentions: list[Mention]) -> list[list[Mention]]:
    """Mentions joined as a list: "anger, fear or disgust"."""
    groups: list[list[Mention]] = []
    for mention in mentions:
        if groups:
            gap = words[groups[-1][-1].last + 1 : mention.first]
            if len(gap) <= 6 and _JOINS.intersection(gap) and _GLUE.issuperset(gap):
                groups[-1].append(mention)
                continue
        groups.append([mention])
    return groups


def _statuses(
    words: list[str], spaced: list[bool], group: list[Mention], mark: str, before: int, named: set[int]
) -> list[Status]:
    size = len(group)
    if mark == "?" or len({m.label for m in group}) >= 4:
        denied = _before(words, spaced, group[0].first) is Status.DENIED
        return [Status.DENIED if denied else Status.ASIDE] * size
    if _denied_after(words, spaced, group[-1].last + 1, named):
        return [Status.DENIED] * size
    head = _before(words, spaced, group[0].first)
    if head is Status.DENIED and size > 1:
        last_gap = words[group[-2].last + 1 : group[-1].first]
        closed = {"or", "nor", "and", "/"}.intersection(last_gap)
        # "not anger, sadness": the second may be what it is instead
        return [head] * size if closed else [head] + [Status.DOUBTFUL] * (size - 1)
    if head is not Status.ASSERTED:
        return [head] * size
    if (supposed := _supposed_after(words, group[-1].last + 1)) is not None:
        return [supposed] * size
    statuses: list[Status] = []
    for at, mention in enumerate(group):
        gap = words[group[at - 1].last + 1 : mention.first] if at else []
        status = _alone(words, mention, group[at - 1].last if at else before)
        if {"or", "/"}.intersection(gap) and statuses[-1] is Status.MINOR and status is Status.ASSERTED:
            status = Status.MINOR  # "perhaps anger or disgust": the hedge covers both
        statuses.append(status)
    return statuses


def _before(words: list[str], spaced: list[bool], first: int) -> Status:
    """What stands before a mention, back to the last break, says of it."""
    between: list[str] = []
    for at in range(first - 1, max(-1, first - 1 - _FAR), -1):
        word = words[at]
        if word == "but" and at and words[at - 1] == "anything":
            return Status.DENIED
        if denies(words, at):
            if at + 1 < first and words[at + 1] == ",":
                return Status.DOUBTFUL
            return _reach(word, between[::-1])
        if word == ",":
            continued = at > 0 and denies(words, at - 1)
            return Status.DOUBTFUL if continued else Status.ASSERTED
        if word in _STOPS or word in CONTRASTS or spaced[at]:
            return Status.ASSERTED
        if word in ("instead", "rather", "and"):
            return Status.ASSERTED
        between.append(word)
    return Status.ASSERTED


def _reach(denial: str, between: list[str]) -> Status:
    """Whether a denial reaches over the words between it and the label."""
    heavy = [word not in LIGHT and word != "-" for word in between]
    for at, word in enumerate(between):
        speaks = word in EVIDENCE or word in ("indicating", "suggesting", "conveying", "giving", "that", "which")
        if speaks and any(heavy[:at]):
            return Status.ASSERTED if word in EVIDENCE and denial in _ABSENCES else Status.DOUBTFUL
    return Status.DENIED


def _denied_after(words: list[str], spaced: list[bool], at: int, named: set[int]) -> bool:
    while at < len(words) and (
        words[at] in _AFFECT or words[at] in ('"', "'", ")", "itself", "here", "features", "cues")
    ):
        at += 1
    if at >= len(words):
        return False
    word = words[at]
    if word in CROSSES:
        return True
    if word in (":", "=", "(", "|", "→", "—") or spaced[at]:
        if named.intersection(range(at + 2, at + 7)):
            return False  # "neutral (not surprise)": the denial is of the next label
        rest = [w for w in words[at + 1 : at + 4] if w not in ("|", "-", ":")]
        return bool(rest) and (rest[0] in VERDICT_NO or rest[0] in CROSSES or rest[0].endswith("n't") or rest[0] == "0")
    if word.endswith("n't") or word == "cannot":
        return denies(words, at)
    if word in AUXILIARIES:
        for later in range(at + 1, min(at + 5, len(words))):
            if words[later] in _STOPS or words[later] == "," or words[later] in CONTRASTS:
                return False
            if words[later] in DENIED_AFTER and (words[later] != "not" or denies(words, later)):
                return True
    return False


def _supposed_after(words: list[str], at: int) -> Status | None:
    """Judge a condition: "Fear would widen the eyes" speaks of another face; "fear may play a part" is in doubt."""
    following = [word for word in words[at : at + 4] if word not in ('"', "'", ")")][:3]
    if not following or following[0] not in SUPPOSITIONS or "be" in following[1:]:
        return None
    return Status.ASIDE if following[0] == "would" else Status.DOUBTFUL


def _alone(words: list[str], mention: Mention, before: int) -> Status:
    """Status of an affirmed mention by its own surroundings."""
    first, following = words[mention.first], words[mention.last + 1 : mention.last + 3]
    clause_start = mention.first
    while clause_start > max(0, mention.first - _FAR) and not _ends_clause(words[clause_start - 1]):
        clause_start -= 1
    clause = words[clause_start : mention.first]
    if following and following[0] in _AFTER_IDIOM.get(first, ()):
        return Status.ASIDE
    if _SELF.intersection(clause) and not _JUDGES.intersection(clause):
        return Status.ASIDE
    if first == "surprise" and clause[-1:] == ["my"]:
        return Status.ASIDE
    if first.startswith("neutral") and _describes_a_part(clause, following):
        return Status.ASIDE
    before_it = words[max(0, mention.first - _FAR) : mention.first]
    if _EVOKES.intersection(clause):
        return Status.ASIDE
    if _FIRST_SIGHT.intersection(before_it[-12:]) or ("if" in before_it and not _JUDGES.intersection(before_it)):
        return Status.DOUBTFUL
    if SUPPOSITIONS.intersection(clause) and not _JUDGES.intersection(clause):
        return Status.MINOR
    near = words[max(before + 1, mention.first - 5) : mention.first]
    if _MINOR.intersection(near) and near[:1] not in (["to"], ["or"], ["/"], ["-"]):
        return Status.MINOR
    return Status.ASSERTED


def _ends_clause(word: str) -> bool:
    return word == "," or word in _STOPS or word in CONTRASTS


def _describes_a_part(clause: list[str], following: list[str]) -> bool:
    """Whether "neutral" is said of a background or a part of the face and not of the face."""
    rest = [word for word in following if word not in ("-", ",")]
    if rest and rest[0] in _AFFECT:
        return False
    if rest and rest[0] in _NEUTRAL_NOUNS:
        return True
    for at in range(len(clause) - 1, max(-1, len(clause) - 9), -1):
        word = clause[at]
        if word in _AFFECT or word in ("person", "he", "she", "they", "individual", "subject", "suggests", "indicates"):
            return False
        if word in _PARTS:
            verb = {
                "is",
                "are",
                "remain",
                "remains",
                "appear",
                "appears",
                "seem",
                "seems",
                "in",
                "look",
                "looks",
                "stay",
            }
            return bool(verb.intersection(clause[at:]))
    return False
