/** Flags that several commands about images have. */
import { InvalidOption, type PullPolicy } from "../engine/index.ts";
import { type Platform, parsePlatform } from "../spec/index.ts";

export const PLATFORM_FLAG = {
  kind: "string",
  value: "OS/ARCH[/VARIANT]",
  summary: "Platform of the image, if it offers several",
} as const;

export const INSECURE_FLAG = {
  kind: "boolean",
  summary: "Speak plain http to the registry; loopback ones are spoken to so anyhow",
} as const;

export const SIGNATURE_POLICY_FLAG = {
  kind: "string",
  value: "FILE",
  summary: "Which signatures the image needs (default the policy.json of containers on this machine)",
} as const;

export const QUIET_FLAG = { kind: "boolean", short: "q", summary: "Show no progress" } as const;

export const PULL_FLAG = {
  kind: "string",
  value: "always|missing|never",
  default: "missing",
  summary: "When to ask the registry for the image",
} as const;

/** The value of --pull. @throws {InvalidOption} */
export function pullPolicyOf(text: string): PullPolicy {
  if (text === "always" || text === "missing" || text === "never") return text;
  throw new InvalidOption(
    { option: "--pull", value: text },
    `invalid pull option: '${text}': must be one of "always", "missing" or "never"`,
  );
}

/** The value of --platform; absent, and as docker has it also where only the system is named: this machine's. */
export function platformOf(text: string | undefined): Platform | undefined {
  return text === undefined || text === "" || text === "linux" ? undefined : parsePlatform(text);
}
