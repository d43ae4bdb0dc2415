"""What must not change by accident in the files of deploy/. In the folder given: compose.json, ntfy.json and
postgres.json, as Docker Compose reads the files, where it could be had."""

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
    for port in found.get("ports", []):
        holds(f"{name}: published to", port.get("host_ip"), "127.0.0.1")
    return found


def mounted(found, target):
    return next(volume for volume in found["volumes"] if volume["target"] == target)


def image(found):
    """What every container of bellwire has."""
    holds("the time to stop", found["stop_grace_period"], "10s")
    holds("what it runs as", found.get("user", "the image's"), "the image's")
    holds("the image", (found["image"], pathlib.Path(found["build"]["context"]).resolve()), ("bellwire", pathlib.Path.cwd()))


def configured(found, file, count):
    """The configuration that a container has, and that it has every secret that it names, and no other."""
    config = mounted(found, "/etc/bellwire/config.toml")
    holds("the configuration", (config["type"], config["read_only"], pathlib.Path(config["source"]).name), ("bind", True, file))
    secrets = {secret["target"] for secret in found["secrets"]}
    wanted = set(re.findall(r'file = "(/run/secrets/\w+)"', (DEPLOY / file).read_text()))
    holds("the secrets", secrets, wanted)
    holds("how many secrets", len(wanted), count)


def compose():
    document = json.loads((WORK / "compose.json").read_text())
    found = service(document, "bellwire", MEMORY)
    image(found)
    holds("the queue", mounted(found, "/data")["type"], "volume")
    configured(found, "config.toml", 2)


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


def postgres():
    document = json.loads((WORK / "postgres.json").read_text())
    services = document["services"]
    holds("the services", set(services), {"bellwire-1", "bellwire-2", "postgres"})
    published = set()
    for name in ("bellwire-1", "bellwire-2"):
        found = service(document, name, MEMORY)
        image(found)
        configured(found, "config.postgres.toml", 3)
        holds("what it waits for", found["depends_on"]["postgres"]["condition"], "service_healthy")
        holds("where it writes", [place.split(":")[0] for place in found["tmpfs"]], ["/data"])
        holds("its volumes", len(found["volumes"]), 1)
        published |= {port["published"] for port in found["ports"]}
    holds("the pages", published, {"8080", "8081"})
    found = service(document, "postgres", 8 * MEMORY)
    holds("the server runs as", found["user"], "999:999")
    holds("the server is published to", found.get("ports"), None)
    holds("the server's files", mounted(found, "/var/lib/postgresql/data")["type"], "volume")
    holds("where the server writes besides", found["tmpfs"], ["/tmp", "/var/run/postgresql"])
    said = found["environment"]
    holds("the password is no variable", "POSTGRES_PASSWORD" in said, False)
    holds("the password's file", said["POSTGRES_PASSWORD_FILE"], found["secrets"][0]["target"])
    role, database = said["POSTGRES_USER"], said["POSTGRES_DB"]
    test = found["healthcheck"]["test"]
    for option in ("--host=127.0.0.1", f"--username={role}", f"--dbname={database}"):
        holds(f"{option} of the health check", test.count(option), 1)
    # The address that the README has people write leads to this server.
    readme = (DEPLOY / "README.md").read_text()
    address = re.search(r'"postgres://(\w+):.*@([\w-]+)/(\w+)\?sslmode=disable" > secrets/database_url', readme)
    holds("the address in the README", address and address.groups(), (role, "postgres", database))


