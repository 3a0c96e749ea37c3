// A shop's afternoon: a product, an order, a refusal, a hold that becomes an order, and the changes
// that all of this made.
//
// node order.js [ADDRESS]

import { Inventory, Refusal } from "./client.js";

const address = process.argv[2] ?? "127.0.0.1:50051";
const inventory = new Inventory(address, { say: (line) => console.error(line) });
const { products, orders, holds } = inventory;

const product = { sku: `TEA-${Date.now()}` };
const created = await inventory.write(products, "createProduct", {
  product: { ...product, name: "Tea", price: { currency_code: "EUR", units: "4", nanos: 500000000 } },
  initial_stock: [{ quantity: "10" }],
});
console.log("created: version", created.product.version);

const { order } = await inventory.write(orders, "createOrder", {
  lines: [{ product, quantity: "3" }],
  customer_reference: "web-1042",
  labels: [{ key: "gift", value: "yes" }],
});
console.log("ordered:", order.status, order.total.units, order.total.currency_code);

try {
  await inventory.write(orders, "createOrder", { lines: [{ product, quantity: "8" }] });
} catch (refusal) {
  if (!(refusal instanceof Refusal) || refusal.reason !== "INSUFFICIENT_STOCK") {
    throw refusal;
  }
  const [shortage] = refusal.detail("inventory.v1.InsufficientStock").shortages;
  console.log(`refused: ${shortage.requested} requested, ${shortage.available} available`);
}

const { hold } = await inventory.write(holds, "createHold", {
  lines: [{ product, quantity: "2" }],
  ttl: { seconds: "300" },
  owner_reference: "cart-7",
});
const converted = await inventory.write(holds, "convertHold", { hold_id: hold.hold_id });
console.log("converted:", converted.hold.status, converted.order.status);

// What happened since the product was made. Whoever stops keeps the token and misses nothing.
const filter = { product_ids: [created.product.product_id], kinds: ["CHANGE_KIND_ORDER"] };
const first = await next(inventory.watch(created.resume_token, filter));
console.log("seen:", first.change.order.status, first.change.order.customer_reference);
await inventory.write(orders, "cancelOrder", { order_id: order.order_id, reason: "changed my mind" });
for await (const { change } of inventory.watch(first.token, filter)) {
  console.log("seen:", change.order.status, change.order.customer_reference || "(from the hold)");
  if (change.order.order_id === order.order_id) {
    break;
  }
}

const left = await inventory.read(products, "getProduct", { product });
console.log("left:", left.product.stock.available, "of", left.product.stock.on_hand);
inventory.close();

async function next(changes) {
  for await (const each of changes) {
    return each;
  }
}
