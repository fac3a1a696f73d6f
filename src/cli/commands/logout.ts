/** `teu logout`. Docker's words. */
import { print } from "../../base/index.ts";
import { logOut } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { authFile } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu logout",
  summary: "Forget who we are to a registry",
  flags: { authfile: authFile(" that it is kept in") },
  arguments: [{ name: "REGISTRY", isOptional: true }],
  examples: [{ command: "teu logout registry.example", says: "Keep its password no longer" }],
  async run({ flags, arguments: [registry = "docker.io"] }, { environment }) {
    const isGone = await logOut(registry, { access: { authFile: flags.authfile }, environment });
    print(isGone ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`);
    return 0;
  },
});
