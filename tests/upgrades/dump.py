"""Write the dump of this version of Errata. Run `make dump` at a release."""

import copy
import os
import random
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version

import pytest

import tests.conftest  # the environment of every test
from errata.config import settings
from tests.support import gateway
from tests.support.account import Clock, account
from tests.support.browser import Browser
from tests.support.cli import deploy
from tests.support.fresh import clear_cache
from tests.support.receiver import receiver, response
from tests.upgrades.release import look, parameters, rows, write
from tests.upgrades.seed import HOOKS, MEMBER, OWNER, STRIPE_SECRET_NAME, Seed, fill, log_lines

_STATUSES = {HOOKS["working"]: 200, HOOKS["failing"]: 503, HOOKS["gone"]: 410}


def by_path(request: BaseHTTPRequestHandler) -> None:
    """Respond with the behaviour that the path names."""
    response(_STATUSES[request.path])(request)


def main() -> None:
    """Fill an empty account and write its content. Only durations differ between runs."""
    assert tests.conftest
    with (
        pytest.MonkeyPatch.context() as patch,
        account("moto"),
        receiver(by_path) as there,
        log_lines() as lines,
    ):
        patch.setenv("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET_NAME)
        settings.cache_clear()
        stack = deploy()
        same = random.Random(1)
        patch.setattr(os, "urandom", same.randbytes)
        patch.setattr(random, "_urandom", same.randbytes)
        clock = Clock(patch)
        seed = Seed(clock, there, lines)
        fill(seed)
        tables = rows()  # before they are read: readers take tokens, too
        clear_cache()
        browsers = {
            email: Browser(dict(seed.named[f"cookies of {email}"])) for email in (OWNER, MEMBER)
        }
        projects = {name: each._asdict() for name, each in seed.projects.items()}
        dump = {
            "at_ms": clock.ms,
            "named": seed.named,
            "projects": projects,
            "tables": tables,
            "parameters": parameters(),
            "queues": seed.queues,
            "stream": {
                "digested": seed.digested,
                "in_flight": seed.in_flight,
                "cleanup": seed.cleanup,
            },
            "callers": seed.callers,
            "answers": look(projects, browsers),
        }
        for caller in seed.callers:
            clear_cache()
            event = copy.deepcopy(caller["event"])
            found = gateway.decide(event, caller["verdict"])
            caller["answer"] = [found.status, sorted(found.json)]
        write(version("errata"), dump, there, stack)


if __name__ == "__main__":
    main()
