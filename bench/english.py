"""English text as word error rates compare it: case, spelling, numbers and contractions made alike.

In the manner of Whisper's normaliser, so that figures can be set beside published ones; not equal to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_FILLERS = {"hm", "hmm", "mm", "mmm", "mhm", "uh", "um", "er", "erm"}

_SHORT = {
    "won't": "will not",
    "can't": "can not",
    "cannot": "can not",
    "shan't": "shall not",
    "let's": "let us",
    "y'all": "you all",
    "ma'am": "madam",
    "o'clock": "oclock",
    "'tis": "it is",
    "'twas": "it was",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "gimme": "give me",
    "lemme": "let me",
    "okay": "ok",
    "alright": "all right",
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "prof": "professor",
    "st": "saint",
    "jr": "junior",
    "sr": "senior",
    "vs": "versus",
    "etc": "et cetera",
}

_ENDINGS = {
    "n't": "not",
    "'re": "are",
    "'ve": "have",
    "'ll": "will",
    "'m": "am",
    "'d": "would",
    "'s": "is",  # a possessive too: wrong English, but alike on both sides
}

_SPELLINGS = [
    (re.compile(pattern), result)
    for pattern, result in [
        (
            r"^(arm|behavi|cand|clam|col|endeav|fav|ferv|flav|harb|hon|hum|lab|neighb|od|parl|rig|rum|sav|savi|"
            r"splend|tum|val|vap|vig)our(?=$|s$|ed$|ing$|ly$|hood|able|ite|ful|less|er)",
            r"\1or",
        ),
        (
            r"^(?=(?:apolog|author|categor|character|civil|critic|custom|econom|emphas|familiar|final|general|"
            r"global|harmon|ideal|legal|local|maxim|memor|minim|mobil|modern|national|neutral|normal|optim|organ|"
            r"personal|popular|priorit|real|recogn|scrutin|social|special|stabil|standard|steril|summar|symbol|"
            r"sympath|synchron|util|visual)is)(.*)is(?=e|ing|ation|able)",
            r"\1iz",
        ),
        (r"^(anal|paral)ys(?=e|ing)", r"\1yz"),
        (
            r"^((?:kilo|centi|milli)?met|cent|theat|lit|fib|calib|somb|lust|spect|sab|meag)re(?=$|s$|d$)",
            r"\1er",
        ),
        (
            r"^(cancel|channel|counsel|fuel|jewel|label|level|marvel|model|panel|quarrel|rival|signal|total|"
            r"travel)l(?=ed$|ing$|er|or|ous)",
            r"\1",
        ),
        (r"^(def|off|pret|lic)ence(?=$|s$|d$)", r"\1ense"),
        (r"^practis(?=e|ing)", "practic"),
        (r"^(fulfil|enrol|instil|skil|wil)(?=$|s$|ment|ful)", r"\1l"),
        (r"^(cata|dia|ana|mono)logue", r"\1log"),
        (r"^(judg|acknowledg)ement", r"\1ment"),
        (r"^(learn|burn|dream|spoil|spell)t$", r"\1ed"),
        (r"^(toward|backward|forward|afterward)s$", r"\1"),
        (r"^grey", "gray"),
        (r"^plough", "plow"),
        (r"^programme(?=$|s$)", "program"),
        (r"^cheque(?=$|s$)", "check"),
        (r"^tyre(?=$|s$)", "tire"),
        (r"^kerb", "curb"),
        (r"^pyjama", "pajama"),
        (r"^sceptic", "skeptic"),
        (r"^mou(ld|lt|stache)", r"mo\1"),
        (r"^mostache", "mustache"),
        (r"^manoeuvr(?=e|ing)", "maneuver"),
        (r"^aluminium", "aluminum"),
        (r"^jewellery", "jewelry"),
        (r"^cos(?=y$|ier$|iest$)", "coz"),
        (r"^gaol", "jail"),
        (r"^draught", "draft"),
    ]
]

_UNITS = {
    word: value
    for value, word in enumerate(
        [
            *(
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
            ),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        ]
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
    **{f"{word}th": word for word in [*_UNITS, *_SCALES]},
    **{f"{word[:-1]}ieth": word for word in _TENS},
}
_MONEY = {"$": "dollars", "£": "pounds", "€": "euros"}


def normalise(text: str) -> str:
    """Lower-case words with single spaces between them; numbers in digits, American spelling."""
    text = re.sub(r"[\[(<][^\])>]*[\])>]", " ", text.replace("’", "'").lower())
    text = unicodedata.normalize("NFKD", text.replace("æ", "ae").replace("œ", "oe").replace("ø", "o"))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"([$£€])(\d+(?:\.\d+)?)", lambda found: f"{found[2]} {_MONEY[found[1]]}", text)
    text = text.replace("%", " percent ").replace("&", " and ")
    # Of the punctuation only what is inside a number or a word means something.
    text = re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w\s.']|_", " ", text)
    words = [word for token in text.split() for word in _expanded(token)]
    return " ".join(_spelled(word) for word in _counted(words))


def _expanded(token: str) -> Iterator[str]:
    """A token as whole words, without fillers and quotation marks."""
    token = token if token in _SHORT else token.strip("'")
    if not token or token in _FILLERS:
        return
    if token in _SHORT:
        yield from _SHORT[token].split()
        return
    for ending, word in _ENDINGS.items():
        if token.endswith(ending) and token != ending:
            yield from _expanded(token.removesuffix(ending))
            yield word
            return
    yield token.replace("'", "")


def _spelled(word: str) -> str:
    for pattern, result in _SPELLINGS:
        word = pattern.sub(result, word)
    return word


# --- numbers ------------------------------------------------------------------------------------------


def _counted(words: list[str]) -> Iterator[str]:
    """Number words as digits: ``twenty one`` is 21, ``nineteen eighty four`` 1984, ``twenty first`` 21st."""
    place = 0
    while place < len(words):
        length = _run_length(words, place)
        if length == 0:
            yield words[place]
            place += 1
            continue
        yield _number(words[place : place + length])
        place += length


def _is_number(word: str) -> bool:
    return word in _UNITS or word in _TENS or word in _SCALES


def _run_length(words: list[str], first: int) -> int:
    """How many words from ``first`` on make one number; 0 where none begins there."""
    place = first
    while place < len(words):
        word, following = words[place], words[place + 1] if place + 1 < len(words) else ""
        if _is_number(word):
            place += 1
        elif word in _ORDINALS and (place == first or words[place - 1] not in _UNITS):
            return place + 1 - first  # an ordinal ends it; "ten second" is no number
        elif place > first and (
            (
                word == "and"
                and words[place - 1] in _SCALES
                and (_is_number(following) or following in _ORDINALS)
            )
            or (
                word == "point"
                and (following in _UNITS or following in _TENS)
                and "point" not in words[first:place]
            )
        ):
            place += 1
        else:
            break
    return place - first


def _number(words: list[str]) -> str:
    ordinal = words[-1] in _ORDINALS
    plain = [_ORDINALS.get(word, word) for word in words if word != "and"]
    if "point" in plain:
        dot = plain.index("point")
        return f"{_whole(plain[:dot])}.{_whole(plain[dot + 1 :])}"
    digits = _whole(plain)
    return digits + _suffix(int(digits)) if ordinal else digits


def _whole(words: list[str]) -> str:
    """Digits of a number without a point; parts that cannot be added, as in years, are set side by side."""
    parts: list[str] = []
    total = group = 0
    room = 10**15  # what may still be added to the group is below this
    begun = False
    for word in words:
        if word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                group, room = max(group, 1) * 100, 100
            else:
                total, group, room = total + max(group, 1) * scale, 0, 1000
            begun = True
            continue
        value = _UNITS.get(word, _TENS.get(word, 0))
        if begun and value >= room:
            parts.append(str(total + group))
            total = group = 0
        group += value
        room = 10 if word in _TENS else 0
        begun = True
    parts.append(str(total + group))
    return "".join(parts)


def _suffix(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
