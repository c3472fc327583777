"""What speech models say where nobody speaks: phrases from the captions that they were trained on.

Written as people would; ``STOCK`` is matched as a whole, ``OPENINGS`` at the beginning. ``COURTESIES`` are
said in every other conversation, and are taken for invented only on much stronger evidence.
"""

from __future__ import annotations

from tiro.speech.words import normalise, spoken_units

_MOST_MARKED = 16  # words of a text that its marks give away; more than that is somebody's own

STOCK_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": (
        "Thanks for watching",
        "Thank you for watching",
        "Thank you so much for watching",
        "Thank you very much for watching",
        "Thanks for watching and see you in the next video",
        "Thank you for watching and see you next time",
        "Thanks for watching, don't forget to subscribe",
        "Please subscribe",
        "Please subscribe to my channel",
        "Please subscribe to our channel",
        "Don't forget to like and subscribe",
        "Like and subscribe",
        "If you enjoyed this video please like and subscribe",
        "See you in the next video",
        "I'll see you in the next video",
        "See you next time",
        "Thank you for listening",
        "Hit the bell icon",
    ),
    "de": (
        "Vielen Dank fürs Zuschauen",
        "Danke fürs Zuschauen",
        "Vielen Dank für Ihre Aufmerksamkeit",
        "Bis zum nächsten Mal",
        "Bis zum nächsten Video",
        "Abonniert den Kanal",
        "Vergesst nicht zu abonnieren",
    ),
    "fr": (
        "Merci d'avoir regardé cette vidéo",
        "Merci d'avoir regardé",
        "Abonnez-vous",
        "Abonnez-vous à la chaîne",
        "N'oubliez pas de vous abonner",
        "À la prochaine vidéo",
    ),
    "es": (
        "Gracias por ver el video",
        "Gracias por ver",
        "Muchas gracias por ver el video",
        "Suscríbete al canal",
        "No olvides suscribirte",
        "Hasta el próximo video",
    ),
    "it": (
        "Grazie per aver guardato il video",
        "Grazie per la visione",
        "Iscrivetevi al canale",
        "Al prossimo video",
    ),
    "pt": (
        "Obrigado por assistir",
        "Obrigada por assistir",
        "Inscreva-se no canal",
        "Não se esqueça de se inscrever",
        "Até o próximo vídeo",
    ),
    "nl": ("Bedankt voor het kijken", "Tot de volgende keer", "Vergeet niet te abonneren"),
    "pl": ("Dziękuję za oglądanie", "Dziękujemy za oglądanie", "Zapraszam do subskrypcji"),
    "ru": ("Спасибо за просмотр", "Подписывайтесь на канал", "Продолжение следует", "До новых встреч"),
    "tr": ("İzlediğiniz için teşekkürler", "Abone olmayı unutmayın", "Altyazı M.K."),
    "hi": ("देखने के लिए धन्यवाद", "वीडियो देखने के लिए धन्यवाद", "चैनल को सब्सक्राइब करें"),
    "ja": (
        "ご視聴ありがとうございました",
        "ご視聴ありがとうございます",
        "チャンネル登録お願いします",
        "チャンネル登録よろしくお願いします",
        "次回の動画でお会いしましょう",
    ),
    "zh": (
        "谢谢观看",
        "感谢观看",
        "谢谢收看",
        "謝謝觀看",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "請訂閱我的頻道",
        "下期再见",
    ),
    "ko": ("시청해주셔서 감사합니다", "구독과 좋아요 부탁드립니다", "다음 영상에서 만나요"),
    "ar": ("شكرا للمشاهدة", "اشتركوا في القناة"),
}

OPENINGS_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": (
        "Subtitles by",
        "Subtitled by",
        "Captions by",
        "Captioned by",
        "Captioning by",
        "Closed captioning by",
        "Transcription by",
        "Transcribed by",
        "Translated by",
        "Subtitles provided by",
    ),
    "de": ("Untertitel von", "Untertitel der Amara.org-Community", "Untertitelung", "Untertitel im Auftrag"),
    "fr": ("Sous-titres par", "Sous-titres réalisés", "Sous-titrage", "Sous-titres faits par"),
    "es": ("Subtítulos por", "Subtítulos realizados por", "Subtitulado por", "Subtítulos de"),
    "it": ("Sottotitoli a cura di", "Sottotitoli creati", "Sottotitoli e revisione", "Sottotitoli di"),
    "pt": ("Legendas por", "Legendado por", "Legendas pela comunidade", "Tradução e legendas"),
    "nl": ("Ondertiteld door", "Ondertiteling door", "Ondertitels ingediend door"),
    "pl": ("Napisy stworzone przez", "Napisy wykonane przez", "Napisy by"),
    "ru": ("Субтитры сделал", "Субтитры создавал", "Субтитры подготовлены", "Редактор субтитров"),
    "tr": ("Altyazı çeviri", "Altyazılar"),
    "hi": ("उपशीर्षक", "सबटाइटल"),
    "ja": ("字幕作成", "字幕制作"),
    "zh": ("字幕由", "字幕志愿者", "字幕製作", "字幕组", "中文字幕"),
    "ko": ("자막 제공", "한글자막 by"),
    "ar": ("ترجمة نانسي",),
}

