/** A registry that does what a test's script says, one answer per request, and remembers what it was asked. */

/** What the registry was asked, the body read whole. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** One answer of the script. */
export type Answer = (asked: Asked, request: Request) => Response | Promise<Response>;

/** A `fetch` that gives `answers` in order; the request after the last one is an error. */
export function scriptedRegistry(...answers: Answer[]): {
  fetch: (request: Request) => Promise<Response>;
  asked: Asked[];
} {
  const asked: Asked[] = [];
  return {
    asked,
    fetch: async (request) => {
      const body = request.body === null ? "" : await request.text();
      const one = { method: request.method, url: request.url, headers: request.headers, body };
      asked.push(one);
      const answer = answers[asked.length - 1];
      if (answer === undefined) throw new Error(`The script has no answer to ${one.method} ${one.url}`);
      return await answer(one, request);
    },
  };
}

/** An answer with this status, text and headers. */
export function answer(
  status: number,
  body: string | null = null,
  headers: Record<string, string> = {},
): Answer {
  return () => new Response(body, { status, headers });
}

/** A 401 with this challenge. */
export function challenge(wwwAuthenticate: string): Answer {
  return answer(401, null, { "www-authenticate": wwwAuthenticate });
}

/** A body of these chunks that then ends, breaks with `failure`, or (`"never"`) says nothing more. */
export function bodyOf(chunks: readonly string[], end?: Error | "never"): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks[next++];
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (end instanceof Error) controller.error(end);
      else if (end === "never") await new Promise(() => undefined);
      else controller.close();
    },
  });
}

/** A body without end. */
export function endlessBody(): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(65_536));
    },
  });
}
