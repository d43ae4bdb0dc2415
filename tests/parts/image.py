"""Holds what an image says of itself to what the documentation promises; prints its environment.

    image.py INSPECTION VERSION COMMIT
"""

import json
import sys

FILE, VERSION, COMMIT = sys.argv[1:]
with open(FILE) as inspection:
    config = json.load(inspection)["Docker"]["config"]

label = "org.opencontainers.image."
told = {
    "its user": (config["User"], "65532:65532"),
    "its entry point": (config["Entrypoint"], ["/usr/local/bin/bellwire"]),
    "its command": (config["Cmd"], ["run"]),
    "its volumes": (list(config["Volumes"]), ["/data"]),
    "its signal": (config["StopSignal"], "SIGTERM"),
    "its health check": (config["Healthcheck"]["Test"], ["CMD", "/usr/local/bin/bellwire", "health"]),
    "its ports": (list(config["ExposedPorts"]), ["8080/tcp"]),
    "its version": (config["Labels"][label + "version"], VERSION),
    "its revision": (config["Labels"][label + "revision"], COMMIT),
    "its licence": (config["Labels"][label + "licenses"], "MIT OR Apache-2.0"),
    "its title": (config["Labels"][label + "title"], "bellwire"),
}
wrong = [f"{what} is {found!r}, not {right!r}" for what, (found, right) in told.items() if found != right]
wrong += [f"{name} is not set" for name in ("BELLWIRE_DATA_DIR=/data", "TMPDIR=/data") if name not in config["Env"]]
print(" ".join(config["Env"]))
if wrong:
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1)
