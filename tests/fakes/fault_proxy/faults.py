# SPDX-License-Identifier: Apache-2.0
"""The control of a fault proxy, for tests: `Faults(url)`, where url is what with_servers.py puts into TUTTI_PROXY_*."""
import json
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Faults:
    def __init__(self, url):
        self.url = url

    def ask(self, path="", told=None, timeout=30):
        data = None if told is None else json.dumps(told).encode()
        with OPENER.open(urllib.request.Request(self.url + path, data=data), timeout=timeout) as reply:
            return json.loads(reply.read())

    def rules(self, *rules, seed=0):
        """These and no others from now on; counts begin anew."""
        self.ask(told={"rules": rules, "seed": seed, "reset": True})

    def done(self):
        """How often each rule's fault happened, in the order of the rules."""
        return [rule["done"] for rule in self.ask()["rules"]]

    def counts(self):
        return self.ask("/counts")

    def total(self, what):
        return sum(each.get(what, 0) for each in self.counts()["routes"].values())

    def wait_until_held(self, timeout=60):
        self.ask("/held", timeout=timeout)

    def reached(self, what, number):
        """Whether there were so many, now or within a fifth of a second."""
        return self.ask(f"/reached?{what}={number}")

    def release(self):
        self.ask(told={"release": True})
