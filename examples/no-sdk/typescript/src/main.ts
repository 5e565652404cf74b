// Serves Sidehook hooks on generated stubs and grpc-js alone.
//
// The sidecar dials it on the address of --listen. It prints READY and that
// address once it can be dialled, and stops on SIGTERM.
import { lstatSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { handlers, unaryService, WORKER_NAME } from "./worker.js";

// A worker that declares no limits has to take 16 MiB and an envelope of 1 MiB;
// grpc-js refuses what is over 4 MiB unless it is told otherwise.
const MAX_MESSAGE_BYTES = 17 * 1024 * 1024;
const STOP_GRACE_MS = 5_000;
const UNIX_SCHEME = "unix://";
const USAGE = "usage: worker --listen unix:///path|host:port [--delay-ms N]";

interface Options {
  readonly listen: string;
  readonly delayMs: number;
}

function options(): Options {
  try {
    const { values } = parseArgs({
      options: { listen: { type: "string" }, "delay-ms": { type: "string", default: "0" } },
    });
    const delayMs = Number(values["delay-ms"]);
    if (values.listen && Number.isInteger(delayMs) && delayMs >= 0) {
      return { listen: values.listen, delayMs };
    }
  } catch {
    // An option that does not exist ends as one that is missing does.
  }
  console.error(USAGE);
  process.exit(2);
}

/** Deletes the socket that a killed worker left behind, and leaves one alone that is answered. */
async function removeStaleSocket(path: string): Promise<void> {
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(null);
    });
    connection.once("error", resolve);
  });
  if (failure === null) {
    throw new Error(`another process serves on ${path}; stop it or choose another path`);
  }
  if (failure.code === "ENOENT") {
    return;
  }
  // A file of another kind refuses connections too, and must stay.
  if (failure.code !== "ECONNREFUSED" || !lstatSync(path).isSocket()) {
    throw failure;
  }
  rmSync(path);
}

/** Binds the server, and returns the address that it can be dialled on. */
async function bind(server: Server, address: string): Promise<string> {
  if (address.startsWith(UNIX_SCHEME)) {
    await removeStaleSocket(address.slice(UNIX_SCHEME.length));
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return address.startsWith(UNIX_SCHEME) ? address : address.replace(/:\d+$/, `:${port}`);
}

/** Takes no new runs, finishes those under way, and cuts off what takes too long. */
function stop(server: Server): void {
  const forced = setTimeout(() => server.forceShutdown(), STOP_GRACE_MS);
  server.tryShutdown(() => clearTimeout(forced));
}

const { listen, delayMs } = options();
const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
server.addService(unaryService, handlers(delayMs));
try {
  const address = await bind(server, listen);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => stop(server));
  }
  console.log(`READY ${address}`);
} catch (error) {
  console.error(`${WORKER_NAME}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
