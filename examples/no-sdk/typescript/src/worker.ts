// The two unary calls of a dialled worker.
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { WorkerManifest } from "../gen/sidehook/v1/hook.js";
import {
  type DescribeRequest,
  type DescribeResponse,
  type RunRequest,
  type RunResponse,
  WorkerServiceService,
} from "../gen/sidehook/v1/worker_service.js";
import { answer, type Hook, hooks } from "./hooks.js";

export const WORKER_NAME = "ts-worker";
const PROTOCOL_VERSION = 1;

// RunStream is not served, and the UNIMPLEMENTED of grpc-js makes the sidecar use Run.
const { describe: describeMethod, run: runMethod } = WorkerServiceService;
export const unaryService = {
  describe: describeMethod,
  run: runMethod,
} satisfies ServiceDefinition;

/** The handlers of the service. Each hook waits `delayMs` first, as if it asked a service. */
export function handlers(delayMs: number): {
  describe: handleUnaryCall<DescribeRequest, DescribeResponse>;
  run: handleUnaryCall<RunRequest, RunResponse>;
} {
  return {
    describe: (_call, callback) => callback(null, { manifest: manifest() }),
    run: (call, callback) => {
      run(call, delayMs).then(
        (response) => callback(null, response),
        (error: unknown) => callback(error instanceof Refusal ? error : UNEXPECTED),
      );
    },
  };
}

/** A refusal of the run itself, before or instead of an answer of its hook. */
class Refusal extends Error {
  constructor(
    readonly code: status,
    readonly details: string,
  ) {
    super(details);
  }
}

const UNEXPECTED = new Refusal(status.INTERNAL, `${WORKER_NAME} failed outside its hooks`);

async function run(
  call: ServerUnaryCall<RunRequest, RunResponse>,
  delayMs: number,
): Promise<RunResponse> {
  const hook = selectHook(call.request);
  const signal = cancellation(call);
  try {
    await sleep(delayMs, undefined, { signal });
  } catch {
    console.error(`cancelled hook=${hook.spec.name} call_id=${call.request.callId}`);
    throw new Refusal(status.CANCELLED, "the sidecar cancelled the run, or its time was over");
  }
  return { result: await answer(hook, call.request, signal) };
}

/** Aborts when the sidecar cancels, or when the gRPC deadline, which is the hook's time, is over. */
function cancellation(call: ServerUnaryCall<RunRequest, RunResponse>): AbortSignal {
  const controller = new AbortController();
  call.once("cancelled", () => controller.abort());
  if (call.cancelled) {
    controller.abort();
  }
  return controller.signal;
}

function selectHook(request: RunRequest): Hook {
  const [step, ...otherSteps] = request.steps;
  const [wanted, ...otherHooks] = step?.hooks ?? [];
  if (wanted === undefined || otherSteps.length > 0 || otherHooks.length > 0) {
    throw new Refusal(
      status.INVALID_ARGUMENT,
      `${WORKER_NAME} takes exactly one step with one hook in a run: ` +
        "it does not declare fused_runs",
    );
  }
  const hook = hooks.find(({ spec }) => spec.name === wanted.hook);
  if (hook === undefined) {
    const served = hooks.map(({ spec }) => spec.name).join(", ");
    throw new Refusal(
      status.NOT_FOUND,
      `${WORKER_NAME} has no hook ${JSON.stringify(wanted.hook)}; it serves ${served}`,
    );
  }
  return hook;
}

function manifest(): WorkerManifest {
  return WorkerManifest.fromPartial({
    protocolVersion: PROTOCOL_VERSION,
    worker: WORKER_NAME,
    instance: `${hostname()}:${process.pid}`,
    sdk: "none, grpc-js",
    hooks: hooks.map(({ spec }) => spec),
  });
}
