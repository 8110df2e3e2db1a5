#!/usr/bin/env python3
"""Holds the configurations in this folder against what their programs take, and against each
other. The programs themselves are in images, so this is what can be checked without them:
`cargo xtask lint` runs it. Names of settings are those of the pinned versions' documentation.
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PROBLEMS = []


def expect(truth, problem):
    if not truth:
        PROBLEMS.append(problem)


def read(path):
    return yaml.safe_load((HERE / path).read_text())


# --- what may be set: a mapping of names, or None where anything goes -------------------------

ANY = None
OTLP = {
    "protocols": {
        "grpc": {"endpoint": ANY, "max_recv_msg_size_mib": ANY, "tls": ANY},
        "http": {"endpoint": ANY, "cors": ANY, "tls": ANY},
    }
}
TELEMETRY = {
    "resource": ANY,
    "logs": {"level": ANY, "encoding": ANY},
    "metrics": {"level": ANY, "readers": ANY},
}
BATCH = {"timeout": ANY, "send_batch_size": ANY, "send_batch_max_size": ANY}
SERVICE = {"extensions": ANY, "pipelines": ANY, "telemetry": TELEMETRY}
COLLECTOR = {
    "receivers": {"otlp": OTLP},
    "processors": {
        "memory_limiter": {
            "check_interval": ANY,
            "limit_mib": ANY,
            "spike_limit_mib": ANY,
            "limit_percentage": ANY,
            "spike_limit_percentage": ANY,
        },
        "attributes": {"actions": ANY, "include": ANY, "exclude": ANY},
        "batch": BATCH,
    },
    "exporters": {
        "otlp": {
            "endpoint": ANY,
            "tls": {"insecure": ANY, "ca_file": ANY},
            "sending_queue": {"enabled": ANY, "queue_size": ANY, "num_consumers": ANY},
            "retry_on_failure": {"enabled": ANY, "initial_interval": ANY, "max_elapsed_time": ANY},
            "timeout": ANY,
            "compression": ANY,
        }
    },
    "extensions": {"health_check": {"endpoint": ANY, "path": ANY}},
    "service": SERVICE,
}
JAEGER = {
    "receivers": {"otlp": OTLP},
    "processors": {"batch": BATCH},
    "exporters": {"jaeger_storage_exporter": {"trace_storage": ANY, "queue": ANY}},
    "extensions": {
        "jaeger_storage": {"backends": ANY, "metric_backends": ANY},
        "jaeger_query": {
            "storage": {"traces": ANY, "traces_archive": ANY, "metrics": ANY},
            "ui": {"config_file": ANY},
            "http": {"endpoint": ANY},
            "grpc": {"endpoint": ANY},
            "base_path": ANY,
        },
        "healthcheckv2": {"use_v2": ANY, "http": {"endpoint": ANY}, "grpc": ANY},
    },
    "service": SERVICE,
}
FILEBEAT = {
    "filebeat.inputs": ANY,
    "setup.template.enabled": ANY,
    "setup.ilm.enabled": ANY,
    "output.elasticsearch": {"hosts": ANY, "index": ANY},
    "logging": {"level": ANY, "metrics.enabled": ANY},
}
FILESTREAM = {
    "type": ANY,
    "id": ANY,
    "paths": ANY,
    "parsers": ANY,
    "clean_removed": ANY,
    "processors": ANY,
}


def settings(value, allowed, place):
    """Every name in `value` is one that may be set."""
    if allowed is ANY or value is None:
        return
    expect(isinstance(value, dict), f"{place}: not a mapping")
    for name, inner in value.items() if isinstance(value, dict) else ():
        # A component's name may end on `/<which one>`.
        known = name if name in allowed else str(name).split("/")[0]
        expect(known in allowed, f"{place}: no setting {name}")
        settings(inner, allowed.get(known), f"{place}.{name}")


# --- each configuration -----------------------------------------------------------------------


def pipelines(config, name):
    """What a collector's pipelines name is there, and what is there is named."""
    service = config["service"]
    used = {section: set() for section in ("receivers", "processors", "exporters")}
    for pipeline, parts in service["pipelines"].items():
        for section, components in parts.items():
            expect(section in used, f"{name}: {pipeline} has no {section}")
            used[section].update(components)
        steps = parts.get("processors", [])
        expect(steps[-1:] == ["batch"], f"{name}: {pipeline} does not batch last")
        if "memory_limiter" in steps:
            expect(steps[0] == "memory_limiter", f"{name}: the limiter of {pipeline} is not first")
    used["extensions"] = set(service["extensions"])
    for section, components in used.items():
        there = set(config.get(section) or {})
        expect(not components - there, f"{name}: {section} lack {components - there}")
        expect(not there - components, f"{name}: {section} not used: {there - components}")


