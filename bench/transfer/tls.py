# SPDX-License-Identifier: Apache-2.0
"""A certificate for servers on this machine, made anew for each figure, and how everyone is told to trust it."""
import os
import pathlib
import subprocess

SYSTEM = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


class Certificate:
    """It is trusted beside all that the system trusts: reading those is part of what TLS costs a command."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-out", self.certificate, "-keyout", self.key], check=True, stderr=subprocess.DEVNULL)
        trusted = folder / "trusted.pem"
        trusted.write_bytes(self.certificate.read_bytes() + (SYSTEM.read_bytes() if SYSTEM.exists() else b""))
        # Tutti and rclone know the first; s5cmd and the aws CLI prefer the second.
        self.env = {"SSL_CERT_FILE": str(trusted), "AWS_CA_BUNDLE": str(trusted)}
        os.environ["SSL_CERT_FILE"] = str(trusted)  # for ourselves, when we ask whether a server is ready
