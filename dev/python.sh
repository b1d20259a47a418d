#!/bin/sh
# Say how to get Python 3.13. The argument is the command that was tried.
cat >&2 <<END
Errata needs Python 3.13. "$1" is not on the PATH, or is another version. Install it in one of these ways:
  uv             uv python install 3.13, then: make PYTHON="\$(uv python find 3.13)"
  pyenv          pyenv install 3.13
  Homebrew       brew install python@3.13
  Debian 13      apt install python3.13 python3.13-venv
  Ubuntu         add-apt-repository ppa:deadsnakes/ppa && apt install python3.13 python3.13-venv
Or name one that you have: make PYTHON=/path/to/python3.13
END
