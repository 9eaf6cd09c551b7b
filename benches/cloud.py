"""A fresh emulator behind the proxy, on ports of their own."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

# No tool may find anything of the person who runs this, nor ask anybody for news.
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "CHECKPOINT_DISABLE": "1",
}
PATIENCE_S = 30


def environment(**more):
    """This process's environment without what points at a cloud, and with what the emulator takes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDO_", "TF_"))}
    return kept | SETTINGS | more


class Cloud:
    """The two processes; a context manager that ends them."""

    def __init__(self, emulator, proxy, folder, latency_ms, throttle):
        emulator_port, proxy_port = free_port(), free_port()
        self.emulator_url = f"http://127.0.0.1:{emulator_port}"
        self.url = f"http://127.0.0.1:{proxy_port}"
        settings = environment(GATEWAY_PORT=str(emulator_port), BIND_HOST="127.0.0.1", LOG_LEVEL="WARNING", MINISTACK_ACCOUNT_ID="123456789012")
        command = [proxy, f"127.0.0.1:{proxy_port}", f"127.0.0.1:{emulator_port}", str(latency_ms), folder / "calls.jsonl"]
        self.processes = [
            start([emulator], settings, folder / "emulator.log"),
            start(command + ["--throttle"] * throttle, os.environ, folder / "proxy.log"),
        ]
        self.ports = emulator_port, proxy_port

    def reset(self, phase):
        """Begins to count anew."""
        request = urllib.request.Request(f"{self.url}/__benchmark/reset?{phase}", method="POST")
        urllib.request.urlopen(request).close()

    def sums(self):
        """What passed since the last reset."""
        with urllib.request.urlopen(f"{self.url}/__benchmark/sums") as answer:
            return json.load(answer)

    def make_bucket(self, name):
        """Makes a bucket behind the proxy's back."""
        request = urllib.request.Request(f"{self.emulator_url}/{name}", method="PUT")
        urllib.request.urlopen(request).close()

    def __enter__(self):
        try:
            for port in self.ports:
                wait_for(port)
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start(command, settings, log):
    """Starts a process that lives on its own; what it says goes to the file `log`."""
    with open(log, "w") as output:
        return subprocess.Popen(command, env=settings, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    """Waits until somebody listens on a port."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
