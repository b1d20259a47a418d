"""`errata doctor`."""

import typer

from errata.cli import checks
from errata.cli.command import Session
from errata.cli.output import print_json, print_line


def doctor(session: Session) -> None:
    """Check a deployment and say how to mend what is wrong. Changes nothing.

    Ends with exit code 1 if something is wrong. It needs the permission to read the stack, its
    functions, its API, its queues and its tables.
    """
    deployment = checks.Deployment(session.target.gateway, session.local)
    found = []
    for each in checks.run(deployment):
        found.append(each)
        if not session.json:
            print_line("ok   " if each.ok else "WRONG", f"{each.name}: {each.detail}")
            if each.remedy:
                print_line("     ", f"→ {each.remedy}")
    ok = all(each.ok for each in found)
    if session.json:
        rows = [
            {"name": each.name, "ok": each.ok, "detail": each.detail, "remedy": each.remedy}
            for each in found
        ]
        print_json({"ok": ok, "checks": rows})
    elif not ok:
        print_line("Something is wrong.")
    else:
        print_line("All is well.")
    if not ok:
        raise typer.Exit(1)