def listens(config):
    """The ports that a collector's configuration opens."""
    found = re.findall(r"'endpoint': '0\.0\.0\.0:(\d+)'|'port': (\d+)", str(config))
    return {int(port) for pair in found for port in pair if port}


def compose(config):
    services = config["services"]
    # Why these have no health check of their own.
    unchecked = {
        "otel-collector": "its image holds nothing to ask with; otel-collector-health asks",
        "elastic-setup": "runs once",
    }
    elastic = set()
    mounted = set()
    for name, service in services.items():
        image = service["image"]
        tag = image.rpartition(":")[2]
        expect(re.fullmatch(r"v?\d+\.\d+\.\d+", tag), f"compose: {image} is not pinned")
        if image.startswith("docker.elastic.co/"):
            elastic.add(tag)
        expect(service["profiles"] == ["observe"], f"compose: {name} is not under the profile")
        for port in service.get("ports", []):
            expect(port.startswith("127.0.0.1:"), f"compose: {name} publishes {port}")
        expect(
            ("healthcheck" in service) != (name in unchecked),
            f"compose: {name} and its health check",
        )
        expect(service["cap_drop"] == ["ALL"], f"compose: {name} keeps capabilities")
        root = service.get("user") in ("root", "0")
        expect(not root or name == "filebeat", f"compose: {name} is root")
        for volume in service.get("volumes", []):
            source = volume.rsplit(":", 2)[0] if volume.endswith(":ro") else volume.split(":")[0]
            if source.startswith("./"):
                expect((ROOT / source).exists(), f"compose: {name} mounts {source}, not there")
                expect(volume.endswith(":ro"), f"compose: {name} may write to {source}")
            elif not source.startswith("${"):
                mounted.add(source)
        for other in service.get("depends_on", {}):
            expect(other in services, f"compose: {name} waits for {other}, not there")
    expect(len(elastic) == 1, f"compose: Elastic's versions differ: {elastic}")
    expect(mounted == set(config["volumes"]), "compose: volumes declared and used differ")
    return services


def reachable(services, target, place, ports=None):
    """`host:port` or a URL names a service, and a port that it has."""
    address = urlsplit(target if "//" in target else f"//{target}")
    expect(address.hostname in services, f"{place}: no service {address.hostname}")
    known = (ports or {}).get(address.hostname)
    expect(known is None or address.port in known, f"{place}: nothing listens at {target}")


def grafana(services, ports):
    sources = read("grafana/provisioning/datasources/trichrome.yml")["datasources"]
    uids = {source["uid"] for source in sources}
    expect(len(uids) == len(sources), "grafana: a uid is there twice")
    for source in sources:
        reachable(services, source["url"], f"grafana: {source['name']}", ports)
        for uid in re.findall(r"'datasourceUid': '([^']+)'", str(source)):
            expect(uid in uids, f"grafana: {source['name']} links to {uid}, not there")
    provider = read("grafana/provisioning/dashboards/trichrome.yml")["providers"][0]
    mounts = " ".join(services["grafana"]["volumes"])
    expect(f":{provider['options']['path']}:" in mounts, "grafana: dashboards are elsewhere")
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, file = home.rpartition("/")
    expect(folder == provider["options"]["path"], "grafana: the home dashboard is elsewhere")
    expect((HERE / "grafana/dashboards" / file).exists(), "grafana: no home dashboard")


