// Creates a product, orders it, asks for more than there is, cancels, and prints what it saw as
// one line of JSON. The protos are read at run time; nothing is generated.
//
// node journey.js ADDRESS PROTOS SKU, where PROTOS is the directory that holds inventory_grpc/.

import path from "node:path";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const DEADLINE_MS = 30_000;

const [address, protos, sku] = process.argv.slice(2);

const types = protoLoader.loadSync(
  [
    "inventory_grpc/v1/orders.proto",
    "inventory_grpc/v1/products.proto",
    "inventory_grpc/v1/errors.proto",
    "google/rpc/status.proto",
  ],
  {
    includeDirs: [protos, path.dirname(fileURLToPath(import.meta.url))],
    // Quantities are int64: beyond 2^53 a number would lose units.
    longs: String,
    enums: String,
  },
);
const api = grpc.loadPackageDefinition(types).inventory.v1;

function call(client, method, request) {
  const options = { deadline: Date.now() + DEADLINE_MS };
  return promisify(client[method].bind(client))(request, new grpc.Metadata(), options);
}

/** The details of a failed call, each decoded to a plain object with its type. */
function detailsOf(error) {
  const [trailer] = error.metadata.get("grpc-status-details-bin");
  const status = types["google.rpc.Status"].deserialize(trailer);
  return status.details.map(({ type_url, value }) => {
    const name = type_url.split("/").pop();
    return { "@type": type_url, ...types[name].deserialize(value) };
  });
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { code: grpc.status[error.code], details: detailsOf(error) };
  }
  throw new Error("the call was not refused");
}

async function journey(products, orders) {
  const created = await call(products, "createProduct", {
    product: { sku, name: "Blue mug", price: { currencyCode: "EUR", units: "12" } },
    initialStock: [{ quantity: "5" }],
    requestId: randomUUID(),
  });
  const ordered = await call(orders, "createOrder", {
    lines: [{ product: { sku }, quantity: "2" }],
    requestId: randomUUID(),
  });
  const refused = await refusal(
    call(orders, "createOrder", {
      lines: [{ product: { sku }, quantity: "9" }],
      requestId: randomUUID(),
    }),
  );
  const cancelled = await call(orders, "cancelOrder", {
    orderId: ordered.order.orderId,
    reason: "changed my mind",
    requestId: randomUUID(),
  });
  const left = await call(products, "getProduct", { product: { sku } });
  return { created, ordered, refused, cancelled, left };
}

const plaintext = grpc.credentials.createInsecure();
const products = new api.ProductService(address, plaintext);
const orders = new api.OrderService(address, plaintext);
try {
  console.log(JSON.stringify(await journey(products, orders)));
} finally {
  products.close();
  orders.close();
}
