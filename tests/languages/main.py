"""Builds the functions of this folder for both architectures, uploads them to an emulator, takes the packages out again,
runs every program on this machine (the other processor's under qemu) against a Runtime API, and compares the answers. Then
builds again as somebody else would: the packages and images must be the same to the byte. What this machine has not the
tools for is left out, and said.

usage: main.py LAMBDO MINISTACK   (the program, and the emulator's)
"""

import http.server
import json
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3

HERE = Path(__file__).resolve().parent
EVENT = "hello world"
ANSWER = "uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek="
REGION = "eu-central-1"
LIBRARIES = {"arm64": "/usr/aarch64-linux-gnu", "x86_64": "/usr/x86_64-linux-gnu"}
HERE_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Hands one event to a program, and keeps its answer."""

    def do_GET(self):
        if self.server.is_asked:
            self.server.done.wait(60)
            return
        self.server.is_asked = True
        body = json.dumps(EVENT).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:{REGION}:123456789012:function:tried")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.answer = (self.path, read_body(self))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_):
        pass


def read_body(request):
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    return body


def emulator_of(architecture):
    """The words before a program of this processor; nothing where none can run it."""
    if architecture == HERE_ARCHITECTURE:
        return []
    name = "qemu-" + {"arm64": "aarch64"}.get(architecture, architecture)
    found = shutil.which(name + "-static") or shutil.which(name)
    return [found, "-L", LIBRARIES[architecture]] if found else None


def run_program(program, emulator):
    """What a bootstrap answers."""
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    api.daemon_threads, api.is_asked, api.answer, api.done = True, False, None, threading.Event()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    command = [*emulator, program]
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "tried",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tried",
        "AWS_LAMBDA_LOG_STREAM_NAME": "tried",
        "AWS_REGION": REGION,
        "_HANDLER": "bootstrap",
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        is_done = api.done.wait(60)
        process.kill()
        process.wait()
        api.shutdown()
        if not is_done or "/response" not in api.answer[0]:
            said.seek(0)
            sys.exit(f"{program} did not answer: {api.answer}\n{said.read().decode(errors='replace')}")
    return json.loads(api.answer[1])


def run_handler(folder, language, handler):
    module, function = handler.rsplit(".", 1)
    if language == "python":
        code = f"import json, {module} as m; print(json.dumps(m.{function}({EVENT!r}, None)))"
        command = [sys.executable, "-c", code]
    else:
        code = f"import('./{module}.mjs').catch(() => import('./{module}.js')).then(async (m) => console.log(JSON.stringify(await m.{function}({EVENT!r}))))"
        command = ["node", "-e", code]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)


def machine_of(program):
    """The processor that an ELF file is for."""
    head = Path(program).read_bytes()[:20]
    return {183: "arm64", 62: "x86_64"}[int.from_bytes(head[18:20], "little")]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start_emulator(program):
    port = free_port()
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "PERSIST_STATE": "0"}
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(url + "/_ministack/health")
            return process, url
        except OSError:
            time.sleep(0.1)
    sys.exit("the emulator did not start")


def unpack(zip_file, folder):
    with zipfile.ZipFile(zip_file) as package:
        for entry in package.infolist():
            path = Path(package.extract(entry, folder))
            path.chmod(stat.S_IMODE(entry.external_attr >> 16) or 0o644)


def check_answers(url, scratch):
    client = boto3.client("lambda", endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            language = name.removeprefix("languages-").split("-")[0]
            architecture = function["Architectures"][0]
            folder = scratch / name
            location = client.get_function(FunctionName=name)["Code"]["Location"]
            (zip_file, _) = urllib.request.urlretrieve(location)
            unpack(zip_file, folder)
            if function["Runtime"].startswith("provided"):
                program = folder / "bootstrap"
                assert machine_of(program) == architecture, f"{name} is built for {machine_of(program)}"
                emulator = emulator_of(architecture)
                if emulator is None:
                    print(f"SKIPPED {name}: it is built, and no qemu is here to run it", flush=True)
                    continue
                answer = run_program(program, emulator)
            else:
                answer = run_handler(folder, language, function["Handler"])
            assert answer == ANSWER, f"{name} answered {answer}"
            print(f"{name} ({architecture}) answered {answer}", flush=True)


def left_out():
    """The functions that this machine cannot build or run, with the reason."""
    reasons = {}
    for language, tool in [("go", "go"), ("image", "go"), ("rust", "cargo"), ("node", "node"), ("node", "npm")]:
        if not shutil.which(tool):
            reasons |= {f"{language}-{architecture}": f"there is no `{tool}`" for architecture in ["x86-64", "arm64"]}
    if HERE_ARCHITECTURE != "arm64" and not os.environ.get("LAMBDO_ARM64_RUSTC"):
        reasons["rust-arm64"] = "Rust has no library or no linker for arm64: `rustup target add aarch64-unknown-linux-gnu`, gcc-aarch64-linux-gnu"
    if HERE_ARCHITECTURE != "x86_64":
        reasons["rust-x86-64"] = "nothing fetches a Rust for x86_64 here"
    for name, reason in reasons.items():
        print(f"SKIPPED {name}: {reason}", flush=True)
    return reasons


def copy(folder, rustc):
    """A fresh copy of the sources."""
    sources = folder / "tests" / "languages"
    ignored = shutil.ignore_patterns("target", "state", "main.py", "__pycache__")
    shutil.copytree(HERE, sources, ignore=ignored, copy_function=shutil.copy)
    shutil.copytree(HERE.parent.parent / "lambdas", folder / "lambdas", ignore=ignored, copy_function=shutil.copy)
    spec = sources / "config.toml"
    spec.write_text(spec.read_text().replace('RUSTC = "rustc"', f"RUSTC = {json.dumps(rustc)}"))
    return sources


def hashes(lambdo, names, sources, **other):
    """The packages and images, by function."""
    command = [lambdo, "--config", sources / "config.toml", "--format", "json", "build", *names]
    built = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **other)
    packages = json.loads(built.stdout)["packages"]
    assert sorted(package["function"] for package in packages) == sorted(names), packages
    return {package["function"]: package["content_hash"] for package in packages}


def hashes_of_somebody_else(lambdo, names, folder, rustc):
    """The same from another folder, with other times, another owner and umask, from elsewhere, and with another home."""
    before = os.umask(0o77)
    sources = copy(folder, rustc)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (86_400, 86_400))
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345)
    home = folder / "home"
    home.mkdir()
    kept = {name: os.environ.get(name, str(Path.home() / default)) for name, default in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]}
    kept["GOCACHE"] = os.environ.get("GOCACHE", str(Path.home() / ".cache/go-build"))
    again = hashes(lambdo, names, sources, cwd="/", env={**os.environ, **kept, "HOME": str(home)})
    os.umask(before)
    return again


def main():
    lambdo, ministack = map(os.path.abspath, sys.argv[1:])
    languages, reasons = ["go", "rust", "python", "node", "image"], left_out()
    every = [f"{language}-{architecture}" for language in languages for architecture in ["x86-64", "arm64"]]
    names = [name for name in every if name not in reasons]
    rustc = os.environ.get("LAMBDO_ARM64_RUSTC") or "rustc"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        sources = copy(scratch / "first", rustc)
        first = hashes(lambdo, names, sources)
        again = hashes_of_somebody_else(lambdo, names, scratch / "a second folder", rustc)
        assert first == again, f"built twice, and not the same: {first} {again}"
        assert first["python-arm64"] == first["python-x86-64"]
        print(f"{len(first)} packages and images are the same, whoever builds them", flush=True)
        emulator, url = start_emulator(ministack)
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        deployed = [name for name in names if not name.startswith("image-")]
        try:
            subprocess.run([lambdo, "--endpoint-url", url, "up", "--yes", *deployed], cwd=sources, env=environment, check=True)
            check_answers(url, scratch)
            subprocess.run([lambdo, "--endpoint-url", url, "destroy", "--yes"], cwd=sources, env=environment, check=True)
        finally:
            emulator.kill()
            emulator.wait()


main()
