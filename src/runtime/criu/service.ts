/**
 * A conversation with `criu swrk`: one request over a socket of sequenced packets, the moments of the work that CRIU
 * tells of, and its answer. Source: criu.org, RPC; criu images/rpc.proto.
 */
import {
  check,
  closeSync,
  errno,
  errnoOf,
  type Received,
  receiveMessage,
  sendMessage,
} from "../../sys/index.ts";
import { CriuFailed } from "./errors.ts";
import { lastErrors } from "./log-excerpt.ts";
import {
  type CriuNotify,
  type CriuRequest,
  type CriuResponse,
  decodeResponse,
  encodeRequest,
  REQUEST,
  type RequestType,
} from "./messages.ts";
import { InvalidMessage } from "./protobuf.ts";

/** The longest answer. */
const MAX_BYTES = 40_960;

/** How a conversation is watched. */
export interface Watch {
  /** CRIU waits until this returns, and takes back what it did when this throws. Descriptors are closed afterwards. */
  readonly onNotify?: (notify: CriuNotify, descriptors: readonly number[]) => void;
  /** The first word from CRIU, whatever it is. */
  readonly onFirst?: () => void;
}

/**
 * Asks CRIU at the other end of `socket` for `type` and waits for its answer, a success.
 * @throws {CriuFailed} {InvalidMessage}, and what `onNotify` throws
 */
export function converse(
  socket: number,
  type: RequestType,
  request: Omit<CriuRequest, "type">,
  watch: Watch = {},
): CriuResponse {
  send(socket, type, { type: REQUEST[type], ...request });
  const bytes = new Uint8Array(new ArrayBuffer(MAX_BYTES));
  for (let isFirst = true; ; isFirst = false) {
    const { length, descriptors } = receive(socket, bytes, type);
    try {
      if (isFirst) watch.onFirst?.();
      const response = decode(bytes, length, type);
      if (response.type !== REQUEST.NOTIFY) {
        if (response.type === REQUEST[type]) return response;
        throw new InvalidMessage({
          why: `it answers a request of type ${response.type}, not ${type},`,
          at: 0,
        });
      }
      if (response.notify !== undefined) watch.onNotify?.(response.notify, descriptors);
    } finally {
      for (const descriptor of descriptors) closeSync(descriptor);
    }
    send(socket, type, { type: REQUEST.NOTIFY, notify_success: true });
  }
}

function send(socket: number, type: RequestType, request: CriuRequest): void {
  const result = sendMessage(socket, encodeRequest(request));
  if (result === -errno.EPIPE || result === -errno.ECONNRESET) throw ended(type);
  check(result, "sendmsg", "criu");
}

function receive(socket: number, bytes: Uint8Array<ArrayBuffer>, type: RequestType): Received {
  try {
    return receiveMessage(socket, bytes);
  } catch (error) {
    // It was closed over there with something of ours in it.
    throw errnoOf(error) === "ECONNRESET" ? ended(type) : error;
  }
}

function ended(type: RequestType): CriuFailed {
  return failed(type, "ended without an answer", "");
}

function decode(bytes: Uint8Array, length: number, type: RequestType): CriuResponse {
  if (length === 0) throw ended(type);
  if (length === bytes.length) throw new InvalidMessage({ why: "it is too long, cut off", at: length });
  const response = decodeResponse(bytes.subarray(0, length));
  if (response.success) return response;
  const failing = Object.entries(REQUEST).find(([, number]) => number === response.type)?.[0];
  throw failed(failing ?? type, `errno ${response.cr_errno}`, response.cr_errmsg);
}

/** `text`: the first error that CRIU met, which need not be what it failed of; its log says more. */
function failed(type: string, why: string, text: string): CriuFailed {
  return new CriuFailed({ type, why, logFile: undefined, lines: lastErrors(text) });
}
