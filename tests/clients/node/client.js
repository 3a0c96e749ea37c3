// Calls methods of inventory.v1. The protos are read at run time; nothing is generated.

import path from "node:path";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const DEADLINE_MS = 30_000;

const FILES = [
  "inventory_grpc/v1/changes.proto",
  "inventory_grpc/v1/holds.proto",
  "inventory_grpc/v1/orders.proto",
  "inventory_grpc/v1/products.proto",
  "inventory_grpc/v1/stock.proto",
  "inventory_grpc/v1/errors.proto",
  "google/rpc/status.proto",
];

export class Client {
  /** `protos` is the directory that holds inventory_grpc/. */
  constructor(address, protos) {
    this.types = protoLoader.loadSync(FILES, {
      includeDirs: [protos, path.dirname(fileURLToPath(import.meta.url))],
      // Quantities are int64: beyond 2^53 a number would lose units.
      longs: String,
      enums: String,
    });
    const { ProductService, OrderService, HoldService, StockService, ChangeService } =
      grpc.loadPackageDefinition(this.types).inventory.v1;
    const plaintext = grpc.credentials.createInsecure();
    this.products = new ProductService(address, plaintext);
    this.orders = new OrderService(address, plaintext);
    this.holds = new HoldService(address, plaintext);
    this.stock = new StockService(address, plaintext);
    this.changes = new ChangeService(address, plaintext);
  }

  close() {
    const { products, orders, holds, stock, changes } = this;
    for (const service of [products, orders, holds, stock, changes]) {
      service.close();
    }
  }

  call(service, method, request) {
    const options = { deadline: Date.now() + DEADLINE_MS };
    return promisify(service[method].bind(service))(request, new grpc.Metadata(), options);
  }

  /** Calls a mutation under a request id of its own. */
  change(service, method, request) {
    return this.call(service, method, { ...request, requestId: randomUUID() });
  }

  /** All messages of a stream. */
  async all(service, method, request) {
    const options = { deadline: Date.now() + DEADLINE_MS };
    const messages = [];
    for await (const message of service[method](request, new grpc.Metadata(), options)) {
      messages.push(message);
    }
    return messages;
  }

  /** How a call is refused; throws if it is not. */
  async refusal(promise) {
    try {
      await promise;
    } catch (error) {
      return { code: grpc.status[error.code], details: this.#detailsOf(error) };
    }
    throw new Error("the call was not refused");
  }

  /** The details of a failed call, each decoded to a plain object with its type. */
  #detailsOf(error) {
    const [trailer] = error.metadata.get("grpc-status-details-bin");
    const status = this.types["google.rpc.Status"].deserialize(trailer);
    return status.details.map(({ type_url, value }) => {
      const name = type_url.split("/").pop();
      return { "@type": type_url, ...this.types[name].deserialize(value) };
    });
  }
}
