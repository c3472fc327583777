"""The languages that a caller may name: ISO 639 codes, with their English names."""

from __future__ import annotations

from tiro.errors import UnsupportedLanguage

LANGUAGES: dict[str, str] = dict(
    pair.split("=", 1)
    for pair in (  # noqa: SIM905 (a table of two hundred lines is no easier to read)
        "af=Afrikaans am=Amharic ar=Arabic as=Assamese az=Azerbaijani ba=Bashkir be=Belarusian "
        "bg=Bulgarian bn=Bengali bo=Tibetan br=Breton bs=Bosnian ca=Catalan cs=Czech cy=Welsh "
        "da=Danish de=German el=Greek en=English es=Spanish et=Estonian eu=Basque fa=Persian "
        "fi=Finnish fo=Faroese fr=French gl=Galician gu=Gujarati ha=Hausa haw=Hawaiian he=Hebrew "
        "hi=Hindi hr=Croatian ht=Haitian hu=Hungarian hy=Armenian id=Indonesian is=Icelandic "
        "it=Italian ja=Japanese jw=Javanese ka=Georgian kk=Kazakh km=Khmer kn=Kannada ko=Korean "
        "la=Latin lb=Luxembourgish ln=Lingala lo=Lao lt=Lithuanian lv=Latvian mg=Malagasy "
        "mi=Maori mk=Macedonian ml=Malayalam mn=Mongolian mr=Marathi ms=Malay mt=Maltese "
        "my=Burmese ne=Nepali nl=Dutch nn=Nynorsk no=Norwegian oc=Occitan pa=Punjabi pl=Polish "
        "ps=Pashto pt=Portuguese ro=Romanian ru=Russian sa=Sanskrit sd=Sindhi si=Sinhala "
        "sk=Slovak sl=Slovenian sn=Shona so=Somali sq=Albanian sr=Serbian su=Sundanese sv=Swedish "
        "sw=Swahili ta=Tamil te=Telugu tg=Tajik th=Thai tk=Turkmen tl=Tagalog tr=Turkish tt=Tatar "
        "uk=Ukrainian ur=Urdu uz=Uzbek vi=Vietnamese yi=Yiddish yo=Yoruba yue=Cantonese "
        "zh=Chinese "
    ).split()
)

_BY_NAME = {name.lower(): code for code, name in LANGUAGES.items()}


def language_code(text: str | None) -> str | None:
    """The code that ``text`` means (code, English name, or tag such as ``en-US``); None for "auto" or none.

    Raises:
        UnsupportedLanguage: there is no such language here.
    """
    if text is None or text.strip().lower() in {"", "auto"}:
        return None
    wanted = text.strip().lower()
    code = _BY_NAME.get(wanted, wanted.replace("_", "-").split("-")[0])
    if code not in LANGUAGES:
        raise UnsupportedLanguage(
            f"'{text[:40]}' is not a language that Tiro knows. Give a code such as 'en', or leave it out."
        )
    return code
