#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the retail example's data for some days, and the answer the workflow must find.

    generate.py FOLDER --day 2026-02-28 [--days 1] [--size 50MB] [--seed 1]

FOLDER/clouds/az/pos-data/sales/DAY/shop-NNN.json   sales of the tills, one JSON object a line
FOLDER/clouds/s3/inventory-logs/DAY/shop-NNN.csv    changes of the stock
FOLDER/answer/DAY.csv                               the joined table, computed here without SQL
The same arguments give the same bytes.
"""
import argparse
import collections
import csv
import datetime
import json
import pathlib
import random

PRODUCTS = [
    "espresso beans 1 kg", "crème brûlée", "oat milk", "green tea", "rye bread", "blueberries 250 g",
    "olive oil", "dark chocolate 70 %", "sparkling water", "gift card", "jalapeño sauce", "日本茶",
]
SALE_BYTES = 190  # one line, about
PART_OF_SALES = 0.9  # of the size; the rest is inventory


def size_in_bytes(text):
    units = {"kB": 1000, "MB": 1000**2, "GB": 1000**3}
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


def write_sales(folder, day, rng, lines, shop, sold):
    till_start = datetime.datetime.combine(day, datetime.time(8))
    with open(folder / f"{shop}.json", "w", encoding="utf-8", newline="\n") as out:
        for number in range(lines):
            product = rng.choice(PRODUCTS)
            units = rng.randint(1, 5)
            price = rng.randint(99, 4999)
            at = till_start + datetime.timedelta(seconds=rng.randrange(12 * 3600))
            out.write(json.dumps({
                "sale": f"{shop}-{day:%Y%m%d}-{number:07d}", "day": day.isoformat(), "at": at.isoformat() + "Z",
                "shop": shop, "till": rng.randint(1, 9), "product": product, "units": units, "price_cents": price,
            }, ensure_ascii=False) + "\n")
            units_sold, revenue = sold[shop, product]
            sold[shop, product] = (units_sold + units, revenue + units * price)


def write_inventory(folder, day, rng, lines, shop, stock):
    with open(folder / f"{shop}.csv", "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["day", "shop", "product", "change", "reason"])
        for _ in range(lines):
            product = rng.choice(PRODUCTS)
            change = rng.randint(-3, 60)
            reason = "delivery" if change > 0 else 'broken, "as is"'
            rows.writerow([day.isoformat(), shop, product, change, reason])
            stock[shop, product] += change


def write_day(root, day, size, seed):
    rng = random.Random(f"{seed}/{day.isoformat()}")
    sales = root / "clouds/az/pos-data/sales" / day.isoformat()
    logs = root / "clouds/s3/inventory-logs" / day.isoformat()
    answers = root / "answer"
    for folder in (sales, logs, answers):
        folder.mkdir(parents=True, exist_ok=True)
    shops = [f"shop-{n:03d}" for n in range(1, max(2, min(24, size // 100_000)) + 1)]
    sale_lines = max(1, int(size * PART_OF_SALES / SALE_BYTES / len(shops)))
    log_lines = max(1, int(size * (1 - PART_OF_SALES) / 50 / len(shops)))
    sold = collections.defaultdict(lambda: (0, 0))
    stock = collections.Counter()
    for shop in shops:
        write_sales(sales, day, rng, sale_lines, shop, sold)
        write_inventory(logs, day, rng, log_lines, shop, stock)
    with open(answers / f"{day.isoformat()}.csv", "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["day", "shop", "product", "units_sold", "revenue_cents", "stock_before", "stock_after"])
        for shop, product in sorted(set(sold) | set(stock)):
            units, revenue = sold.get((shop, product), (0, 0))
            before = stock.get((shop, product), 0)
            rows.writerow([day.isoformat(), shop, product, units, revenue, before, before - units])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--day", type=datetime.date.fromisoformat, required=True)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--size", type=size_in_bytes, default=size_in_bytes("50MB"), help="of a day, for example 2MB")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for n in range(args.days):
        write_day(args.folder, args.day + datetime.timedelta(days=n), args.size, args.seed)


if __name__ == "__main__":
    main()
