"""The words by which English affirms, denies and hedges, as the readers of labels and action units need them."""

from __future__ import annotations


def wordset(text: str) -> frozenset[str]:
    """The words of `text` as a set, so that long lists stay readable."""
    return frozenset(text.split())


DENIALS = wordset(
    "not no never neither nor none nothing nobody without lack lacks lacking lacked absence absent devoid hardly "
    "barely scarcely cannot unlike unlikely improbable implausible versus vs than opposed except excluding exclude "
    "excludes excluded mistaken mistake confuse confused different differs differ distinguish distinguishes contrast "
    "fail fails failed unable if unless whether less least non un unclear uncertain missing inactive "
    "wrong incorrect inaccurate misleading "
    # the commonest denials of other languages, so that "nicht neutral" is not read as neutral
    "nicht kein keine keinen pas jamais nie não niet geen inte ei sin ni"
)
"""Words that deny, or only suppose, what follows. "than" covers "rather than" and "more sad than angry"."""

CONTRASTS = wordset(
    "but however though although while whereas yet so therefore thus hence because since still nevertheless "
    "just merely simply only"
)
"""Words that end the reach of a denial."""

LIGHT = wordset(
    "a an the any of for to as with in on at by it its this that these those there what we would call be been "
    "being is are was were do does did have has had look looks looking appear appears appearing seem seems "
    "seeming show shows showing shown display displays displaying displayed exhibit exhibits exhibiting "
    "express expresses expressing expressed convey conveys conveying indicate indicates indicating indicative "
    "suggest suggests suggesting suggestive reflect reflects reveal reveals demonstrate demonstrates feel "
    "feels feeling feelings depict depicts portray portrays communicate imply implies signal signals represent "
    "represents particularly especially very really quite clearly obviously strongly overtly visibly entirely "
    "completely fully exactly necessarily truly genuinely overly so too such much more most even actually "
    "currently likely either strictly purely readily immediately evident obvious clear strong visible "
    "noticeable significant overt apparent particular typical typically genuine intense extreme real definite "
    "sign signs hint hints trace traces evidence indication indications indicator indicators cue cues "
    "expression expressions emotion emotions emotional facial feature features kind sort form level degree "
    "amount sense usual usually like consistent associated related marker markers element elements "
    "characteristic one person's or nor a/an out other enough discernible distinct detectable observable "
    "pronounced state mood say"
)
"""Words that may stand between a denial and what it denies."""

EVIDENCE = wordset(
    "suggests indicates conveys implies signals points gives shows reveals reflects means creates produces "
    "suggest indicate convey imply point"
)
"""Verbs by which the absence of something speaks *for* what follows ("the lack of a smile suggests sadness")."""

AUXILIARIES = wordset(
    "is are was were seems seem appears appear looks does do did can could would may might has have remains "
    "will should must cannot also"
)
SUPPOSITIONS = wordset("would could might may")
DENIED_AFTER = wordset(
    "not never no absent unlikely missing lacking minimal excluded ruled dismissed less least inconsistent "
    "incompatible implausible secondary weaker doubtful inactive unclear none nowhere neither"
)
"""After "X is ...": words that deny X."""
VERDICT_NO = wordset("no absent none not false unlikely missing inactive minimal negligible neither never")
"""After "X:" or "X -": words that deny X."""
CROSSES = frozenset("✗✘✖❌×☐")

CONCLUSIONS = wordset(
    "answer final finally conclude conclusion therefore ultimately verdict summary hence thus overall so actually"
)
PREFERENCES = wordset(
    "best primarily predominantly mainly mostly dominant primary prominent main predominant closest likely "
    "closely classify classified strongest clearest consistent fits"
)


def denies(words: list[str], at: int) -> bool:
    """Whether the word at `at` denies or only supposes what follows it."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    if word.endswith("n't") or word in ("not", "cannot"):
        return following not in ("only", "just", "merely", "simply", "solely") and following not in ("help", "deny")
    if word in ("no", "without"):
        after = words[at + 1 : at + 3]
        return not {"doubt", "question", "mistaking"} & set(after)
    if word in ("nothing", "none"):
        return following not in ("but", "less")
    if word == "instead":
        return following == "of"
    if word == "far":
        return following == "from"
    if word in ("rule", "rules", "ruled", "ruling"):
        return following == "out"
    if word in ("similar", "compared"):
        return following in ("to", "with")
    return word in DENIALS
