/** Images that other tools made, and what those tools do with them: the peers of the image tests. */
import { join } from "node:path";
import { run } from "../teu.ts";

let made: string | undefined;

/** The folder of OCI layouts that test/fixtures/make-images makes; the first call may take a minute. */
export function imagesFolder(): string {
  if (made !== undefined) return made;
  const result = Bun.spawnSync([join(import.meta.dir, "../../fixtures/make-images")], { stderr: "pipe" });
  if (!result.success) throw new Error(`Cannot make the images of the tests: ${result.stderr.toString()}`);
  made = result.stdout.toString().trim();
  return made;
}

/** Runs a peer, and throws with its words when it fails. */
export async function peer(...command: readonly string[]): Promise<string> {
  const result = await run(command);
  if (result.status !== 0) throw new Error(`${command.join(" ")}: status ${result.status}: ${result.stderr}`);
  return result.stdout;
}

/** Unpacks an image of an OCI layout with umoci; returns the root file system. */
export async function unpackByUmoci(image: string, folder: string): Promise<string> {
  await peer("umoci", "unpack", "--image", image, folder);
  return join(folder, "rootfs");
}

/** Copies an image with skopeo, no certificate needed. */
export async function copyBySkopeo(from: string, to: string, ...flags: readonly string[]): Promise<void> {
  const insecure = ["--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"];
  await peer("skopeo", insecure[0] ?? "", "copy", "--quiet", ...insecure.slice(1), ...flags, from, to);
}

/** The digest that skopeo finds at a place. */
export async function digestBySkopeo(place: string): Promise<string> {
  const manifest = await peer("skopeo", "inspect", "--raw", "--tls-verify=false", place);
  return `sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`;
}
