// Creates a product, orders it, asks for more than there is, and cancels; then holds units of
// another one and converts some of them; then writes between two streams of changes, each read to
// its end; and prints what it saw as one line of JSON.
//
// node journey.js ADDRESS PROTOS SKU HELD_SKU WATCHED_SKU, where PROTOS is the directory that holds
// inventory_grpc/.

import { Client } from "./client.js";

const [address, protos, sku, heldSku, watchedSku] = process.argv.slice(2);

function createProduct(client, product) {
  return client.change(client.products, "createProduct", {
    product: { name: "Blue mug", price: { currencyCode: "EUR", units: "12" }, ...product },
    initialStock: [{ quantity: "5" }],
  });
}

async function orderJourney(client) {
  const created = await createProduct(client, { sku });
  const ordered = await client.change(client.orders, "createOrder", {
    lines: [{ product: { sku }, quantity: "2" }],
  });
  const refused = await client.refusal(
    client.change(client.orders, "createOrder", { lines: [{ product: { sku }, quantity: "9" }] }),
  );
  const cancelled = await client.change(client.orders, "cancelOrder", {
    orderId: ordered.order.orderId,
    reason: "changed my mind",
  });
  const left = await client.call(client.products, "getProduct", { product: { sku } });
  return { created, ordered, refused, cancelled, left };
}

async function holdJourney(client) {
  const product = { sku: heldSku };
  const created = await createProduct(client, product);
  const held = await client.change(client.holds, "createHold", {
    lines: [{ product, quantity: "3" }],
    ttl: { seconds: "60" },
    ownerReference: "cart-7",
  });
  const meanwhile = await client.call(client.products, "getProduct", { product });
  const { holdId } = held.hold;
  const converted = await client.change(client.holds, "convertHold", {
    holdId,
    lines: [{ lineNumber: 1, quantity: "2" }],
    remainder: "HOLD_REMAINDER_RELEASE",
  });
  const refused = await client.refusal(client.change(client.holds, "convertHold", { holdId }));
  const hold = await client.call(client.holds, "getHold", { holdId });
  const left = await client.call(client.products, "getProduct", { product });
  const checked = await client.all(client.stock, "checkConsistency", { products: [product] });
  return { created, held, meanwhile, converted, refused, hold, left, checked };
}

async function watchJourney(client) {
  const before = await client.all(client.changes, "watchChanges", {});
  const created = await createProduct(client, { sku: watchedSku });
  const ordered = await client.change(client.orders, "createOrder", {
    lines: [{ product: { sku: watchedSku }, quantity: "1" }],
  });
  const after = await client.all(client.changes, "watchChanges", {
    resumeToken: before.at(-1).resumeToken,
    filter: { productIds: [created.product.productId] },
  });
  return { before, created, ordered, after };
}

const client = new Client(address, protos);
try {
  const orders = await orderJourney(client);
  const holds = await holdJourney(client);
  const changes = await watchJourney(client);
  console.log(JSON.stringify({ orders, holds, changes }));
} finally {
  client.close();
}
