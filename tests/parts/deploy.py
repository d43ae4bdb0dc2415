"""What must not change by accident in the files of deploy/. In the folder given: compose.json and ntfy.json, as Docker
Compose reads the files, where it could be had."""

import json
import pathlib
import re
import sys

import yaml

WORK = pathlib.Path(sys.argv[1])
DEPLOY = pathlib.Path("deploy")
USER = 65532
MEMORY = 64 * 1024 * 1024


def holds(what, actual, expected):
    if actual != expected:
        sys.exit(f"{what}: {actual!r} in place of {expected!r}")


def service(document, name, memory):
    found = document["services"][name]
    holds(f"{name}: memory", int(found.get("mem_limit", 0)), memory)
    holds(f"{name}: restart", found.get("restart"), "unless-stopped")
    holds(f"{name}: root", found.get("read_only"), True)
    holds(f"{name}: capabilities", (found.get("cap_drop"), found.get("cap_add")), (["ALL"], None))
    holds(f"{name}: new privileges", found.get("security_opt"), ["no-new-privileges:true"])
    holds(f"{name}: logs", found["logging"], {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}})
    for port in found["ports"]:
        holds(f"{name}: published to", port.get("host_ip"), "127.0.0.1")
    return found


def mounted(found, target):
    return next(volume for volume in found["volumes"] if volume["target"] == target)


def compose():
    document = json.loads((WORK / "compose.json").read_text())
    found = service(document, "bellwire", MEMORY)
    holds("the time to stop", found["stop_grace_period"], "10s")
    holds("what it runs as", found.get("user", "the image's"), "the image's")
    holds("the image", (found["image"], pathlib.Path(found["build"]["context"]).resolve()), ("bellwire", pathlib.Path.cwd()))
    holds("the queue", mounted(found, "/data")["type"], "volume")
    config = mounted(found, "/etc/bellwire/config.toml")
    holds("the configuration", (config["type"], config["read_only"], pathlib.Path(config["source"]).name), ("bind", True, "config.toml"))
    secrets = {secret["target"] for secret in found["secrets"]}
    wanted = set(re.findall(r'file = "(/run/secrets/\w+)"', (DEPLOY / "config.toml").read_text()))
    holds("the secrets", secrets, wanted)
    assert len(wanted) == 2, wanted


def ntfy():
    document = json.loads((WORK / "ntfy.json").read_text())
    service(document, "bellwire", MEMORY)
    found = service(document, "ntfy", 2 * MEMORY)
    said = found["environment"]
    holds("who may use ntfy", said["NTFY_AUTH_DEFAULT_ACCESS"], "deny-all")
    holds("who wakes iPhones", said["NTFY_UPSTREAM_BASE_URL"], "https://ntfy.sh")
    holds("where ntfy writes", mounted(found, "/var/lib/ntfy")["type"], "volume")
    for file in ("NTFY_CACHE_FILE", "NTFY_AUTH_FILE"):
        holds(file, said[file].rpartition("/")[0], "/var/lib/ntfy")
    bellwire = document["services"]["bellwire"]
    port = said["NTFY_LISTEN_HTTP"]
    holds("where bellwire sends", bellwire["environment"].get("BELLWIRE_SINKS__PHONE__SERVER"), f"http://ntfy{port}")
    token = bellwire["environment"].get("BELLWIRE_SINKS__PHONE__TOKEN__FILE")
    assert token in {secret["target"] for secret in bellwire["secrets"]}, token


def kubernetes():
    documents = {document["kind"]: document for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
    holds("the kinds", set(documents), {"ConfigMap", "Secret", "Service", "StatefulSet"})
    for document in documents.values():
        assert "namespace" not in document["metadata"], document["kind"]
    config = (DEPLOY / "config.toml").read_text()
    holds("the configuration", documents["ConfigMap"]["data"]["config.toml"].rstrip("\n"), config.rstrip("\n"))
    keys = set(re.findall(r'"/run/secrets/(\w+)"', config))
    holds("the secrets", set(documents["Secret"]["stringData"]), keys)
    spec = documents["StatefulSet"]["spec"]
    holds("the pods", spec["replicas"], 1)
    # A pod that is not ready is replaced all the same.
    holds("the order of the pods", spec["podManagementPolicy"], "Parallel")
    pod = spec["template"]["spec"]
    holds("the time to stop", pod["terminationGracePeriodSeconds"], 10)
    holds("the token of the cluster", pod["automountServiceAccountToken"], False)
    holds("the environment of the cluster", pod["enableServiceLinks"], False)
    context = pod["securityContext"]
    holds("no root", context["runAsNonRoot"], True)
    holds("the user", [context[name] for name in ("runAsUser", "runAsGroup", "fsGroup")], [USER] * 3)
    holds("the system calls", context["seccompProfile"], {"type": "RuntimeDefault"})
    (container,) = pod["containers"]
    context = container["securityContext"]
    holds("the root", context["readOnlyRootFilesystem"], True)
    holds("new privileges", context["allowPrivilegeEscalation"], False)
    holds("capabilities", context["capabilities"], {"drop": ["ALL"]})
    holds("memory", container["resources"]["limits"]["memory"], "64Mi")
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    # A restart ends no outage of somebody else's, so only the process itself is asked for it.
    holds("the probes", paths, {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"})
    version = re.search(r'^version = "(.+)"$', pathlib.Path("Cargo.toml").read_text(), re.M)[1]
    holds("the version", container["image"].rpartition(":")[2], version)
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    holds("the mounts", set(mounts), {"/data", "/etc/bellwire", "/run/secrets"})
    secret = next(volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets")
    holds("who reads the secrets", secret["defaultMode"], 0o440)
    (claim,) = spec["volumeClaimTemplates"]
    holds("the claim", (claim["metadata"]["name"], mounts["/data"]["name"]), ("data", "data"))
    found = documents["Service"]["spec"]
    holds("the page of a pod that is not ready", found["publishNotReadyAddresses"], True)
    labels = spec["template"]["metadata"]["labels"]
    holds("whom the service and the set look for", (found["selector"], spec["selector"]["matchLabels"]), (labels, labels))
    holds("the port", found["ports"][0]["targetPort"], container["ports"][0]["name"])


def systemd():
    lines = (DEPLOY / "bellwire.service").read_text().splitlines()
    wanted = ["Type=exec", "Restart=always", "StartLimitIntervalSec=0", "TimeoutStopSec=10", "KillMode=mixed", "MemoryMax=64M",
              "DynamicUser=yes", "StateDirectory=bellwire", "ProtectSystem=strict", "NoNewPrivileges=yes"]
    for line in wanted:
        holds(line, lines.count(line), 1)
    given = {line.split("=")[1].split(":")[0] for line in lines if line.startswith("LoadCredential=")}
    holds("the credentials", given, set(re.findall(r'"/run/secrets/(\w+)"', (DEPLOY / "config.toml").read_text())))


if (WORK / "compose.json").exists():
    compose()
    ntfy()
kubernetes()
systemd()
