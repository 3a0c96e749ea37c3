// What a careful client of inventory.v1 does, on @grpc/grpc-js and the descriptor set alone: nothing
// is generated, and no .proto file is needed. With a descriptor set, fields have their names of the
// protos (order_id), and a map is a list of {key, value}.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

// Copy it beside your program; the Python package has it, too.
const DESCRIPTORS = new URL("../../../inventory_grpc/v1/inventory.protoset", import.meta.url);

const types = protoLoader.loadFileDescriptorSetFromBuffer(readFileSync(DESCRIPTORS), {
  // Quantities are int64: beyond 2^53 a number would lose units.
  longs: String,
  enums: String,
});
const services = grpc.loadPackageDefinition(types).inventory.v1;

const ATTEMPT_MS = 5_000;
const CALL_MS = 30_000;
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 2_000;
// After these codes the outcome is unknown; with the same request_id it is safe to ask again.
const UNKNOWN_OUTCOME = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"];
const PASSING = ["CONTENTION", "RATE_LIMITED", "SLOW_CONSUMER"];

/** A call that was refused, or did not get through: its code, and if a handler answered, why. */
export class Refusal extends Error {
  constructor(error) {
    super(error.details, { cause: error });
    this.code = grpc.status[error.code];
    this.details = detailsOf(error);
    const { reason = "", metadata = [] } = this.detail("google.rpc.ErrorInfo") ?? {};
    this.reason = reason;
    this.metadata = Object.fromEntries(metadata.map(({ key, value }) => [key, value]));
    const [pushback] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
    this.pauseMs = Number(pushback ?? 0);
  }

  /** The detail of that type, such as "inventory.v1.InsufficientStock". */
  detail(type) {
    return this.details.find((each) => each["@type"] === type);
  }

  get isPassing() {
    return UNKNOWN_OUTCOME.includes(this.code) || PASSING.includes(this.reason);
  }
}

function detailsOf(error) {
  const [trailer] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (trailer === undefined) {
    return []; // No handler answered: no connection, or a limit of gRPC itself.
  }
  return types["google.rpc.Status"].deserialize(trailer).details.map(({ type_url, value }) => {
    const type = type_url.split("/").pop();
    return { "@type": type, ...types[type]?.deserialize(value) };
  });
}

export class Inventory {
  /**
   * `credentials` is what the connection is made with (`grpc.credentials.createSsl(…)`), `metadata`
   * what travels with every call, such as an x-api-key. `say` is told of every attempt that has to
   * be repeated.
   */
  constructor(
    address,
    {
      credentials = grpc.credentials.createInsecure(),
      metadata = new grpc.Metadata(),
      say = () => {},
    } = {},
  ) {
    this.metadata = metadata;
    this.say = say;
    // One connection for all services.
    this.channel = new grpc.Client(address, credentials).getChannel();
    const options = { channelOverride: this.channel };
    for (const name of ["Product", "Stock", "Hold", "Order", "Change"]) {
      this[`${name.toLowerCase()}s`] = new services[`${name}Service`](address, credentials, options);
    }
  }

  close() {
    this.channel.close();
  }

  /** Calls a method; `read(inventory.products, "getProduct", {…})`. */
  async read(service, method, request) {
    const deadline = Date.now() + CALL_MS;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(service, method, request, Math.min(deadline, Date.now() + ATTEMPT_MS));
      } catch (refusal) {
        const pauseMs = pause(refusal, attempt);
        if (!refusal.isPassing || Date.now() + pauseMs > deadline) {
          throw refusal;
        }
        this.say(`${method}: ${refusal.reason || refusal.code}, again in ${pauseMs} ms`);
        await sleep(pauseMs);
      }
    }
  }

  #once(service, method, request, deadline) {
    return new Promise((resolve, reject) => {
      service[method](request, this.metadata, { deadline }, (error, answer) => {
        error ? reject(new Refusal(error)) : resolve(answer);
      });
    });
  }

  /** Calls a mutation under one request id: however often it is repeated, it happens once. */
  write(service, method, request) {
    return this.read(service, method, { request_id: randomUUID(), ...request });
  }

  /** Every change behind the token, each with the token behind it, until the caller stops. */
  async *watch(token, filter = {}) {
    for (let attempt = 0; ; attempt += 1) {
      const stream = this.changes.watchChanges({ resume_token: token, filter }, this.metadata);
      try {
        for await (const message of stream) {
          token = message.resume_token;
          attempt = 0;
          if (message.change) {
            yield { change: message.change, token };
          }
        }
      } catch (error) {
        const refusal = new Refusal(error);
        if (!refusal.isPassing) {
          throw refusal;
        }
        this.say(`watchChanges: ${refusal.reason || refusal.code}, resuming`);
        await sleep(pause(refusal, attempt));
      } finally {
        stream.cancel();
      }
    }
  }
}

/** What the server asked for, and a random time on top: not all clients at the same moment. */
function pause(refusal, attempt) {
  const backoff = Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MS_MAX);
  return Math.round((refusal.pauseMs ?? 0) + backoff * Math.random());
}
