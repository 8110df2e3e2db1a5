"""A stand-in for an adapter that serves `trichrome_gateway_kafka_lag` as a metric of pods.

    custom_metrics.py <kubeconfig> <certificate> <key> <port> <lag>

The file `lag` has the records that wait for all pods together; each of those that are asked for gets its share.
"""

import datetime
import json
import pathlib
import re
import ssl
import sys
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GROUP = "custom.metrics.k8s.io/v1beta2"
METRIC = "trichrome_gateway_kafka_lag"
PODS = re.compile(rf"/apis/{GROUP}/namespaces/([^/]+)/pods/\*/{METRIC}")
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": GROUP,
    "resources": [
        {"name": f"pods/{METRIC}", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
    ],
}


class Cluster:
    """The API server of a kubeconfig in JSON."""

    def __init__(self, kubeconfig):
        config = json.loads(pathlib.Path(kubeconfig).read_text())
        cluster = config["clusters"][0]["cluster"]
        self.address = cluster["server"]
        self.token = config["users"][0]["user"]["token"]
        self.tls = ssl.create_default_context(cafile=cluster["certificate-authority"])

    def pods(self, namespace, selector):
        """The names of the running pods."""
        query = urllib.parse.urlencode({"labelSelector": selector, "fieldSelector": "status.phase=Running"})
        request = urllib.request.Request(
            f"{self.address}/api/v1/namespaces/{namespace}/pods?{query}",
            headers={"authorization": f"Bearer {self.token}"},
        )
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )
        with direct.open(request, timeout=5) as response:
            pods = json.load(response)["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def values(namespace, pods, lag):
    """Each pod's share of the lag, in thousandths: a quantity has no fractions."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = [
        {
            "describedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": namespace, "name": pod},
            "metric": {"name": METRIC, "selector": None},
            "timestamp": now,
            "value": f"{lag * 1000 // len(pods)}m",
        }
        for pod in pods
    ]
    return {"kind": "MetricValueList", "apiVersion": GROUP, "metadata": {}, "items": items}


def handler(cluster, lag):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            path = urllib.parse.unquote(url.path)
            if path == f"/apis/{GROUP}":
                return self.answer(200, RESOURCES)
            if asked := PODS.fullmatch(path):
                namespace = asked[1]
                selector = dict(urllib.parse.parse_qsl(url.query)).get("labelSelector", "")
                pods = cluster.pods(namespace, selector)
                return self.answer(200, values(namespace, pods, int(lag.read_text())))
            return self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})

        def answer(self, status, body):
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler


def main():
    kubeconfig, certificate, key, port, lag = sys.argv[1:]
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), handler(Cluster(kubeconfig), pathlib.Path(lag)))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    # A caller that says nothing holds up its own thread only.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
