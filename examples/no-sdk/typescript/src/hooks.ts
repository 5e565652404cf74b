// What this worker serves: its hooks, and the functions that answer for them.
import { parse, stringify } from "lossless-json";
import { FailureClass, type HookSpec, Mode } from "../gen/sidehook/v1/hook.js";
import type { Value } from "../gen/sidehook/v1/payload.js";
import { HookError, HookResult, type RunRequest } from "../gen/sidehook/v1/worker_service.js";

/** The answer of a hook: exactly one of proceed, patch, block and error. */
type Answer = NonNullable<HookResult["answer"]>;

/**
 * What the manifest says of a hook, and the function that answers for it.
 *
 * What the function throws is a failure of the hook, never a "no": what the
 * call then does is for the hook's error policy to say. It stops early, if it
 * takes long, when the signal is aborted.
 */
export interface Hook {
  readonly spec: HookSpec;
  readonly handle: (run: RunRequest, signal: AbortSignal) => Answer | Promise<Answer>;
}

/** A failure with a stable name. Its message is for operators and holds nothing of the payload. */
class HookFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const TAG_MEMBER = "ts_seen";
const FORBIDDEN_TYPE = "Forbidden-ts";

/** Everything this worker serves. What a spec leaves unset has the default of its mode. */
export const hooks: readonly Hook[] = [
  {
    spec: {
      name: "ts-tag",
      hookType: "component_pre_execute",
      mode: Mode.TRANSFORM,
      priority: 40,
      fields: { names: ["model_options"] },
      idempotent: true,
      description: "Marks the model options as seen by TypeScript.",
    },
    handle: tag,
  },
  {
    spec: {
      name: "ts-guard",
      hookType: "component_pre_execute",
      mode: Mode.CONCURRENT,
      fields: { names: ["component_type"] },
      idempotent: true,
      description: `Blocks components of the type ${FORBIDDEN_TYPE}.`,
    },
    handle: guard,
  },
  {
    spec: {
      name: "ts-fail",
      hookType: "tool_post_invoke",
      mode: Mode.AUDIT,
      description: "Always fails, to show what a failure looks like.",
    },
    handle: fail,
  },
];

/** Calls a hook, and turns what it throws into the error of its result. */
export async function answer(
  hook: Hook,
  run: RunRequest,
  signal: AbortSignal,
): Promise<HookResult> {
  // The index stays 0: there is one hook in the run.
  try {
    return HookResult.fromPartial({ answer: await hook.handle(run, signal) });
  } catch (error) {
    return HookResult.fromPartial({ answer: { $case: "error", value: hookError(error) } });
  }
}

function tag(run: RunRequest): Answer {
  const options = decodeField(run, "model_options") ?? {};
  if (!isObject(options)) {
    throw unexpectedField("model_options", "a JSON object");
  }
  // A patch holds the changed fields only, each of them whole.
  const fields = new Map([["model_options", encode({ ...options, [TAG_MEMBER]: true })]]);
  return { $case: "patch", value: { fields } };
}

function guard(run: RunRequest): Answer {
  const componentType = decodeField(run, "component_type") ?? "";
  if (typeof componentType !== "string") {
    throw unexpectedField("component_type", "a JSON string");
  }
  if (componentType !== FORBIDDEN_TYPE) {
    return { $case: "proceed", value: {} };
  }
  return {
    $case: "block",
    value: {
      reason: "components of this type are forbidden",
      code: "FORBIDDEN_WORD",
      description: "",
      details: Buffer.from(JSON.stringify({ word: componentType })),
      hook: "",
      worker: "",
    },
  };
}

function fail(): Answer {
  throw new HookFailure("ALWAYS_FAILS", "ts-fail fails on every call");
}

/** Returns a field's decoded JSON, or undefined when the payload does not have the field. */
function decodeField(run: RunRequest, name: string): unknown {
  const kind = run.payload?.fields.get(name)?.kind;
  if (kind === undefined) {
    return undefined;
  }
  if (kind.$case !== "json") {
    throw unexpectedField(name, "JSON");
  }
  try {
    // Buffer.toString would mend what is not UTF-8, and JSON.parse makes a double
    // of every number: 2^60+1 would lose its last digits and 1.0 its point.
    return parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(kind.value));
  } catch {
    // What the decoder says is left out: it may quote the payload.
    throw unexpectedField(name, "JSON in UTF-8");
  }
}

function unexpectedField(name: string, wanted: string): HookFailure {
  return new HookFailure("UNEXPECTED_FIELD", `the field ${name} is not ${wanted}`);
}

/** Tells a JSON object from the class that stands for a number here, and from an array. */
function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

function encode(value: unknown): Value {
  const text = stringify(value);
  if (text === undefined) {
    throw new HookFailure("UNEXPECTED_PATCH", "the patch has no JSON text");
  }
  return { kind: { $case: "json", value: Buffer.from(text) } };
}

function hookError(error: unknown): HookError {
  const failureClass = FailureClass.RAISED;
  if (error instanceof HookFailure) {
    return { failureClass, code: error.code, message: error.message };
  }
  // Only its name: the message of an error that nobody foresaw may quote the payload.
  const code = error instanceof Error ? error.name : "UNKNOWN";
  return { failureClass, code, message: `the hook threw ${code}` };
}
