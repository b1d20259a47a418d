"""The pages; importing them registers their routes."""

from functions.dashboard.pages import files, home, sign_in

__all__ = ["files", "home", "sign_in"]
