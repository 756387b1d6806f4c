#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service that knows ListObjectsV2 alone: buckets of COUNT keys that are computed, not kept.

usage: keys.py --port PORT [--count N]

Key NUMBER is data/NUMBER of eight digits. In the bucket `right` every 100,000th has another size than in the others.
"""
import argparse
import asyncio
import os
import urllib.parse

PAGE = 1000
COUNT = 2_000_000
PREFIX = "data/"
ODD = 100_000
BEGIN = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
TIME = "2026-01-02T03:04:05.000Z"


def entry(number, bucket):
    size = 4096 if bucket != "right" or number % ODD else 4097
    return (f'<Contents><Key>{PREFIX}{number:08}</Key><LastModified>{TIME}</LastModified><ETag>&quot;{number:032x}&quot;</ETag>'
            f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>")


def page(bucket, query, count):
    """One page: begins behind the token or `start-after`; a folder is one entry where a delimiter asks for that."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    if delimiter and not prefix:
        return f"{BEGIN}<Name>{bucket}</Name><CommonPrefixes><Prefix>{PREFIX}</Prefix></CommonPrefixes><IsTruncated>false</IsTruncated></ListBucketResult>"
    if not PREFIX.startswith(prefix):
        return f"{BEGIN}<Name>{bucket}</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
    after = query.get("start-after", "").removeprefix(PREFIX)
    first = int(query.get("continuation-token") or (int(after) + 1 if after else 0))
    last = min(first + min(int(query.get("max-keys") or PAGE), PAGE), count)
    rest = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < count else ""
    return (f"{BEGIN}<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{last - first}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
            f"<IsTruncated>{'true' if rest else 'false'}</IsTruncated>{rest}"
            + "".join(entry(number, bucket) for number in range(first, last)) + "</ListBucketResult>")


def answer(request, count):
    method, target, _ = request.split("\r\n", 1)[0].split(" ")
    path, _, text = target.partition("?")
    query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    bucket = path.strip("/").split("/")[0]
    if "/" in path.strip("/"):
        return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    if method == "HEAD" or not bucket:
        return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    if "location" in query:
        body = '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    else:
        body = page(bucket, query, count)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}"


async def serve(reader, writer, count):
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(request.decode("latin-1"), count).encode("ascii"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=int(os.environ.get("BENCH_KEYS", COUNT)))
    args = parser.parse_args()
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, args.count), "127.0.0.1", args.port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
