/** What whoever runs a registry asks of it: whether it lives, whether it can work, and its numbers. */
import type { OpenRegistry } from "../registry.ts";

/** Answers `/healthz` and `/readyz`; undefined: the request is about something else. */
export function answerHealth(registry: OpenRegistry, path: string): Response | undefined {
  if (path === "/healthz") return new Response("ok\n");
  if (path !== "/readyz") return undefined;
  const why = registry.readiness();
  return why === undefined ? new Response("ok\n") : new Response("not ready\n", { status: 503 });
}

/** Answers these and `/metrics`: on an address of its own, since they tell more than clients need to know. */
export function answerAdmin(registry: OpenRegistry, request: Request): Response {
  const { pathname } = new URL(request.url);
  if (pathname === "/metrics")
    return new Response(registry.metrics.encode(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  return answerHealth(registry, pathname) ?? new Response("not found\n", { status: 404 });
}
