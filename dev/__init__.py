"""The local stack: the real template, built and deployed by SAM on MiniStack. No AWS, no Docker.

`python -m dev.run` runs one in the foreground. Tests start theirs with `dev.stack.LocalStack`.
"""
