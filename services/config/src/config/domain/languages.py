"""Which of PostgreSQL's text search configurations reads a language: they know its endings and its empty words."""

_CONFIGURATIONS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""By the first part of a language tag; all are in PostgreSQL 14 and later."""

OTHER = "simple"
"""Words as they are written, for a language that no dictionary knows."""


CONFIGURATIONS = sorted({OTHER, *_CONFIGURATIONS.values()})
"""All of them."""


def text_search_configuration(language: str) -> str:
    """The configuration for a BCP 47 tag."""
    return _CONFIGURATIONS.get(language.partition("-")[0].lower(), OTHER)
