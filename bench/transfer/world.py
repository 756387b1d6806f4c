# SPDX-License-Identifier: Apache-2.0
"""The servers of a bench and the settings by which every contestant finds them. All lies in one folder."""
import contextlib
import functools
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import urllib.request

from .contestants import AWS, ROOT, Place
from .measure import measure
from .sample import Leftovers
from .tls import Certificate

sys.path.insert(0, str(ROOT / "tests/servers"))
import with_servers  # noqa: E402

KEYS = {"id": "testkey", "secret": "testsecret"}  # of with_servers' versitygw
HERE = pathlib.Path(__file__).resolve().parent

TUTTI_STORES = {
    "s3": '{{type: s3, endpoint: "{url}"}}', "other": '{{type: s3, endpoint: "{url}"}}',
    "origin": '{{type: s3, endpoint: "{url}"}}', "keys": '{{type: s3, endpoint: "{url}"}}',
    "sink": '{{type: s3, endpoint: "{url}"}}',
    "gs": '{{type: gcs, endpoint: "{url}", auth: none}}',
    "az": '{{type: azure, endpoint: "{url}", access_key: {{secret: az_key}}}}',
}
RCLONE_S3 = """type = s3
provider = Other
endpoint = {url}
access_key_id = {id}
secret_access_key = {secret}
region = us-east-1
no_check_bucket = true
chunk_size = 16M
list_version = 2
"""
RCLONE_STORES = {
    "s3": RCLONE_S3, "other": RCLONE_S3, "origin": RCLONE_S3, "keys": RCLONE_S3, "sink": RCLONE_S3,
    "gs": "type = gcs\nanonymous = true\nendpoint = {url}/storage/v1/\nno_check_bucket = true\nchunk_size = 16M\n",
    "az": "type = azureblob\nuse_emulator = true\nendpoint = {url}\nno_check_container = true\nchunk_size = 16M\n",
}
AWS_SETTINGS = "[default]\nregion = us-east-1\ns3 =\n  preferred_transfer_client = crt\n  target_bandwidth = 20Gb/s\n"
NGINX = """
worker_processes 1; daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi;
  map $args $page {{ default first; "~(^|&)continuation-token=(?<token>p[0-9]+)" $token; }}
  server {{
    listen 127.0.0.1:{port}{tls}; root {folder}/objects;
    location ~ ^/bench/?$ {{ default_type application/xml; root {folder}/pages; try_files /$page.xml =404; }}
  }}
}}
"""


def nginx(folder, port, _, certificate=None):
    """Objects as static files, listings as canned pages (origin.py): the cheapest server there is."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    for each in ("objects", "pages"):
        (folder / each).mkdir()
    tls = f" ssl; ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key}" if certificate else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, tls=tls), encoding="utf-8")
    return {"argv": [program, "-c", folder / "nginx.conf", "-p", folder], "env": {}, "variable": "URL", "ready": "/",
            "url": f"{'https' if tls else 'http'}://127.0.0.1:{port}"}


def keys(_folder, port, _):
    return {"argv": [sys.executable, HERE / "keys.py", "--port", str(port)], "env": {}, "variable": "URL", "ready": "/",
            "url": f"http://127.0.0.1:{port}"}


def sink(_folder, port, _):
    """Uploads are dropped (sink.cc): the cheapest server for them."""
    return {"argv": [ROOT / "build/release/bench/sink", str(port)], "env": {}, "variable": "URL", "ready": "/",
            "url": f"http://127.0.0.1:{port}"}


def is_free(port):
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def other(folder, port, _, certificate=None):
    server = with_servers.versitygw(folder, port, port)
    if certificate:
        server["env"] |= {"VGW_CERT": str(certificate.certificate), "VGW_KEY": str(certificate.key)}
        server["url"] = server["url"].replace("http:", "https:")
    return server


def versitygw(folder, port, _, certificate=None):
    """At the scheme's own port, where that is free."""
    own = 443 if certificate else 80
    server = other(folder, own if is_free(own) else port, None, certificate)
    return {**server, "url": server["url"].removesuffix(f":{own}")}


