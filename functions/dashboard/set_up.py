"""How to send the first error from each language: the files of snippets/ with real values."""

from dataclasses import dataclass
from pathlib import Path

# Placeholders in the programs for a key and a DSN.
NO_KEY = "your key"
NO_DSN = "your DSN"
FILES = {
    "curl": "curl.sh",
    "Python": "python_app.py",
    "Node": "node-app.mjs",
    "PHP": "app.php",
    "Browser": "browser.html",
    "Shell script": "job.sh",
}
SDK_FILES = {
    "Python with the Sentry SDK": "sentry_app.py",
    "Node with the Sentry SDK": "sentry-app.mjs",
    "PHP with the Sentry SDK": "sentry.php",
    "Browser with the Sentry SDK": "sentry.html",
}
_TEXTS = {
    name: (Path(__file__).parent / "snippets" / file).read_text()
    for name, file in {**FILES, **SDK_FILES}.items()
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program that reports its errors.

    `environment` is shell code to run before. It is empty if the program contains the values.
    """

    name: str
    environment: str
    program: str


def snippets(api_url: str, key: str, dsn: str = "") -> list[Snippet]:
    """Return one program per language with this URL and key; with a DSN, those for SDKs, too."""
    programs = [_filled(name, _TEXTS[name], api_url, key) for name in FILES]
    if dsn:
        programs += [_of_sdk(name, _TEXTS[name], dsn) for name in SDK_FILES]
    return programs


def _filled(name: str, text: str, api_url: str, key: str) -> Snippet:
    if name == "Browser":
        program = text.replace("https://errors.example.com", api_url).replace(NO_KEY, key)
        return Snippet(name, "", program)
    return Snippet(name, f"export ERRATA_URL='{api_url}'\nexport ERRATA_KEY='{key}'", text)


def _of_sdk(name: str, text: str, dsn: str) -> Snippet:
    if name.startswith("Browser"):
        return Snippet(name, "", text.replace(NO_DSN, dsn))
    return Snippet(name, f"export SENTRY_DSN='{dsn}'", text)
