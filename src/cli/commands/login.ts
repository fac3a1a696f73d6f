/** `teu login`: who we are to a registry. Docker's flags; the registry is asked before anything is kept. */
import { print, printError } from "../../base/index.ts";
import { InvalidOption, type KeptIn, logIn, logInByEntra } from "../../engine/index.ts";
import { isTerminal } from "../../sys/index.ts";
import { askLine } from "../ask.ts";
import { teuCommand } from "../context.ts";
import { INSECURE_FLAG } from "../image-flags.ts";
import { readHidden } from "../password.ts";
import { authFile, REGISTRY_FLAGS } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu login",
  summary: "Tell a registry who we are, and keep that",
  description: `It is kept where docker keeps it: in the helper that docker's config.json names, or in that file itself, which only its owner reads. Without REGISTRY
it is Docker Hub. At a terminal the account and the password are asked for.`,
  flags: {
    username: { kind: "string", short: "u", value: "NAME", summary: "The account" },
    password: {
      kind: "string",
      short: "p",
      value: "TEXT",
      summary: "Others on this machine see it: rather --password-stdin",
    },
    "password-stdin": { kind: "boolean", summary: "Read the password, or a token, from stdin" },
    "entra-token-stdin": {
      kind: "boolean",
      summary:
        "Read an access token of Microsoft Entra from stdin; an Azure registry changes it for one of its own",
    },
    "entra-tenant": { kind: "string", value: "ID", summary: "The tenant that gave it" },
    authfile: authFile(" to keep it in"),
    "tls-verify": REGISTRY_FLAGS["tls-verify"],
    insecure: INSECURE_FLAG,
  },
  arguments: [{ name: "REGISTRY", isOptional: true }],
  examples: [
    { command: "teu login -u me --password-stdin registry.example < token", says: "From a file" },
    {
      command:
        "az account get-access-token --query accessToken --output tsv | teu login --entra-token-stdin me.azurecr.example",
      says: "As whom Azure knows",
    },
  ],
  async run({ flags, given, arguments: [registry = "docker.io"] }, { environment }) {
    const { password } = flags;
    const access = {
      authFile: flags.authfile,
      isInsecure: flags.insecure,
      isTLSVerified: given.has("tls-verify") ? flags["tls-verify"] : undefined,
    };
    if (flags["entra-token-stdin"]) {
      if (flags.username !== undefined || password !== undefined || flags["password-stdin"])
        throw new InvalidOption(
          { option: "--entra-token-stdin", value: "" },
          "--entra-token-stdin takes neither --username nor a password",
        );
      const token = (await Bun.stdin.text()).trim();
      if (token === "")
        throw new InvalidOption({ option: "--entra-token-stdin", value: "" }, "There is no token on stdin");
      tell(await logInByEntra(registry, { token, tenant: flags["entra-tenant"] }, { access, environment }));
      return 0;
    }
    if (password !== undefined && flags["password-stdin"])
      throw new InvalidOption(
        { option: "--password", value: "" },
        "--password and --password-stdin are mutually exclusive",
      );
    // As docker does, of who sits there.
    const isAsked = isTerminal(0) && !flags["password-stdin"];
    const username = flags.username || (isAsked ? askLine("Username: ") : "");
    if (username === "")
      throw new InvalidOption({ option: "--username", value: "" }, "Must provide --username");
    if (password !== undefined)
      printError("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    const secret = flags["password-stdin"]
      ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
      : (password ?? (isAsked ? readHidden("Password: ") : ""));
    if (secret === "")
      throw new InvalidOption(
        { option: "--password", value: "" },
        "Must provide --password-stdin, and a password",
      );
    tell(await logIn(registry, { username, password: secret }, { access, environment }));
    return 0;
  },
});

function tell(kept: KeptIn): void {
  if (kept.kind === "file")
    printError(`The password is in ${kept.path}, where everybody who is you can read it\n`);
  print("Login Succeeded\n");
}