MARKS_BY_LANGUAGE: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("thank", "watching"),
        ("thank", "listening"),
        ("thank", "joining us"),
        ("thank you for your attention",),
        ("thank", "viewing"),
        ("subscribe", "channel"),
        ("subscribe", "like"),
        ("subscribe", "forget"),
        ("please subscribe",),
        ("see you", "next time"),
        ("see you", "next one"),
        ("see you", "next video"),
        ("transcribed by",),
        ("castingwords",),
        ("amara org",),
        ("amara community",),
    ),
    "de": (
        ("dank", "zuschauen"),
        ("dank", "zusehen"),
        ("dank", "aufmerksamkeit"),
        ("abonnier", "kanal"),
        ("nächsten mal", "bis"),
        ("nächsten video",),
        ("untertitel", "zdf"),
        ("untertitel", "funk"),
        ("copyright wdr",),
        ("copyright swr",),
    ),
    "fr": (
        ("merci", "regardé"),
        ("abonnez vous",),
        ("vous abonner",),
        ("à la prochaine",),
        ("sous titrage",),
    ),
    "es": (
        ("gracias por ver",),
        ("suscríbete",),
        ("suscribirte",),
        ("hasta la próxima",),
        ("hasta el próximo",),
    ),
    "it": (("grazie", "visione"), ("grazie", "guardato"), ("iscri", "canale"), ("alla prossima",)),
    "pt": (("obrigad", "assistir"), ("inscreva", "canal"), ("até a próxima",), ("legendas", "transcrição")),
    "nl": (("bedankt", "kijken"), ("dank", "kijken"), ("tot de volgende",), ("abonneer",), ("ondertitel",)),
    "pl": (("dzięk", "oglądanie"), ("dzięk", "uwagę"), ("subskryp",), ("do zobaczenia", "odcinku")),
    "ru": (
        ("спасибо", "просмотр"),
        ("спасибо за внимание",),
        ("подпис", "канал"),
        ("ставьте лайк",),
        ("редактор", "субтитров"),
        ("субтитр", "сделал"),
        ("субтитр", "созда"),
        ("субтитр", "подогнал"),
    ),
    "tr": (("izlediğiniz için",), ("abone ol", "unutmayın"), ("sonraki videoda",), ("altyazı",)),
    "hi": (("देखने", "धन्यवाद"), ("देखने", "शुक्रिया"), ("सब्सक्राइब",)),
    "ja": (("視聴", "ありがとう"), ("チャンネル登録",), ("次回", "お会い"), ("動画", "お会い"), ("字幕",)),
    "zh": (
        ("谢", "观看"),
        ("謝", "觀看"),
        ("谢", "收看"),
        ("謝", "收看"),
        ("订阅", "转发"),
        ("訂閱", "頻道"),
        ("订阅", "频道"),
        ("下期", "见"),
        ("amara org",),
        ("字幕志",),
        ("中文字幕",),
    ),
    "ko": (
        ("시청", "감사"),
        ("구독", "좋아요"),
        ("구독", "부탁"),
        ("영상에서 만나요",),
        ("자막 제공",),
        ("mbc 뉴스",),
    ),
    "ar": (("شكر", "المشاهدة"), ("شكر", "للمشاهدة"), ("اشترك", "القناة"), ("الاشتراك", "القناة")),
}
"""Beginnings of words that, all in one short text, give it away however it is put."""

COURTESIES_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": ("Thank you", "Thank you very much", "Thanks", "Bye", "Bye bye", "You", "So", "Okay", "The end"),
    "de": ("Vielen Dank", "Danke", "Tschüss", "Amen"),
    "fr": ("Merci", "Au revoir", "Bye"),
    "es": ("Gracias", "Muchas gracias", "Adiós"),
    "nl": ("Bedankt", "Dank je wel", "Dank u wel", "Doei"),
    "pl": ("Dziękuję", "Dziękuję bardzo"),
    "tr": ("Teşekkürler", "Teşekkür ederim"),
    "ar": ("شكرا", "شكرا لكم"),
    "it": ("Grazie", "Ciao"),
    "pt": ("Obrigado", "Obrigada", "Tchau"),
    "ru": ("Спасибо", "Пока"),
    "hi": ("धन्यवाद",),
    "ja": ("ありがとうございました", "おやすみなさい"),
    "zh": ("谢谢", "谢谢大家"),
    "ko": ("감사합니다",),
}


def _forms(phrases: dict[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(normalise(phrase) for several in phrases.values() for phrase in several)


# A model that hears nothing often answers in another language than the speaker's: all are looked up at once.
STOCK = _forms(STOCK_BY_LANGUAGE)
COURTESIES = _forms(COURTESIES_BY_LANGUAGE)
MARKS = tuple(
    tuple(normalise(mark) for mark in marks) for several in MARKS_BY_LANGUAGE.values() for marks in several
)
OPENINGS = tuple(sorted(_forms(OPENINGS_BY_LANGUAGE)))


def is_stock(text: str) -> bool:
    """Whether ``text`` is a stock phrase, or several, or a line that names who made the captions."""
    form = normalise(text)
    if form in STOCK or any(form == opening or form.startswith(f"{opening} ") for opening in OPENINGS):
        return True
    words = form.split()
    if spoken_units(text) <= _MOST_MARKED and _is_marked(f" {form}"):
        return True
    cuts = (cut for cut in range(1, len(words)))
    return any(" ".join(words[:cut]) in STOCK and " ".join(words[cut:]) in STOCK | COURTESIES for cut in cuts)


def _is_marked(form: str) -> bool:
    return any(all(f" {mark}" in form for mark in several) for several in MARKS)


def is_courtesy(text: str) -> bool:
    return normalise(text) in COURTESIES
