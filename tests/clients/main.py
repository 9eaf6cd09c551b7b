"""Drives a cloud with boto3 or with the AWS CLI, and lists all that is not as in AWS.

usage: main.py boto3|cli ENDPOINT_URL [SOURCE ...]

Each SOURCE is a file that names operations as `"service:Operation"`: all of them must have been called
with success. Ends with 1 when something was found.
"""

import re
import sys
import time

import containers
import refusals
import round_trips
import running
import storage
import vault
from checks import Checks


# What the local cloud has for no function: it answers that there is none.
NEVER_THERE = {"lambda:GetFunctionUrlConfig", "lambda:GetFunctionEventInvokeConfig"}


def operations(sources):
    """The operations that these files name."""
    found = set()
    for source in sources:
        with open(source, encoding="utf-8") as file:
            found.update(re.findall(r'= "((?:sts|iam|logs|lambda|events|ecr|s3|ssm|secretsmanager):[A-Z]\w+)"', file.read()))
    return found


def groups(client):
    """The cases of a client."""
    if client == "boto3":
        return [round_trips.run, running.run, containers.run, storage.run, vault.run, refusals.run]
    # The CLI is loaded only when it is meant: it changes where boto3 looks for its data.
    import commands  # pylint: disable=import-outside-toplevel

    return [commands.run]


def main(way, endpoint_url, *sources):
    """Runs all cases of one client."""
    checks = Checks(endpoint_url)
    for group in groups(way):
        before, started = checks.count, time.monotonic()
        group(checks, endpoint_url)
        print(f"{group.__module__}: {checks.count - before} cases in {time.monotonic() - started:.1f} s")
    wanted = operations(sources)
    if sources and len(wanted) < 40:
        checks.finding("coverage", f"only {len(wanted)} operations found in {sources}")
    for operation in sorted(wanted - checks.succeeded - NEVER_THERE):
        checks.finding("coverage", f"{operation} was never called with success")
    for finding in checks.findings:
        print(f"WRONG {finding}")
    print(f"{checks.count} cases, {len(wanted)} operations, {len(checks.findings)} findings")
    return 1 if checks.findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