with_servers.SERVERS.update(s3=versitygw, other=other, gs=with_servers.gcs, az=with_servers.azurite,
                            origin=nginx, keys=keys, sink=sink)


class World:
    """A folder and the servers that were started in it; `env` is what commands run with. With `tls`, versitygw and
    nginx are asked by HTTPS."""

    def __init__(self, folder, stack, tls=False):
        self.folder, self.stack, self.urls, self.leftovers = folder, stack, {}, Leftovers()
        self.env = {**{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and not key.startswith("AWS_")},
                    "AWS_ACCESS_KEY_ID": KEYS["id"], "AWS_SECRET_ACCESS_KEY": KEYS["secret"], "AWS_REGION": "us-east-1",
                    "AWS_CONFIG_FILE": str(folder / "aws.conf"), "RCLONE_CONFIG": str(folder / "rclone.conf"),
                    "TUTTI_PROFILE": "bench", "BENCH_AZ_KEY": with_servers.AZURITE_KEY}
        if tls:
            certificate = Certificate(folder)
            self.env |= certificate.env
            with_servers.SERVERS.update({name: functools.partial(make, certificate=certificate)
                                         for name, make in (("s3", versitygw), ("other", other), ("origin", nginx))})
        (folder / "aws.conf").write_text(AWS_SETTINGS, encoding="utf-8")
        self.write_settings()

    def start(self, *stores):
        for store in stores:
            if store not in self.urls:
                variables = with_servers.start(store, self.folder / "servers" / store, self.stack)
                self.urls[store] = next(iter(variables.values()))
        self.write_settings()

    def write_settings(self):
        (self.folder / "servers").mkdir(exist_ok=True)
        connections = [f'none: {{type: file, root: "{self.folder}", durability: none}}']
        connections += [f"{name}: {TUTTI_STORES[name].format(url=url)}" for name, url in self.urls.items()]
        text = "project: bench\nsecrets: {az_key: {env: BENCH_AZ_KEY}}\nprofiles:\n  bench:\n    sandbox: true\n    connections:\n"
        (self.folder / "tutti.yaml").write_text(text + "".join(f"      {line}\n" for line in connections), encoding="utf-8")
        (self.folder / "rclone.conf").write_text(
            "".join(f"[{name}]\n{RCLONE_STORES[name].format(url=url, **KEYS)}\n" for name, url in self.urls.items()), encoding="utf-8")

    def on_disk(self, place):
        """Where the bytes of a place lie on this machine: bench compares files, not what a server says of them."""
        if place.store == "file":
            return self.folder / place.path
        return self.folder / "servers" / place.store / "objects" / place.path

    def check_arrived(self, place, sample):
        """Compares every object, and takes the copies away in time; of what the sink dropped, number and sizes."""
        if place.store != "sink":
            sample.check(self.on_disk(place))
            self.leftovers.add(self.on_disk(place), sample)
            return
        with urllib.request.urlopen(f"{self.urls['sink']}/_kept/{place.path}/") as reply:
            kept = reply.read().decode()
        if kept != f"{sample.count} {sample.bytes}":
            sys.exit(f"bench: the sink was sent (objects, bytes) {kept} as {place.path}/, not {sample.count} {sample.bytes}")

    def make_bucket(self, tutti, store, bucket="bench"):
        if not (self.folder / "made" / store / bucket).is_dir():
            (self.folder / "made" / store / bucket).mkdir(parents=True)
            measure([str(tutti), "mb", f"{store}://{bucket}"], self)
        return Place(store, bucket)

    def publish_bucket(self, store, bucket="bench"):
        """Whoever asks may read: wrk signs nothing."""
        policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],'
                  f'"Resource":"arn:aws:s3:::{bucket}/*"}}]}}')
        subprocess.run([AWS, "--endpoint-url", self.urls[store], "s3api", "put-bucket-policy", "--bucket", bucket, "--policy", policy],
                       env=self.env, check=True)
