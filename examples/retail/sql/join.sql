-- SPDX-License-Identifier: Apache-2.0
-- One row a shop and product for $day: what was sold, for how much, and what should be left of it.
-- Deleting the day first makes a second run of the same day give the same table.
create table if not exists retail.daily_stock (
  day date, shop varchar, product varchar,
  units_sold bigint, revenue_cents bigint, stock_before bigint, stock_after bigint);

delete from retail.daily_stock where day = cast($day as date);

insert into retail.daily_stock
with sold as (
  select shop, product, sum(units)::bigint as units_sold, sum(units * price_cents)::bigint as revenue_cents
  from retail.sales where day = cast($day as date) group by shop, product),
counted as (
  select shop, product, sum(change)::bigint as stock_before
  from retail.inventory where day = cast($day as date) group by shop, product)
select cast($day as date), coalesce(sold.shop, counted.shop), coalesce(sold.product, counted.product),
       coalesce(units_sold, 0), coalesce(revenue_cents, 0), coalesce(stock_before, 0),
       coalesce(stock_before, 0) - coalesce(units_sold, 0)
from sold full join counted on sold.shop = counted.shop and sold.product = counted.product;
