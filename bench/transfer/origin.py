# SPDX-License-Identifier: Apache-2.0
"""What costs a server least: nginx with files for objects and canned listings, and wrk, which asks and drops the answers.
What an upload costs least: sink.cc, and wrk, which sends the same few objects again and again."""
import re
import subprocess
import sys

PAGE = 1000
SCRIPT = """
local count, path = {count}, "{path}"
local number = math.random(0, count - 1)
function request()
  number = (number + 1) % count
  return wrk.format("GET", string.format("%s/%06d", path, number))
end
"""

PUT_SCRIPT = """
local requests, number = {{}}, 0
function init()
  for i = 0, 15 do
    requests[i] = wrk.format("PUT", "{path}/" .. i, {{}}, string.rep("x", {size}))
  end
end
function request()
  number = (number + 1) % 16
  return requests[number]
end
"""


def write_pages(world, sample, path):
    """The listing of bench/PATH/, in pages whose name is their continuation token. ETags are nginx's own."""
    folder = world.folder / "servers/origin"
    names = sorted(sample.digests)
    for start in range(0, len(names), PAGE):
        following = f"<NextContinuationToken>p{start + PAGE}</NextContinuationToken>" if start + PAGE < len(names) else ""
        entries = []
        for name in names[start:start + PAGE]:
            status = (folder / "objects/bench" / path / name).stat()
            etag = f"{int(status.st_mtime):x}-{status.st_size:x}"
            entries.append(f"<Contents><Key>{path}/{name}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
                           f"<ETag>&quot;{etag}&quot;</ETag><Size>{status.st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>")
        text = (f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>bench</Name><Prefix>{path}/</Prefix><KeyCount>{len(entries)}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
                f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>{following}{''.join(entries)}</ListBucketResult>")
        (folder / "pages" / f"{f'p{start}' if start else 'first'}.xml").write_text(text, encoding="utf-8")


def wrk(world, place, sample, seconds):
    """Objects a second that the server gives away, none of them looked at."""
    return rate(world, place.store, SCRIPT.format(count=sample.count, path=f"/{place.path}"), seconds)


def wrk_put(world, bucket, size, seconds):
    """Objects a second that the server takes; they are signed by nobody and have no checksum."""
    return rate(world, bucket.store, PUT_SCRIPT.format(path=f"/{bucket.below('wrk').path}", size=size), seconds)


def rate(world, store, text, seconds):
    script = world.folder / f"wrk-{store}.lua"
    script.write_text(text, encoding="utf-8")
    said = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", script, world.urls[store]],
                          env=world.env, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"bench: wrk got errors from {store}: {said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
