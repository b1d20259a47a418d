"""What GitHub runs and watches: least permissions, pinned actions, every locked package."""

import re

import yaml

from tests.support.own_files import ROOT, own


def test_workflows_pin_actions_and_may_only_read() -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    for file in workflows:
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert "permissions" not in job
            for step in job["steps"]:
                if "uses" in step:
                    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


def test_dependabot_watches_every_folder_with_locked_packages() -> None:
    config = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    watched = {
        (update["package-ecosystem"], folder)
        for update in config["updates"]
        for folder in update.get("directories", [update.get("directory")])
    }
    locked = {("github-actions", "/")}
    for kind, pattern in (("pip", "requirements*.txt"), ("npm", "package-lock.json")):
        for file in own(pattern):
            folder = file.parent.relative_to(ROOT).as_posix()
            locked.add((kind, "/" if folder == "." else f"/{folder}"))
    assert watched == locked