def documents_of(file, workload, config, others):
    """The documents of a manifest by their kinds, with what every manifest has."""
    documents = {document["kind"]: document for document in yaml.safe_load_all((DEPLOY / file).read_text())}
    holds(f"{file}: the kinds", set(documents), {"ConfigMap", "Secret", "Service", workload, *others})
    for document in documents.values():
        assert "namespace" not in document["metadata"], document["kind"]
    config = (DEPLOY / config).read_text()
    holds("the configuration", documents["ConfigMap"]["data"]["config.toml"].rstrip("\n"), config.rstrip("\n"))
    keys = set(re.findall(r'"/run/secrets/(\w+)"', config))
    holds("the secrets", set(documents["Secret"]["stringData"]), keys)
    spec = documents[workload]["spec"]
    pod(spec["template"]["spec"])
    found = documents["Service"]["spec"]
    holds("the page of a pod that is not ready", found["publishNotReadyAddresses"], True)
    labels = spec["template"]["metadata"]["labels"]
    holds("whom the service and the set look for", (found["selector"], spec["selector"]["matchLabels"]), (labels, labels))
    holds("the port", found["ports"][0]["targetPort"], spec["template"]["spec"]["containers"][0]["ports"][0]["name"])
    return documents


def pod(found):
    holds("the time to stop", found["terminationGracePeriodSeconds"], 10)
    holds("the token of the cluster", found["automountServiceAccountToken"], False)
    holds("the environment of the cluster", found["enableServiceLinks"], False)
    context = found["securityContext"]
    holds("no root", context["runAsNonRoot"], True)
    holds("the user", [context[name] for name in ("runAsUser", "runAsGroup", "fsGroup")], [USER] * 3)
    holds("the system calls", context["seccompProfile"], {"type": "RuntimeDefault"})
    (container,) = found["containers"]
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
    secret = next(volume["secret"] for volume in found["volumes"] if volume["name"] == "secrets")
    holds("who reads the secrets", secret["defaultMode"], 0o440)


def kubernetes():
    documents = documents_of("kubernetes.yaml", "StatefulSet", "config.toml", ())
    spec = documents["StatefulSet"]["spec"]
    holds("the pods", spec["replicas"], 1)
    # A pod that is not ready is replaced all the same.
    holds("the order of the pods", spec["podManagementPolicy"], "Parallel")
    (container,) = spec["template"]["spec"]["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    (claim,) = spec["volumeClaimTemplates"]
    holds("the claim", (claim["metadata"]["name"], mounts["/data"]["name"]), ("data", "data"))


def kubernetes_with_postgres():
    others = ("PodDisruptionBudget",)
    documents = documents_of("kubernetes.postgres.yaml", "Deployment", "config.postgres.toml", others)
    spec = documents["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    holds("the pods", spec["replicas"], 2)
    # One may be missing: an old pod that is not ready must not hold a rollout up.
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    holds("a rollout", spec["strategy"], rolling)
    budget = documents["PodDisruptionBudget"]["spec"]
    holds("how many stay", budget["minAvailable"], 1)
    # Else a node with a pod whose key was revoked could not be emptied.
    holds("pods that are not ready", budget["unhealthyPodEvictionPolicy"], "AlwaysAllow")
    holds("whom the budget looks for", budget["selector"]["matchLabels"], labels)
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    keys = {one["topologyKey"] for one in spread if one["labelSelector"]["matchLabels"] == labels}
    holds("what the pods are spread over", keys, {"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
    # All that lasts is on the server, and a pod must not wait for a volume of another node.
    kinds = {volume["name"]: set(volume) - {"name"} for volume in spec["template"]["spec"]["volumes"]}
    holds("the volumes", kinds, {"scratch": {"emptyDir"}, "config": {"configMap"}, "secrets": {"secret"}})
    address = documents["Secret"]["stringData"]["database_url"]
    assert address.startswith("postgres://") and address.endswith("?sslmode=require"), address


def configurations():
    """The two say the same but for the home of the queue."""
    parts = [(DEPLOY / file).read_text().partition("\n[http]\n") for file in ("config.toml", "config.postgres.toml")]
    holds("what comes behind [http]", parts[1][1:], parts[0][1:])
    homes = ["data_dir" in part[0] and "[store]" not in part[0] for part in parts]
    holds("a queue in a folder", homes, [True, False])


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
    postgres()
configurations()
kubernetes()
kubernetes_with_postgres()
systemd()
