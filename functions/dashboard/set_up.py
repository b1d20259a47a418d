"""How to send the first error, from each language: the files of snippets/, with real values."""

from dataclasses import dataclass
from pathlib import Path

FILES = {
    "curl": "curl.sh",
    "Python": "python_app.py",
    "Node": "node-app.mjs",
    "PHP": "app.php",
    "Browser": "browser.html",
    "Shell script": "job.sh",
}
_TEXTS = {
    name: (Path(__file__).parent / "snippets" / file).read_text() for name, file in FILES.items()
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program that reports what goes wrong in it.

    `environment` is what to type before it runs, in a shell; empty where it holds the values.
    """

    name: str
    environment: str
    program: str


def snippets(api_url: str, key: str) -> list[Snippet]:
    """One for each language, with the project's URL and key."""
    return [_filled(name, text, api_url, key) for name, text in _TEXTS.items()]


def _filled(name: str, text: str, api_url: str, key: str) -> Snippet:
    if name == "Browser":
        program = text.replace("https://errors.example.com", api_url).replace("your key", key)
        return Snippet(name, "", program)
    return Snippet(name, f"export ERRATA_URL='{api_url}'\nexport ERRATA_KEY='{key}'", text)
