"""The tools that are compared: what each needs in its folder, and its command for each phase."""

import json
import subprocess

import cloud
import stack

PHASES = {
    "create": "up from nothing",
    "read": "plan, nothing changed",
    "update": "up, one variable changed on all",
    "delete": "destroy",
}


class Lambdo:
    """lambdo, as anybody would call it."""

    name = "lambdo"

    def __init__(self, binary, count):
        self.binary, self.count = binary, count

    def prepare(self, folder, at):
        """It needs nothing but the zips."""

    def versions(self, _folder):
        """What was measured."""
        return subprocess.run([self.binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()

    def command(self, phase, folder, _at):
        """The command of a phase."""
        stack.write_lambdo(folder, self.count, "v1" if phase in ("create", "read") else "v2")
        words = {"create": ["up", "--yes"], "read": ["plan", "--exit-code"], "update": ["up", "--yes"], "delete": ["destroy", "--yes"]}
        return [self.binary, *words[phase]]


class FewestCalls:
    """The yardstick: no planning, no state, nothing checked."""

    name = "fewest calls"

    def __init__(self, binary, count, pace):
        self.binary, self.count, self.pace = binary, count, pace

    def prepare(self, folder, at):
        """It needs nothing but the zips."""

    def versions(self, _folder):
        """It has none."""
        return []

    def command(self, phase, folder, at):
        """The command of a phase."""
        return [self.binary, at.url, phase, str(self.count), folder / "zips", *["--pace"] * self.pace]


class Terraform:
    """Terraform: in its usual way, or with everything that makes it fast.

    The AWS provider creates functions from local zips one after the other, so the best case uploads them to S3. A module
    per function is the quick shape: `for_each` over single resources is quadratic up to Terraform 1.12.
    """

    def __init__(self, count, mirror, is_usual):
        self.count, self.mirror, self.is_usual = count, mirror, is_usual
        self.name = "Terraform, usual way" if is_usual else "Terraform, best case"

    def prepare(self, folder, at):
        """Writes the modules and fetches the provider; neither is measured."""
        stack.write_terraform(folder, self.count, from_s3=not self.is_usual)
        if not self.is_usual:
            at.make_bucket(stack.BUCKET)
        mirror = [f"-plugin-dir={self.mirror}"] if self.mirror else []
        subprocess.run(["terraform", "init", "-input=false", *mirror], cwd=folder, env=cloud.environment(), stdout=subprocess.DEVNULL, check=True)

    def versions(self, folder):
        """Terraform's own and the provider's."""
        told = subprocess.run(["terraform", "version", "-json"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
        versions = json.loads(told)
        providers = [f"{name.rsplit('/', 1)[-1]} provider {version}" for name, version in versions["provider_selections"].items()]
        return [f"Terraform {versions['terraform_version']}", *providers]

    def command(self, phase, _folder, _at):
        """The command of a phase."""
        variable = "v1" if phase in ("create", "read") else "v2"
        common = ["-input=false", f"-parallelism={10 if self.is_usual else 50}", f"-var=variable={variable}"]
        words = {
            "create": ["apply", "-auto-approve"],
            "read": ["plan", "-detailed-exitcode"],
            "update": ["apply", "-auto-approve"],
            "delete": ["destroy", "-auto-approve"],
        }
        return ["terraform", *words[phase], *common]
