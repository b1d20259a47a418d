"""How to send the first error, from each language: the files of snippets/, with real values."""

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


def snippets(api_url: str, key: str) -> list[tuple[str, str]]:
    """Each language's name, and what to put into a program of it."""
    return [(name, _filled(name, text, api_url, key)) for name, text in _TEXTS.items()]


def _filled(name: str, text: str, api_url: str, key: str) -> str:
    if name == "Browser":
        return text.replace("https://errors.example.com", api_url).replace("your key", key)
    return f"{_comment(name)} export ERRATA_URL='{api_url}' ERRATA_KEY='{key}'\n{text}"


def _comment(name: str) -> str:
    return "//" if name in ("Node", "PHP") else "#"
