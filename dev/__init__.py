"""The local stack: the real template, built and deployed by SAM, on MiniStack. No AWS, no Docker.

`python -m dev.run` keeps one in the foreground; tests take theirs from `dev.stack.LocalStack`.
"""
