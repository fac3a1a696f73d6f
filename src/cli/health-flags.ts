/** The flags of health checks. Docker's, and podman's for what follows. */
import type { Flags, ParsedArguments } from "../base/index.ts";
import { type ContainerRequest, parseHealth } from "../engine/index.ts";

export const HEALTH_FLAGS = {
  "health-cmd": {
    kind: "string",
    value: "COMMAND",
    summary: "Find out by this whether the program works; none: do not",
  },
  "health-interval": { kind: "string", value: "TIME", summary: "Wait so long between checks (30s)" },
  "health-timeout": { kind: "string", value: "TIME", summary: "A check that takes longer has failed (30s)" },
  "health-retries": {
    kind: "integer",
    value: "NUMBER",
    summary: "Failures in a row that make it unhealthy (3)",
  },
  "health-start-period": {
    kind: "string",
    value: "TIME",
    summary: "Let it begin: failures do not count so long (0s)",
  },
  "health-start-interval": {
    kind: "string",
    value: "TIME",
    summary: "Wait so long between checks in that time (5s)",
  },
  "health-on-failure": {
    kind: "string",
    value: "none|kill|restart|stop",
    default: "none",
    summary: "What is done with one that has become unhealthy",
  },
  "no-healthcheck": { kind: "boolean", summary: "Check nothing, whatever the image says" },
} as const satisfies Flags;

/** @throws {InvalidOption} */
export function healthOf(flags: ParsedArguments<typeof HEALTH_FLAGS>["flags"]): ContainerRequest["health"] {
  return parseHealth({
    command: flags["health-cmd"],
    interval: flags["health-interval"],
    timeout: flags["health-timeout"],
    retries: flags["health-retries"],
    startPeriod: flags["health-start-period"],
    startInterval: flags["health-start-interval"],
    onFailure: flags["health-on-failure"],
    isOff: flags["no-healthcheck"],
  });
}