def logs(services, ports):
    beat = read("filebeat/filebeat.yml")
    settings(beat, FILEBEAT, "filebeat")
    stream = beat["filebeat.inputs"][0]
    settings(stream, FILESTREAM, "filebeat.inputs")
    for host in beat["output.elasticsearch"]["hosts"]:
        reachable(services, host, "filebeat", ports)

    names = re.compile(stream["processors"][0]["drop_event"]["when"]["not"]["regexp"]["service.name"])
    functions = [path.stem for path in ROOT.glob("functions/*/src/bin/*.rs")]
    expect(len(functions) > 10, "filebeat: no functions found")
    for name in [*functions, "gateway"]:
        expect(names.search(name), f"filebeat: drops the lines of {name}")
    expect(not names.search("somebody-elses"), "filebeat: takes everybody's lines")

    template = json.loads((HERE / "elastic/index-template.json").read_text())
    pattern = template["index_patterns"][0]
    expect(
        beat["output.elasticsearch"]["index"].startswith(pattern.rstrip("*")),
        "elastic: the template is not for Filebeat's index",
    )
    objects = [
        json.loads(line) for line in (HERE / "elastic/kibana.ndjson").read_text().splitlines()
    ]
    there = {(item["type"], item["id"]) for item in objects}
    expect(len(there) == len(objects), "kibana: an id is there twice")
    fields = json.dumps(template["template"]["mappings"]["properties"])
    for item in objects:
        for reference in item["references"]:
            known = (reference["type"], reference["id"]) in there
            expect(known, f"kibana: {item['id']} refers to {reference['id']}, not there")
        attributes = item["attributes"]
        if item["type"] == "index-pattern":
            expect(attributes["title"] == pattern, "kibana: the data view is of other indices")
            json.loads(attributes["fieldFormatMap"])
        else:
            source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
            names = {reference["name"] for reference in item["references"]}
            expect(source["indexRefName"] in names, f"kibana: {item['id']} has no data view")
            for column in attributes["columns"]:
                part = column.rsplit(".", 1)[-1]
                expect(f'"{part}"' in fields, f"kibana: no field {column} in the template")


def main():
    services = compose(read("compose.yml"))
    collector, jaeger = read("collector/config.yaml"), read("jaeger/config.yaml")
    settings(collector, COLLECTOR, "collector")
    settings(jaeger, JAEGER, "jaeger")
    pipelines(collector, "collector")
    pipelines(jaeger, "jaeger")
    ports = {
        "otel-collector": listens(collector),
        "jaeger": listens(jaeger),
        "prometheus": {9090},
        "elasticsearch": {9200},
        "gateway": {3005},
    }
    # In docker-compose.yml.
    others = {"gateway"}
    hosts = set(services) | others
    for name, exporter in collector["exporters"].items():
        reachable(hosts, exporter["endpoint"], f"collector: {name}", ports)
    backends = jaeger["extensions"]["jaeger_storage"]["backends"]
    storage = jaeger["exporters"]["jaeger_storage_exporter"]["trace_storage"]
    shown = jaeger["extensions"]["jaeger_query"]["storage"]["traces"]
    expect({storage, shown} <= set(backends), "jaeger: no such storage")
    json.loads((HERE / "jaeger/ui.json").read_text())
    for name in ("otel-collector", "jaeger"):
        for port in services[name].get("ports", []):
            expect(int(port.rpartition(":")[2]) in ports[name], f"compose: {name} has no {port}")
    for job in read("prometheus/prometheus.yml")["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            place = f"prometheus: {job['job_name']}"
            reachable(hosts | {"localhost"}, target, place, ports)
    grafana(services, ports)
    logs(services, ports)

    for problem in PROBLEMS:
        print(problem)
    sys.exit(bool(PROBLEMS))


if __name__ == "__main__":
    main()
